"""Programmes: budgets that a territory sets apart from its commons for bulletins.

A programme's account has no device key: only the territory acts for it, with its node's key and
its staff's. Money comes from the commons and goes to residents by `bulletin.credit`, or back.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.account_kinds import PROGRAMME
from ledger.accounts import counted_currency
from ledger.envelope import Transaction
from ledger.fields import ProgrammeClosing, ProgrammeFunding, ProgrammeOpening
from ledger.lanes import LaneUse
from ledger.objects import ACCOUNT, Account, Currency, TerritoryRecord, tree_key
from ledger.payments import check_room
from ledger.rules import Parameters
from ledger.shapes import (
    BLIND_BYTES,
    HASH_BYTES,
    ID_BYTES,
    SEED_BYTES,
    expect_amount,
    expect_bytes,
    expect_count,
    expect_text,
    wrong_shape,
)
from ledger.state import Candidate
from ledger.territories import (
    TerritoryUse,
    check_node_lane,
    check_staff,
    check_unfrozen,
    count_accounts,
    known_account,
)
from ledger.view import View
from primitives.addresses import account_id
from primitives.encoding import Value
from primitives.errors import Refused

PROGRAMME_OPEN_OBJECTS = 5
PROGRAMME_FUND_OBJECTS = 3
PROGRAMME_CLOSE_OBJECTS = 3


class ProgrammeOpenPlan(NamedTuple):
    """A programme to open that passed its checks."""

    use: LaneUse
    commons: Account
    """As it is."""
    programme: Account
    """As it will be, with its budget."""
    currency: Currency
    territory: TerritoryRecord


class TransferPlan(NamedTuple):
    """Money between commons and programme that passed its checks; both accounts as they will be."""

    use: LaneUse
    payer: Account
    payee: Account


def programme_open_fields(
    seed: bytes, blind: bytes, currency: str, budget_minor: int, commitment: bytes
) -> tuple[Value, ...]:
    """The body's last values of `programme.open`: `seed` (32 random bytes) gives the account's id,
    `account_id(prefix, seed)`; `blind` is 16 random bytes; `commitment` 32."""
    return (seed, blind, currency, budget_minor, commitment)


def programme_fund_fields(programme: bytes, amount_minor: int) -> tuple[Value, ...]:
    """The body's last values of `programme.fund`; `programme` is an account id."""
    return (programme, amount_minor)


def programme_close_fields(programme: bytes, amount_minor: int) -> tuple[Value, ...]:
    """The body's last values of `programme.close`; `programme` is an account id, the amount what
    is left there, which may be 0."""
    return (programme, amount_minor)


def validate_programme_open(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> ProgrammeOpening:
    """Shape and amount."""
    if len(values) != 5:
        raise wrong_shape("programme.open")
    seed, blind, currency, budget_minor, commitment = values
    return ProgrammeOpening(
        expect_bytes(seed, SEED_BYTES, "seed"),
        expect_bytes(blind, BLIND_BYTES, "blind"),
        expect_text(currency, "currency"),
        commitment=expect_bytes(commitment, HASH_BYTES, "commitment"),
        budget_minor=expect_amount(budget_minor, "budget_minor"),
    )


def validate_programme_fund(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> ProgrammeFunding:
    """Shape and amount."""
    if len(values) != 2:
        raise wrong_shape("programme.fund")
    programme = expect_bytes(values[0], ID_BYTES, "programme")
    return ProgrammeFunding(programme, expect_amount(values[1], "amount_minor"))


def validate_programme_close(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> ProgrammeClosing:
    """Shape; nothing may be left."""
    if len(values) != 2:
        raise wrong_shape("programme.close")
    programme = expect_bytes(values[0], ID_BYTES, "programme")
    return ProgrammeClosing(programme, expect_count(values[1], "amount_minor"))


def check_programme(view: View, acting: TerritoryUse, identity: bytes) -> Account:
    """The programme with this account id, if it is the acting territory's.

    Raises `account_unknown`, `account_kind_invalid`, `role_missing`.
    """
    programme = view.account(identity)
    if programme is None:
        raise Refused("account_unknown", "the programme is not open", field="programme")
    if programme.kind != PROGRAMME:
        raise Refused("account_kind_invalid", f"the account is a {programme.kind}'s")
    if programme.prefix != acting.territory.prefix:
        raise Refused("role_missing", "the programme is another territory's")
    return programme


def check_programme_open(
    view: View, transaction: Transaction, opening: ProgrammeOpening, time_ms: int
) -> ProgrammeOpenPlan:
    """All that a new programme needs of the state; changes nothing."""
    acting = check_node_lane(view, transaction, time_ms)
    territory = acting.territory
    check_staff(acting, transaction, opening.budget_minor)
    territory_after = count_accounts(view, territory, transaction.created_ms, 1)
    commons = known_account(view, territory.commons_id)
    if opening.currency != commons.currency:
        raise Refused("currency_mismatch", f"the commons holds {commons.currency}")
    identity = account_id(territory.prefix, opening.seed)
    if view.account(identity) is not None:
        raise Refused("account_exists", identity.hex(), field="seed")
    _check_budget_of(commons, opening.budget_minor, time_ms)
    programme = Account(
        tree_key(ACCOUNT, identity),
        identity,
        territory.prefix,
        PROGRAMME,
        opening.currency,
        opening.budget_minor,
        opening.blind,
        1,
        (),
        0,
        0,
        0,
    )
    currency = counted_currency(view, opening.currency, 1)
    return ProgrammeOpenPlan(acting.use, commons, programme, currency, territory_after)


def check_programme_fund(
    view: View, transaction: Transaction, funding: ProgrammeFunding, time_ms: int
) -> TransferPlan:
    """All that adding to a budget needs of the state; changes nothing."""
    acting = check_node_lane(view, transaction, time_ms)
    amount_minor = funding.amount_minor
    check_staff(acting, transaction, amount_minor)
    programme = check_programme(view, acting, funding.programme)
    commons = known_account(view, acting.territory.commons_id)
    _check_budget_of(commons, amount_minor, time_ms)
    check_room(programme, amount_minor)
    return TransferPlan(
        acting.use, commons.credited(-amount_minor), programme.credited(amount_minor)
    )


def check_programme_close(
    view: View, transaction: Transaction, closing: ProgrammeClosing, time_ms: int
) -> TransferPlan:
    """All that giving the rest back needs of the state; changes nothing."""
    acting = check_node_lane(view, transaction, time_ms)
    amount_minor = closing.amount_minor
    check_staff(acting, transaction, amount_minor)
    programme = check_programme(view, acting, closing.programme)
    check_budget(programme, amount_minor, time_ms)
    commons = known_account(view, acting.territory.commons_id)
    check_room(commons, amount_minor)
    return TransferPlan(
        acting.use, programme.credited(-amount_minor), commons.credited(amount_minor)
    )


def check_budget(programme: Account, amount_minor: int, time_ms: int) -> None:
    """The programme may spend that much: `account_frozen`, `programme_budget_exceeded`."""
    check_unfrozen(programme, time_ms)
    left_minor = programme.balance_minor
    if left_minor < amount_minor:
        raise Refused(
            "programme_budget_exceeded", f"{left_minor} minor units left, {amount_minor} asked"
        )


def _check_budget_of(commons: Account, amount_minor: int, time_ms: int) -> None:
    """The commons can give that much: `account_frozen`, `balance_insufficient`."""
    check_unfrozen(commons, time_ms)
    if commons.balance_minor < amount_minor:
        raise Refused(
            "balance_insufficient", f"{commons.balance_minor} minor units, {amount_minor} asked"
        )


def apply_programme_open(candidate: Candidate, plan: ProgrammeOpenPlan) -> None:
    """Open the programme and give it its budget."""
    commons = plan.commons.credited(-plan.programme.balance_minor)
    accounts = (plan.use.spent(0), commons, plan.programme)
    candidate.write(accounts, (plan.currency,), plan.territory)


def apply_transfer(candidate: Candidate, plan: TransferPlan) -> None:
    """Move money between commons and programme."""
    candidate.write((plan.use.spent(0), plan.payer, plan.payee))
