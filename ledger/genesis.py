"""The genesis: who founds a network, with which keys, currencies and parameters.

Its hash is the network's id, so everything that must not change silently stands here. The file
that people exchange is JSON; the id is over the canonical encoding of the same content. The engine
is not in it: one genesis, one id, serves both (docs/protocol.md, sections 1 and 5).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from ledger.account_kinds import COMMONS, CURRENCY_KINDS, EURO, ISSUER, KINDS_OPENED, TERRITORY
from ledger.json_fields import JsonFields, hex_bytes
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
from ledger.roles import ISSUE, MANAGE, SPEND, STAFF
from ledger.rules import PARAMETER_NAMES, Parameters
from ledger.shapes import BLIND_BYTES, ID_BYTES, KEY_BYTES
from primitives.addresses import account_id, is_prefix
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes, hash_items
from primitives.signatures import is_registrable

GENESIS_VERSION = 1
TERRITORIES_MAX = 1_024
KEYS_MAX = 16
CURRENCIES_MAX = 8
TEXT_CHARACTERS_MAX = 200
AUTHORITY_BYTES_MAX = 2_048
BPS_MAX = 10_000
DECIMALS_MAX = 6

_CODE = re.compile(r"[A-Z][A-Z0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class GenesisCurrency:
    """A currency and its terms. `redeem_fee_bps`: of 10,000; `redeem_kinds`: kinds of accounts
    that may turn local money back into euros."""

    code: str
    kind: str = EURO
    decimals: int = 2
    redeem_fee_bps: int = 0
    redeem_kinds: tuple[str, ...] = ("employer", "service")

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code):
            raise _invalid("currency", f"{self.code[:20]!r} is not 2 to 8 capitals or digits")
        if self.kind not in CURRENCY_KINDS:
            raise _invalid("kind", f"{self.kind[:20]!r} is neither euro nor time")
        if not 0 <= self.decimals <= DECIMALS_MAX or not 0 <= self.redeem_fee_bps <= BPS_MAX:
            raise _invalid("currency", "decimals or redeem_fee_bps out of range")
        if list(self.redeem_kinds) != sorted(set(self.redeem_kinds) & KINDS_OPENED):
            raise _invalid("redeem_kinds", "sorted kinds of accounts, each once")

    def value(self) -> Value:
        """The encoded form."""
        return (self.code, self.kind, self.decimals, self.redeem_fee_bps, self.redeem_kinds)


@dataclass(frozen=True, slots=True)
class Territory:
    """A founding territory, as its card says.

    `peer` and `http` are host:port. `authority_der` is the X.509 authority that its voting key
    issues for its transport key. `cometbft_key` is the other engine's voting key, if it has one.
    """

    name: str
    prefix: str
    currencies: tuple[GenesisCurrency, ...]
    peer: str
    http: str
    voting_key: bytes
    authority_der: bytes
    signing_keys: tuple[bytes, ...]
    signing_threshold: int
    recovery_key: bytes
    issuer_keys: tuple[bytes, ...]
    issuer_threshold: int
    cometbft_key: bytes | None = None

    def __post_init__(self) -> None:
        if not is_prefix(self.prefix):
            raise _invalid("prefix", f"{self.prefix[:20]!r} is not a short name")
        for name, text in (("name", self.name), ("peer", self.peer), ("http", self.http)):
            if not 1 <= len(text) <= TEXT_CHARACTERS_MAX or not text.isprintable():
                raise _invalid(name, "1 to 200 printable characters")
        if not 1 <= len(self.currencies) <= CURRENCIES_MAX:
            raise _invalid("currencies", "1 to 8 currencies")
        if any(currency.redeem_fee_bps for currency in self.currencies[1:]):
            # The fee account is the commons, which holds the first currency.
            raise _invalid("redeem_fee_bps", "only the first currency can have a fee")
        if not 1 <= len(self.authority_der) <= AUTHORITY_BYTES_MAX:
            raise _invalid("authority", "a certificate of at most 2,048 bytes")
        _check_group(self.signing_keys, self.signing_threshold, "signing_keys")
        _check_group(self.issuer_keys, self.issuer_threshold, "issuer_keys")
        if set(self.signing_keys) & set(self.issuer_keys):
            raise _invalid("issuer_keys", "the issuer is apart from the territory: other keys")
        singles = [("voting_key", self.voting_key), ("recovery_key", self.recovery_key)]
        if self.cometbft_key is not None:
            singles.append(("cometbft_key", self.cometbft_key))
        for name, key in singles:
            _check_key(key, name)

    @property
    def account_id(self) -> bytes:
        """The account that the territory's staff sign for."""
        return account_id(self.prefix, self.signing_keys[0])

    @property
    def issuer_id(self) -> bytes:
        """The account that its currencies' issuer signs for."""
        return account_id(self.prefix, self.issuer_keys[0])

    @property
    def commons_id(self) -> bytes:
        """The territory's common account. It has the staff's keys, so its id comes from a hash
        that stands in for a first key of its own."""
        return account_id(self.prefix, hash_bytes("commons", self.signing_keys[0]))

    def value(self) -> Value:
        """The encoded form."""
        return (
            self.name,
            self.prefix,
            tuple([currency.value() for currency in self.currencies]),
            self.peer,
            self.http,
            self.voting_key,
            self.authority_der,
            self.signing_keys,
            self.signing_threshold,
            self.recovery_key,
            self.issuer_keys,
            self.issuer_threshold,
            self.cometbft_key,
        )


@dataclass(frozen=True)
class Genesis:
    """The founding of a network. `time_ms` is the time of the block before the first."""

    version: int
    time_ms: int
    demo: bool
    parameters: Parameters
    territories: tuple[Territory, ...]
    network_id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.version != GENESIS_VERSION:
            raise Refused("version_unknown", f"genesis version {self.version}", field="version")
        if not 0 <= self.time_ms <= AMOUNT_MINOR_MAX:
            raise _invalid("time_ms", "out of range")
        if not 1 <= len(self.territories) <= TERRITORIES_MAX:
            raise _invalid("territories", f"1 to {TERRITORIES_MAX}")
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
        )

    def to_json(self) -> str:
        """The file that people exchange, with the id for them to compare."""
        content = {
            "kind": "genesis",
            "version": self.version,
            "network_id": self.network_id.hex(),
            "time_ms": self.time_ms,
            "demo": self.demo,
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
        )
        claimed = reader.bytes("network_id", 32)
        if claimed != genesis.network_id:
            raise Refused(
                "genesis_invalid",
                f"its content has the id {genesis.network_id.hex()}",
                field="network_id",
            )
        return genesis


def territory_to_json(territory: Territory) -> dict[str, object]:
    """A territory as it stands in a genesis file."""
    return {
        "name": territory.name,
        "prefix": territory.prefix,
        "currencies": [
            {
                "code": currency.code,
                "kind": currency.kind,
                "decimals": currency.decimals,
                "redeem_fee_bps": currency.redeem_fee_bps,
                "redeem_kinds": list(currency.redeem_kinds),
            }
            for currency in territory.currencies
        ],
        "peer": territory.peer,
        "http": territory.http,
        "voting_key": territory.voting_key.hex(),
        "authority": territory.authority_der.hex(),
        "signing_keys": [key.hex() for key in territory.signing_keys],
        "signing_threshold": territory.signing_threshold,
        "recovery_key": territory.recovery_key.hex(),
        "issuer_keys": [key.hex() for key in territory.issuer_keys],
        "issuer_threshold": territory.issuer_threshold,
        "cometbft_key": None if territory.cometbft_key is None else territory.cometbft_key.hex(),
    }


def territory_from_json(content: object) -> Territory:
    """Read one. Raises `Refused`: `genesis_malformed`, `genesis_invalid`."""
    reader = JsonFields(content, "territories")
    return Territory(
        reader.text("name"),
        reader.text("prefix"),
        tuple([_currency_from_json(entry) for entry in reader.items("currencies")]),
        reader.text("peer"),
        reader.text("http"),
        reader.bytes("voting_key", KEY_BYTES),
        reader.bytes("authority", None),
        tuple([hex_bytes(key, "signing_keys", KEY_BYTES) for key in reader.items("signing_keys")]),
        reader.integer("signing_threshold"),
        reader.bytes("recovery_key", KEY_BYTES),
        tuple([hex_bytes(key, "issuer_keys", KEY_BYTES) for key in reader.items("issuer_keys")]),
        reader.integer("issuer_threshold"),
        None if reader.is_absent("cometbft_key") else reader.bytes("cometbft_key", KEY_BYTES),
    )


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
        tuple([DeviceKey(key, roles, None, 0, 0) for key in keys]),
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


def _currency_from_json(content: object) -> GenesisCurrency:
    reader = JsonFields(content, "currencies")
    kinds: list[str] = []
    for kind in reader.items("redeem_kinds"):
        if not isinstance(kind, str):
            raise Refused("genesis_malformed", "a kind is text", field="redeem_kinds")
        kinds.append(kind)
    return GenesisCurrency(
        reader.text("code"),
        reader.text("kind"),
        reader.integer("decimals"),
        reader.integer("redeem_fee_bps"),
        tuple(kinds),
    )


def _check_key(key: bytes, name: str) -> None:
    if len(key) != KEY_BYTES or not is_registrable(key):
        raise _invalid(name, "not a key of the prime-order subgroup")


def _check_group(keys: tuple[bytes, ...], threshold: int, name: str) -> None:
    if not 1 <= len(keys) <= KEYS_MAX or not 1 <= threshold <= len(keys):
        raise _invalid(name, f"{threshold} of {len(keys)} keys")
    if len(set(keys)) != len(keys):
        raise _invalid(name, "a key stands twice")
    for key in keys:
        _check_key(key, name)


def _check_unique(values: list[str] | list[bytes], name: str, why: str) -> None:
    if len(set(values)) != len(values):
        raise _invalid(name, why)


def _invalid(name: str, why: str) -> Refused:
    return Refused("genesis_invalid", why, field=name)
