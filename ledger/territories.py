"""Territories as the rules meet them: their records, their day's counts, and who acts for them.

What moves a territory's own money, or credits bulletins, is sent from its account by its node's
key and signed by its staff beside: the node says that it checked what only it can see, the staff
answers for it. Above an amount that the genesis names, two of the staff must sign.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.days import counted, day_of
from ledger.envelope import Transaction
from ledger.lanes import LaneUse, check_lane
from ledger.objects import Account, TerritoryRecord
from ledger.roles import COUNTERSIGN, ROLE_NAMES, STAFF
from ledger.signers import check_unblocked
from ledger.view import View
from primitives.errors import InvariantBroken, Refused

STAFF_ABOVE = 2
"""So many of the staff sign above `two_signers_above_minor`."""


class TerritoryUse(NamedTuple):
    """The lane of a territory's node, and the territory."""

    use: LaneUse
    territory: TerritoryRecord


def known_territory(view: View, prefix: str) -> TerritoryRecord:
    """The territory of an object that stands in state; it always exists."""
    territory = view.territory(prefix)
    if territory is None:
        raise InvariantBroken(f"no territory is called {prefix}")
    return territory


def known_account(view: View, identity: bytes) -> Account:
    """An account that another object of the state names; it always exists."""
    account = view.account(identity)
    if account is None:
        raise InvariantBroken(f"no account {identity.hex()}")
    return account


def check_unfrozen(account: Account, time_ms: int) -> None:
    """Money may leave it, or it may agree; else `account_frozen`."""
    if account.frozen_until_ms > time_ms:
        raise Refused("account_frozen", f"the {account.kind}, until {account.frozen_until_ms} ms")


def count_accounts(
    view: View, territory: TerritoryRecord, created_ms: int, more: int
) -> TerritoryRecord:
    """The territory after it opened `more` accounts on that day, or `quota_exceeded`."""
    day = day_of(territory.day, created_ms)
    opened_count = counted(territory.day, territory.opened_count, day, more)
    if opened_count > view.parameters.accounts_opened_per_day_max:
        raise Refused("quota_exceeded", "the territory's accounts opened on that day")
    lines_count = counted(territory.day, territory.lines_count, day, 0)
    return territory._replace(day=day, opened_count=opened_count, lines_count=lines_count)


def count_lines(
    view: View, territory: TerritoryRecord, created_ms: int, more: int
) -> TerritoryRecord:
    """The territory after `more` lines of batches on that day, or `quota_exceeded`."""
    day = day_of(territory.day, created_ms)
    lines_count = counted(territory.day, territory.lines_count, day, more)
    if lines_count > view.parameters.lines_per_day_max:
        raise Refused("quota_exceeded", "the territory's lines of the day")
    opened_count = counted(territory.day, territory.opened_count, day, 0)
    return territory._replace(day=day, opened_count=opened_count, lines_count=lines_count)


def check_node_lane(view: View, transaction: Transaction, time_ms: int) -> TerritoryUse:
    """The lane is that of a territory's node: what `check_lane` raises, `role_missing`."""
    valid_for_ms_max = view.parameters.valid_for_cosigned_ms_max
    use = check_lane(view, transaction, time_ms, COUNTERSIGN, valid_for_ms_max)
    territory = known_territory(view, use.account.prefix)
    if territory.account_id != use.account.id:
        raise Refused("role_missing", "the account is not a territory's")
    return TerritoryUse(use, territory)


def check_staff(acting: TerritoryUse, transaction: Transaction, amount_minor: int) -> None:
    """Every signer beside the node is of the staff, and enough of them for the amount.

    Raises `key_unknown`, `key_blocked`, `role_missing`, `signatures_insufficient`.
    """
    account = acting.use.account
    staff = 0
    for key, _ in transaction.signers[1:]:
        device = account.device(key)
        if device is None:
            raise Refused("key_unknown", "a signer is not on the account", field="signers")
        check_unblocked(device)
        if not device.roles & STAFF:
            raise Refused("role_missing", f"a signer lacks the role {ROLE_NAMES[STAFF]}")
        staff += 1
    needed = account.threshold
    if amount_minor > acting.territory.two_signers_above_minor:
        needed = max(needed, STAFF_ABOVE)
    if staff < needed:
        raise Refused(
            "signatures_insufficient", f"{staff} of {needed} staff keys signed", field="signers"
        )
