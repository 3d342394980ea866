"""Whom a transaction concerns, and what each of them saw of it: for histories and entitlements."""

from collections.abc import Iterable
from typing import NamedTuple

from ledger.fields import (
    BulletinCredit,
    CreditLine,
    Issue,
    NetworkMove,
    NetworkProposal,
    NetworkVote,
    Opening,
    Payment,
    ProgrammeClosing,
    ProgrammeFunding,
    ProgrammeOpening,
    Redemption,
    Refunding,
    WagesPay,
)
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
        return _each_once([Concern(account, 0, None), *_lines(fields.lines, account)])
    if isinstance(fields, WagesPay):
        return [Concern(account, -fields.total_minor, None), *_lines(fields.lines, account)]
    if isinstance(fields, BulletinCredit):
        programme = fields.programme
        return [
            Concern(account, 0, None),
            Concern(programme, -fields.total_minor, None),
            *_lines(fields.lines, programme),
        ]
    if isinstance(fields, Redemption):
        return _redemption(account, fields, view)
    if isinstance(fields, Opening):
        return _each_once([Concern(account, 0, None), *_opened(account, fields, view)])
    if isinstance(fields, ProgrammeOpening | ProgrammeFunding | ProgrammeClosing):
        return _budget(account, fields, view)
    if isinstance(fields, NetworkProposal | NetworkVote | NetworkMove):
        return [Concern(account, 0, None)]
    # Powers move nothing: the account acted on, and who acted.
    return _each_once([Concern(account, 0, None), Concern(fields.target, 0, None)])


def touched_accounts(transaction: Transaction, view: View) -> tuple[bytes, ...]:
    """Only the accounts; short for payments, which are most of all, and for long batches."""
    fields = transaction.fields
    if isinstance(fields, Payment):
        return (transaction.account, fields.payee)
    if isinstance(fields, WagesPay):
        return (transaction.account, *[line.account for line in fields.lines])
    if isinstance(fields, BulletinCredit):
        lines = [line.account for line in fields.lines]
        return (transaction.account, fields.programme, *lines)
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


def _lines(lines: Iterable[CreditLine], payer: bytes) -> list[Concern]:
    """What each line's account got; the others' lines are none of its business."""
    return [Concern(line.account, line.amount_minor, payer) for line in lines]


def _budget(
    account: bytes, fields: ProgrammeOpening | ProgrammeFunding | ProgrammeClosing, view: View
) -> list[Concern]:
    """Money between a territory's commons and a programme; the territory acts for both."""
    acting = view.account(account)
    territory = None if acting is None else view.territory(acting.prefix)
    sides = [Concern(account, 0, None)]
    if territory is None:
        return sides
    commons = territory.commons_id
    if isinstance(fields, ProgrammeOpening):
        programme, given_minor = account_id(territory.prefix, fields.seed), fields.budget_minor
    elif isinstance(fields, ProgrammeFunding):
        programme, given_minor = fields.programme, fields.amount_minor
    else:
        programme, given_minor = fields.programme, -fields.amount_minor
    return [
        *sides,
        Concern(commons, -given_minor, programme),
        Concern(programme, given_minor, commons),
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
