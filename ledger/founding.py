"""What a territory brings into the state, in the genesis or when it joins.

Its record, the accounts of its staff, its issuer and its commons, its currencies; its place among
the members, and a record of each key that it is a member with.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ledger.account_kinds import COMMONS, ISSUER, TERRITORY
from ledger.founders import GenesisCurrency, Territory
from ledger.network_objects import (
    COMETBFT,
    RECOVERY,
    VOTING,
    MemberKeyRecord,
    NetworkMember,
    NetworkTerms,
    member_key_tree_key,
)
from ledger.objects import ACCOUNT, Account, Currency, DeviceKey, TerritoryRecord, tree_key
from ledger.objects import CURRENCY as CURRENCY_OBJECT
from ledger.objects import TERRITORY as TERRITORY_OBJECT
from ledger.roles import COUNTERSIGN, ISSUE, MANAGE, PAPER, SPEND, STAFF
from ledger.rules import Parameters
from ledger.shapes import BLIND_BYTES, ID_BYTES
from primitives.hashing import hash_items


class FoundedTerritory(NamedTuple):
    """The objects that a new territory brings."""

    record: TerritoryRecord
    accounts: tuple[Account, ...]
    currencies: tuple[Currency, ...]


def found(territory: Territory) -> FoundedTerritory:
    """The objects of a territory that was never there."""
    first = territory.currencies[0].code
    record = TerritoryRecord(
        tree_key(TERRITORY_OBJECT, territory.prefix),
        territory.prefix,
        territory.name,
        territory.account_id,
        territory.commons_id,
        tuple([currency.code for currency in territory.currencies]),
        0,
        0,
        0,
        territory.wage_cap_bps,
        territory.two_signers_above_minor,
    )
    accounts = (
        _account(territory, territory.account_id, TERRITORY, first),
        _account(territory, territory.issuer_id, ISSUER, first),
        _account(territory, territory.commons_id, COMMONS, first),
    )
    currencies = tuple([_currency(territory, currency) for currency in territory.currencies])
    return FoundedTerritory(record, accounts, currencies)


def member_of(territory: Territory) -> NetworkMember:
    """A territory's place among the members."""
    return NetworkMember(
        territory.prefix,
        territory.voting_key,
        territory.recovery_key,
        territory.authority_der,
        territory.peer,
        territory.http,
        territory.cometbft_key,
        False,
    )


def member_keys(
    prefix: str, voting: bytes | None, recovery: bytes | None, cometbft: bytes | None
) -> list[MemberKeyRecord]:
    """The records of keys that a member is registered with."""
    uses = ((VOTING, voting), (RECOVERY, recovery), (COMETBFT, cometbft))
    return [
        MemberKeyRecord(member_key_tree_key(use, key), use, key, prefix)
        for use, key in uses
        if key is not None
    ]


def keys_of(member: NetworkMember) -> list[MemberKeyRecord]:
    """The records of all keys of a member."""
    return member_keys(member.prefix, member.voting_key, member.recovery_key, member.cometbft_key)


def terms_of_founders(
    territories: Iterable[Territory], parameters: Parameters, rule_version: int
) -> NetworkTerms:
    """The terms that a network of these territories begins with."""
    members = sorted([member_of(territory) for territory in territories])
    return NetworkTerms(tuple(members), parameters, rule_version)


def _account(territory: Territory, identity: bytes, kind: str, code: str) -> Account:
    keys, threshold, roles = {
        TERRITORY: (territory.signing_keys, territory.signing_threshold, STAFF),
        ISSUER: (territory.issuer_keys, territory.issuer_threshold, ISSUE),
        COMMONS: (territory.signing_keys, territory.signing_threshold, SPEND | MANAGE),
    }[kind]
    devices = [DeviceKey(key, roles, None, 0, 0) for key in keys]
    if kind == TERRITORY:
        devices.append(DeviceKey(territory.node_key, COUNTERSIGN, None, 0, 0))
        devices.append(DeviceKey(territory.recovery_key, PAPER, None, 0, 0))
    blind = hash_items("genesis_blind", [territory.prefix, kind])[:BLIND_BYTES]
    return Account(
        tree_key(ACCOUNT, identity),
        identity[:ID_BYTES],
        territory.prefix,
        kind,
        code,
        0,
        blind,
        threshold,
        tuple(devices),
        0,
        0,
        0,
    )


def _currency(territory: Territory, currency: GenesisCurrency) -> Currency:
    holders = 3 if currency is territory.currencies[0] else 0
    return Currency(
        tree_key(CURRENCY_OBJECT, currency.code),
        currency.code,
        territory.prefix,
        currency.kind,
        currency.decimals,
        territory.issuer_id,
        0,
        0,
        0,
        0,
        holders,
        currency.redeem_fee_bps,
        territory.commons_id,
        currency.redeem_kinds,
    )
