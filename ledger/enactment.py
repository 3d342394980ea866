"""What a voted change makes of the state: the terms after it, and all that a joining territory
brings. What a genesis may not say, no vote may make of the network either.

A change is judged as of the state it applies to, so it is refused where another one, enacted
since, left nothing to do or stands against it. `basis_of` says whether what it is about is still
what it was when it was proposed: else those who said yes said it to something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ledger.changes import (
    AddMember,
    Change,
    ChangeParameter,
    ChangeRules,
    PauseMember,
    RemoveMember,
    ReplaceKeys,
    ResumeMember,
)
from ledger.figures import check_figures
from ledger.founders import TERRITORIES_MAX, Territory
from ledger.founding import found, keys_of, member_keys, member_of
from ledger.network_objects import MemberKeyRecord, NetworkMember, NetworkTerms
from ledger.objects import Account, Currency, TerritoryRecord
from ledger.view import View
from primitives.encoding import Value, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes


class Enactment(NamedTuple):
    """What the state gets when a change is enacted."""

    terms: NetworkTerms
    accounts: tuple[Account, ...] = ()
    currencies: tuple[Currency, ...] = ()
    territory: TerritoryRecord | None = None
    keys: Sequence[MemberKeyRecord] = ()


def basis_of(terms: NetworkTerms, change: Change) -> bytes:
    """Hash of what a change is about, as it stands: the member's keys and whether it is paused,
    the parameter's figure, the rule version."""
    subject: Value
    if isinstance(change, ChangeParameter):
        subject = getattr(terms.parameters, change.name)
    elif isinstance(change, ChangeRules):
        subject = terms.rule_version
    else:
        member = terms.member(_prefix_of(change))
        # Where it is reached is its own affair, and no reason to ask everybody again.
        subject = None if member is None else tuple(member._replace(peer="", http=""))
    return hash_bytes("basis", encode(subject))


def _prefix_of(
    change: AddMember | RemoveMember | PauseMember | ResumeMember | ReplaceKeys,
) -> str:
    return change.territory.prefix if isinstance(change, AddMember) else change.prefix


def enact(view: View, change: Change) -> Enactment:
    """What `change` makes of the state; changes nothing.

    Raises `Refused`: `member_exists`, `member_unknown`, `member_key_used`, `member_last`,
    `territory_differs`, `account_exists`, `currency_exists`, `change_without_effect`,
    `change_invalid`.
    """
    terms = view.network().terms
    if isinstance(change, AddMember):
        return _add(view, terms, change.territory)
    if isinstance(change, ChangeParameter):
        return Enactment(_with_parameter(terms, change))
    if isinstance(change, ChangeRules):
        if change.version != terms.rule_version + 1:
            raise Refused(
                "change_invalid", f"version {terms.rule_version} is voted", field="version"
            )
        return Enactment(terms._replace(rule_version=change.version))
    member = terms.member(change.prefix)
    if member is None:
        raise Refused("member_unknown", f"{change.prefix[:20]!r}", field="prefix")
    if isinstance(change, ReplaceKeys):
        return _with_keys(view, terms, member, change)
    if isinstance(change, RemoveMember):
        return Enactment(_without_empty_set(_with_member(terms, change.prefix, None)))
    paused = isinstance(change, PauseMember)
    if member.paused == paused:
        raise Refused("change_without_effect", f"{member.prefix} is so already", field="prefix")
    changed = _with_member(terms, member.prefix, member._replace(paused=paused))
    return Enactment(_without_empty_set(changed))


def moved(terms: NetworkTerms, prefix: str, peer: str, http: str) -> NetworkTerms:
    """The terms after a member's node moved."""
    member = terms.member(prefix)
    if member is None:
        raise Refused("member_unknown", prefix)
    if (member.peer, member.http) == (peer, http):
        raise Refused("change_without_effect", f"{prefix} is reached there already")
    return _with_member(terms, prefix, member._replace(peer=peer, http=http))


def _with_member(terms: NetworkTerms, prefix: str, member: NetworkMember | None) -> NetworkTerms:
    """The terms with `member` in the place of that name, or with nobody there."""
    others = [one for one in terms.members if one.prefix != prefix]
    if member is not None:
        others.append(member)
    return terms._replace(members=tuple(sorted(others, key=lambda one: one.prefix)))


def _without_empty_set(terms: NetworkTerms) -> NetworkTerms:
    if not terms.active:
        raise Refused("member_last", "nobody would be left to vote on blocks", field="prefix")
    return terms


def _with_parameter(terms: NetworkTerms, change: ChangeParameter) -> NetworkTerms:
    if getattr(terms.parameters, change.name) == change.figure:
        raise Refused("change_without_effect", f"{change.name} is so already", field="figure")
    try:
        parameters = replace(terms.parameters, **{change.name: change.figure})
    except Refused as refusal:
        raise Refused("change_invalid", refusal.detail, field=refusal.field) from None
    check_figures(parameters, change.name)
    return terms._replace(parameters=parameters)


def _with_keys(
    view: View, terms: NetworkTerms, member: NetworkMember, change: ReplaceKeys
) -> Enactment:
    new = member._replace(
        voting_key=change.voting_key or member.voting_key,
        authority_der=change.authority_der or member.authority_der,
        recovery_key=change.recovery_key or member.recovery_key,
        cometbft_key=change.cometbft_key or member.cometbft_key,
    )
    keys = member_keys(member.prefix, change.voting_key, change.recovery_key, change.cometbft_key)
    _check_unused(view, keys)
    if new == member:
        raise Refused("change_without_effect", f"{member.prefix} has that already")
    return Enactment(_with_member(terms, member.prefix, new), keys=keys)


def _check_unused(view: View, keys: Sequence[MemberKeyRecord]) -> None:
    """No member has or had one of these keys: what was retired may have been stolen since."""
    for record in keys:
        used = view.member_key(record.use, record.key)
        if used is not None:
            raise Refused("member_key_used", f"{record.key.hex()} was registered for {used.prefix}")


def _add(view: View, terms: NetworkTerms, territory: Territory) -> Enactment:
    prefix = territory.prefix
    if terms.member(prefix) is not None:
        raise Refused("member_exists", f"{prefix} is a member", field="prefix")
    if len(terms.members) >= TERRITORIES_MAX:
        raise Refused("change_invalid", f"at most {TERRITORIES_MAX} members")
    codes = [currency.code for currency in territory.currencies]
    if len(set(codes)) != len(codes):
        raise Refused("change_invalid", "two currencies have this code", field="currency")
    member = member_of(territory)
    keys = keys_of(member)
    _check_unused(view, keys)
    changed = _with_member(terms, prefix, member)
    if view.territory(prefix) is not None:
        check_same(view, territory)
        return Enactment(changed, keys=keys)
    for code in codes:
        if view.currency(code) is not None:
            raise Refused("currency_exists", code, field="currency")
    founded = found(territory)
    for account in founded.accounts:
        if view.account(account.id) is not None:
            raise Refused("account_exists", account.id.hex())
    return Enactment(changed, founded.accounts, founded.currencies, founded.record, keys)


def check_same(view: View, territory: Territory) -> None:
    """A territory that was a member comes back as what it was: a short name that is on accounts,
    addresses and receipts never comes to mean somebody else.

    Its counts, totals and device keys have moved on and stay as they are; everything else must be
    what the state holds.
    """
    founded = found(territory)
    record = view.territory(territory.prefix)
    if record is None or founded.record != record._replace(day=0, opened_count=0, lines_count=0):
        raise Refused("territory_differs", f"{territory.prefix} was another", field="territory")
    for currency in founded.currencies:
        known = view.currency(currency.code)
        if known is None or _terms_of(known) != _terms_of(currency):
            raise Refused("territory_differs", currency.code, field="currency")


def _terms_of(currency: Currency) -> Currency:
    """A currency without its totals."""
    return currency._replace(
        reserve_minor=0, supply_minor=0, receivable_minor=0, payable_minor=0, accounts=0
    )
