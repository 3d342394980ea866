"""Counts per day that stand inside an object as (day, count).

`day = max(stored day, ⌊created_ms / 86,400,000⌋)`; a new day resets the counts. The date is the
transaction's own, so state depends on the transactions alone and never on a block's time.
"""

from __future__ import annotations

from ledger.rules import MS_PER_DAY


def day_of(stored_day: int, created_ms: int) -> int:
    """The day, counted from 1970, that a transaction counts on."""
    day = created_ms // MS_PER_DAY
    return day if day > stored_day else stored_day


def counted(stored_day: int, stored_count: int, day: int, more: int) -> int:
    """The count of `day` after `more` were added; `day` comes from `day_of`."""
    return stored_count + more if day == stored_day else more
