"""What must hold of the money at every height, whatever the rules' code does.

Kind `euro`: reserve + receivable − payable = supply = sum of balances. Kind `time`: supply = sum
of balances. `conserve` guards the one door through which state changes: it compares what a
transaction would write with what stands there, before anything is written. A violation refuses
that transaction and is an alarm (`ConservationBroken`): found before anyone votes, it stops
nobody, and it is a bug of ours. `full_sums` adds up everything, for `democite node verify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ledger.account_kinds import EURO
from ledger.objects import Account, Currency, StateObject
from ledger.view import View
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.errors import InvariantBroken, Refused


class ConservationBroken(Refused):
    """A transaction passed its family's checks and would still break the totals: an alarm."""

    def __init__(self, detail: str) -> None:
        super().__init__("invariant_broken", detail)


def conserve(
    view: View, accounts: Sequence[Account], currencies: Sequence[Currency]
) -> list[Account | None]:
    """Check what one transaction would write; give the accounts as they stood, in order.

    Raises `ConservationBroken`.
    """
    before = [view.account(account.id) for account in accounts]
    if len(before) == 2 and not currencies and _is_transfer(*accounts, *before):
        return before
    moved: dict[str, int] = {}
    opened: dict[str, int] = {}
    for account, old in zip(accounts, before, strict=True):
        balance_minor = account.balance_minor
        if not 0 <= balance_minor <= AMOUNT_MINOR_MAX:
            raise ConservationBroken("a balance would leave its range")
        code = account.currency
        if old is None:
            opened[code] = opened.get(code, 0) + 1
        elif old.currency == code:
            balance_minor -= old.balance_minor
        else:
            raise ConservationBroken("an account would change its currency")
        moved[code] = moved.get(code, 0) + balance_minor
    if len({account.id for account in accounts}) != len(accounts):
        raise ConservationBroken("an account would be written twice")
    for currency in currencies:
        code = currency.code
        _check_currency(view, currency, moved.pop(code, 0), opened.pop(code, 0))
    if opened or any(moved.values()):
        raise ConservationBroken("balances would change without the currency's totals")
    return before


def _is_transfer(
    one: Account, other: Account, one_before: Account | None, other_before: Account | None
) -> bool:
    """Whether two accounts of one currency, both there before, hold together what they held: what
    all payments are, so that nothing needs to be added up by currency for them."""
    if one_before is None or other_before is None or one.id == other.id:
        return False
    if not one.currency == other.currency == one_before.currency == other_before.currency:
        return False
    balance_minor, other_minor = one.balance_minor, other.balance_minor
    if not 0 <= balance_minor <= AMOUNT_MINOR_MAX or not 0 <= other_minor <= AMOUNT_MINOR_MAX:
        return False
    return balance_minor + other_minor == one_before.balance_minor + other_before.balance_minor


def _check_currency(view: View, currency: Currency, moved_minor: int, opened: int) -> None:
    old = view.currency(currency.code)
    if old is None and any(currency[6:10]):
        raise ConservationBroken(f"{currency.code} would appear with money in it")
    supply_minor, accounts = (0, 0) if old is None else (old.supply_minor, old.accounts)
    if currency.supply_minor - supply_minor != moved_minor:
        raise ConservationBroken(f"supply of {currency.code} would differ from its balances")
    if currency.accounts - accounts != opened:
        raise ConservationBroken(f"accounts of {currency.code} would be miscounted")
    check_totals(currency)


def check_totals(currency: Currency) -> None:
    """The identity inside one currency's object. Raises `ConservationBroken`."""
    totals = currency[6:10]
    if not all(0 <= total <= AMOUNT_MINOR_MAX for total in totals):
        raise ConservationBroken(f"a total of {currency.code} would leave its range")
    reserve, supply, receivable, payable = totals
    if currency.kind == EURO:
        if reserve + receivable - payable != supply:
            raise ConservationBroken(f"reserve and supply of {currency.code} would differ")
    elif reserve or receivable or payable:
        raise ConservationBroken(f"{currency.code} has no euros behind it")


class Sums(NamedTuple):
    """One currency, added up account by account."""

    reserve_minor: int
    supply_minor: int
    balances_minor: int
    accounts: int


def full_sums(objects: Iterable[StateObject]) -> dict[str, Sums]:
    """Add up a whole state, by currency code. Raises `InvariantBroken` where it does not hold."""
    balances: dict[str, int] = {}
    counts: dict[str, int] = {}
    currencies: dict[str, Currency] = {}
    for item in objects:
        if isinstance(item, Account):
            balances[item.currency] = balances.get(item.currency, 0) + item.balance_minor
            counts[item.currency] = counts.get(item.currency, 0) + 1
        elif isinstance(item, Currency):
            currencies[item.code] = item
    for code in balances:
        if code not in currencies:
            raise InvariantBroken(f"accounts hold {code}, which does not exist")
    sums: dict[str, Sums] = {}
    for code, currency in currencies.items():
        try:
            check_totals(currency)
        except ConservationBroken as broken:
            raise InvariantBroken(broken.detail) from broken
        if balances.get(code, 0) != currency.supply_minor:
            raise InvariantBroken(f"supply of {code} differs from the sum of its balances")
        if counts.get(code, 0) != currency.accounts:
            raise InvariantBroken(f"accounts of {code} are not as many as counted")
        sums[code] = Sums(
            currency.reserve_minor, currency.supply_minor, balances.get(code, 0), currency.accounts
        )
    return sums
