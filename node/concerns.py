"""Whom a transaction concerns, and what each of them saw of it: for histories and entitlements."""

from collections.abc import Iterable
from typing import NamedTuple

from ledger.fields import Issue, Opening, Payment, Redemption, Refunding
from ledger.reserve import redeem_fee_minor
from ledger.transaction import Transaction
from ledger.view import View
from primitives.addresses import account_id


class Concern(NamedTuple):
    """One account's side of a transaction: `amount_minor` is negative when money left it.

    `counterparty` is an account id, None where there is none or are many.
    """

    account: bytes
    amount_minor: int
    counterparty: bytes | None


def concerns(transaction: Transaction, view: View) -> list[Concern]:
    """All sides, the lane's account first; each account once.

    `view` is only asked what never changes: a territory account's prefix, a currency's terms.
    """
    fields, account = transaction.fields, transaction.account
    if isinstance(fields, Payment):
        return [
            Concern(account, -fields.amount_minor, fields.payee),
            Concern(fields.payee, fields.amount_minor, account),
        ]
    if isinstance(fields, Refunding):
        payer = fields.original.payer
        return [
            Concern(account, -fields.amount_minor, payer),
            Concern(payer, fields.amount_minor, account),
        ]
    if isinstance(fields, Issue):
        lines = [Concern(line.account, line.amount_minor, account) for line in fields.lines]
        return _each_once([Concern(account, 0, None), *lines])
    if isinstance(fields, Redemption):
        return _redemption(account, fields, view)
    return _each_once([Concern(account, 0, None), *_opened(account, fields, view)])


def touched_accounts(transaction: Transaction, view: View) -> tuple[bytes, ...]:
    """Only the accounts; short for payments, which are most of all."""
    fields = transaction.fields
    if isinstance(fields, Payment):
        return (transaction.account, fields.payee)
    return tuple([concern.account for concern in concerns(transaction, view)])


def _redemption(account: bytes, fields: Redemption, view: View) -> list[Concern]:
    sides = [Concern(account, -fields.amount_minor, None)]
    currency = view.currency(fields.currency)
    if currency is not None:
        fee_minor = redeem_fee_minor(fields.amount_minor, currency.redeem_fee_bps)
        sides.append(Concern(currency.fee_account_id, fee_minor, account))
    return _each_once(sides)


def _opened(account: bytes, fields: Opening, view: View) -> Iterable[Concern]:
    territory = view.account(account)
    if territory is None:
        return []
    return [
        Concern(account_id(territory.prefix, opened.keys[0].key), 0, account)
        for opened in fields.accounts
    ]


def _each_once(sides: list[Concern]) -> list[Concern]:
    first: dict[bytes, Concern] = {}
    for side in sides:
        earlier = first.get(side.account)
        if earlier is None:
            first[side.account] = side
        else:
            first[side.account] = earlier._replace(
                amount_minor=earlier.amount_minor + side.amount_minor
            )
    return list(first.values())
