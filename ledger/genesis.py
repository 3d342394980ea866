"""The genesis: who founds a network, with which keys, currencies and parameters.

Its hash is the network's id, so everything that must not change silently stands here. The file
that people exchange is JSON; the id is over the canonical encoding of the same content. The engine
is not in it: one genesis, one id, serves both (docs/protocol.md, sections 1 and 5).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ledger.account_kinds import COMMONS, ISSUER, TERRITORY
from ledger.founders import (
    GenesisCurrency,
    Territory,
    invalid,
    territory_from_json,
    territory_to_json,
)
from ledger.json_fields import JsonFields
from ledger.objects import (
    ACCOUNT,
    Account,
    Currency,
    DeviceKey,
    StateObject,
    TerritoryRecord,
    tree_key,
)
from ledger.objects import CURRENCY as CURRENCY_OBJECT
from ledger.objects import TERRITORY as TERRITORY_OBJECT
from ledger.roles import COUNTERSIGN, ISSUE, MANAGE, SPEND, STAFF
from ledger.rules import PARAMETER_NAMES, RULE_VERSION, Parameters, RuleSet
from ledger.shapes import BLIND_BYTES, ID_BYTES
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes, hash_items

GENESIS_VERSION = 1
TERRITORIES_MAX = 1_024


@dataclass(frozen=True)
class Genesis:
    """The founding of a network. `time_ms` is the time of the block before the first;
    `rule_version` the rules that the first epoch begins with.

    Raises `Refused`: `genesis_invalid`; `version_unknown` for itself or its rules.
    """

    version: int
    time_ms: int
    demo: bool
    parameters: Parameters
    territories: tuple[Territory, ...]
    rule_version: int = RULE_VERSION
    rules: RuleSet = field(init=False, repr=False, compare=False)
    """Rules and parameters of the first epoch."""
    network_id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.version != GENESIS_VERSION:
            raise Refused("version_unknown", f"genesis version {self.version}", field="version")
        object.__setattr__(self, "rules", RuleSet(self.rule_version, self.parameters))
        if not 0 <= self.time_ms <= AMOUNT_MINOR_MAX:
            raise invalid("time_ms", "out of range")
        if not 1 <= len(self.territories) <= TERRITORIES_MAX:
            raise invalid("territories", f"1 to {TERRITORIES_MAX}")
        names = [territory.prefix for territory in self.territories]
        codes = [one.code for territory in self.territories for one in territory.currencies]
        voting = [territory.voting_key for territory in self.territories]
        recovery = [territory.recovery_key for territory in self.territories]
        other = [one.cometbft_key for one in self.territories if one.cometbft_key is not None]
        _check_unique(names, "prefix", "two territories have this short name")
        _check_unique(codes, "currency", "two currencies have this code")
        _check_unique(voting, "voting_key", "two territories have this voting key")
        _check_unique(other, "cometbft_key", "two territories have this voting key")
        _check_unique(recovery, "recovery_key", "two territories have this recovery key")
        object.__setattr__(self, "network_id", hash_bytes("genesis", encode(self.value())))

    def value(self) -> Value:
        """What the network id is over."""
        return (
            "genesis",
            self.version,
            self.time_ms,
            self.demo,
            self.parameters.value(),
            tuple([territory.value() for territory in self.territories]),
            self.rule_version,
        )

    def to_json(self) -> str:
        """The file that people exchange, with the id for them to compare."""
        content = {
            "kind": "genesis",
            "version": self.version,
            "network_id": self.network_id.hex(),
            "time_ms": self.time_ms,
            "demo": self.demo,
            "rule_version": self.rule_version,
            "parameters": {name: getattr(self.parameters, name) for name in PARAMETER_NAMES},
            "territories": [territory_to_json(territory) for territory in self.territories],
        }
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Genesis:
        """Read such a file. Raises `Refused`: `genesis_malformed` where it can't be read,
        `genesis_invalid` where it breaks a rule, `version_unknown`."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Refused("genesis_malformed", f"not JSON: {error}") from None
        reader = JsonFields(content, "")
        if reader.text("kind") != "genesis":
            raise Refused("genesis_malformed", "this is not a genesis", field="kind")
        if reader.integer("version") != GENESIS_VERSION:
            raise Refused("version_unknown", "a genesis of an unknown version", field="version")
        figures = reader.of("parameters")
        if set(figures.names()) != set(PARAMETER_NAMES):
            raise Refused("genesis_malformed", "not the known parameters", field="parameters")
        genesis = cls(
            GENESIS_VERSION,
            reader.integer("time_ms"),
            reader.flag("demo"),
            Parameters(**{name: figures.integer(name) for name in PARAMETER_NAMES}),
            tuple([territory_from_json(entry) for entry in reader.items("territories")]),
            reader.integer("rule_version"),
        )
        claimed = reader.bytes("network_id", 32)
        if claimed != genesis.network_id:
            raise Refused(
                "genesis_invalid",
                f"its content has the id {genesis.network_id.hex()}",
                field="network_id",
            )
        return genesis


def initial_objects(genesis: Genesis) -> list[tuple[bytes, StateObject]]:
    """The state before the first block, in key order: per territory its record, the accounts of
    staff, issuer and commons, and its currencies."""
    found: list[StateObject] = []
    for territory in genesis.territories:
        first = territory.currencies[0].code
        found += [
            _account(territory, territory.account_id, TERRITORY, first),
            _account(territory, territory.issuer_id, ISSUER, first),
            _account(territory, territory.commons_id, COMMONS, first),
            TerritoryRecord(
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
            ),
        ]
        found += [_currency(territory, currency) for currency in territory.currencies]
    return sorted([(item.tree_key, item) for item in found], key=lambda pair: pair[0])


def _account(territory: Territory, identity: bytes, kind: str, code: str) -> Account:
    keys, threshold, roles = {
        TERRITORY: (territory.signing_keys, territory.signing_threshold, STAFF),
        ISSUER: (territory.issuer_keys, territory.issuer_threshold, ISSUE),
        COMMONS: (territory.signing_keys, territory.signing_threshold, SPEND | MANAGE),
    }[kind]
    devices = [DeviceKey(key, roles, None, 0, 0) for key in keys]
    if kind == TERRITORY:
        devices.append(DeviceKey(territory.node_key, COUNTERSIGN, None, 0, 0))
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


def _check_unique(values: list[str] | list[bytes], name: str, why: str) -> None:
    if len(set(values)) != len(values):
        raise invalid(name, why)
