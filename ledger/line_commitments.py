"""What a line of a batch commits to, and the two roundings that decide its amount.

The ledger holds the commitment alone; what it is over stands in the territory's registry. Whoever
is given the salt and the content can check them against the line. A line's salt is 32 random
bytes, derived from nothing: erasing it leaves a ledger that still verifies and tells nothing.
Knows nothing of state or transactions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ledger.shapes import SALT_BYTES, wrong_shape
from primitives.encoding import Value
from primitives.hashing import hash_items

WAGE_TAG = "wage"
BULLETIN_TAG = "bulletin"
BPS = 10_000
MINUTES_PER_HOUR = 60


class ActivityLine(NamedTuple):
    """One activity of a bulletin."""

    date: str
    """As `2026-05-31`."""
    minutes: int
    level: str
    rate_per_hour_minor: int


class BulletinContent(NamedTuple):
    """One person's hours in one programme and period, and what they give."""

    person: str
    programme: str
    period: str
    activities: tuple[ActivityLine, ...]
    minutes: int
    amount_minor: int


def line_commitment(tag: str, salt: bytes, content: Value) -> bytes:
    """H(tag, [salt, content]), 32 bytes. Refuses a salt of another length, which would hide
    less: `encoding_not_canonical`."""
    if len(salt) != SALT_BYTES:
        raise wrong_shape("salt")
    return hash_items(tag, [salt, content])


def wage_commitment(salt: bytes, gross_minor: int, employee: str, period: str) -> bytes:
    """The commitment of a payroll's line; `employee` is the registry's id, `period` `2026-05`."""
    return line_commitment(WAGE_TAG, salt, (gross_minor, employee, period))


def bulletin_commitment(salt: bytes, content: BulletinContent) -> bytes:
    """The commitment of a bulletin's line. The activities come in the order given: sort them by
    date where the bulletin is made."""
    return line_commitment(
        BULLETIN_TAG,
        salt,
        (
            content.person,
            content.programme,
            content.period,
            tuple([tuple(activity) for activity in content.activities]),
            content.minutes,
            content.amount_minor,
        ),
    )


def bulletin_amount_minor(activities: Iterable[ActivityLine]) -> int:
    """⌊Σ minutes × rate / 60⌋: rounded down once, over all activities of one programme."""
    total = sum([activity.minutes * activity.rate_per_hour_minor for activity in activities])
    return total // MINUTES_PER_HOUR


def wage_local_max_minor(gross_minor: int, cap_bps: int) -> int:
    """The most of a gross wage that may be paid in local money, rounded down."""
    return gross_minor * cap_bps // BPS


def is_within_wage_cap(local_minor: int, gross_minor: int, cap_bps: int) -> bool:
    """Whether local × 10,000 ≤ cap × gross: the same rule, without a rounding."""
    return local_minor * BPS <= gross_minor * cap_bps
