"""A founding territory: its names, keys, currencies and terms, as its card and the genesis say.

Knows nothing of state. `ledger.genesis` makes the first objects out of territories.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger.account_kinds import CURRENCY_KINDS, EURO, KINDS_OPENED
from ledger.json_fields import JsonFields, hex_bytes
from ledger.shapes import (
    KEY_BYTES,
    expect_array,
    expect_bytes,
    expect_count,
    expect_fields,
    expect_text,
    wrong_shape,
)
from primitives.addresses import account_id, is_prefix
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from primitives.signatures import is_registrable

KEYS_MAX = 14
"""Two places of an account's 16 are the node's own key and the recovery key."""
CURRENCIES_MAX = 8
TEXT_CHARACTERS_MAX = 200
TERRITORIES_MAX = 1_024
AUTHORITY_BYTES_MAX = 2_048
BPS_MAX = 10_000
DECIMALS_MAX = 6
WAGE_CAP_BPS_MAX = 1_000
"""The tenth of a wage that may be paid in local money, where a territory does not say less."""
TWO_SIGNERS_ABOVE_MINOR = 100_000

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
            raise invalid("currency", f"{self.code[:20]!r} is not 2 to 8 capitals or digits")
        if self.kind not in CURRENCY_KINDS:
            raise invalid("kind", f"{self.kind[:20]!r} is neither euro nor time")
        if not 0 <= self.decimals <= DECIMALS_MAX or not 0 <= self.redeem_fee_bps <= BPS_MAX:
            raise invalid("currency", "decimals or redeem_fee_bps out of range")
        if list(self.redeem_kinds) != sorted(set(self.redeem_kinds) & KINDS_OPENED):
            raise invalid("redeem_kinds", "sorted kinds of accounts, each once")

    def value(self) -> Value:
        """The encoded form."""
        return (self.code, self.kind, self.decimals, self.redeem_fee_bps, self.redeem_kinds)

    @classmethod
    def decode(cls, value: Value) -> GenesisCurrency:
        """Read the encoded form. Raises `Refused`: `encoding_not_canonical`, `genesis_invalid`."""
        code, kind, decimals, redeem_fee_bps, redeem_kinds = expect_fields(value, 5, "currency")
        return cls(
            expect_text(code, "code"),
            expect_text(kind, "kind"),
            expect_count(decimals, "decimals"),
            expect_count(redeem_fee_bps, "redeem_fee_bps"),
            tuple(
                [expect_text(one, "redeem_kinds") for one in expect_array(redeem_kinds, "kinds")]
            ),
        )


@dataclass(frozen=True, slots=True)
class Territory:
    """A founding territory, as its card says.

    `peer` and `http` are host:port. `authority_der` is the X.509 authority that its voting key
    issues for its transport key. `signing_keys` are its staff's; `node_key` is its node's own, with
    which the node countersigns what it checked. `wage_cap_bps`: the most, of 10,000, of a wage
    that employers may pay in local money. Above `two_signers_above_minor` bulletins or a budget
    need two of the staff. `cometbft_key` is the other engine's voting key, if it has one.
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
    node_key: bytes
    cometbft_key: bytes | None = None
    wage_cap_bps: int = WAGE_CAP_BPS_MAX
    two_signers_above_minor: int = TWO_SIGNERS_ABOVE_MINOR

    def __post_init__(self) -> None:
        if not is_prefix(self.prefix):
            raise invalid("prefix", f"{self.prefix[:20]!r} is not a short name")
        for name, text in (("name", self.name), ("peer", self.peer), ("http", self.http)):
            check_text(name, text)
        if not 1 <= len(self.currencies) <= CURRENCIES_MAX:
            raise invalid("currencies", "1 to 8 currencies")
        if any(currency.redeem_fee_bps for currency in self.currencies[1:]):
            # The fee account is the commons, which holds the first currency.
            raise invalid("redeem_fee_bps", "only the first currency can have a fee")
        if not 1 <= len(self.authority_der) <= AUTHORITY_BYTES_MAX:
            raise invalid("authority", "a certificate of at most 2,048 bytes")
        _check_group(self.signing_keys, self.signing_threshold, "signing_keys")
        _check_group(self.issuer_keys, self.issuer_threshold, "issuer_keys")
        if set(self.signing_keys) & set(self.issuer_keys):
            raise invalid("issuer_keys", "the issuer is apart from the territory: other keys")
        if self.node_key in (*self.signing_keys, *self.issuer_keys):
            raise invalid("node_key", "the node's key is apart from the staff's and the issuer's")
        if self.recovery_key in (*self.signing_keys, *self.issuer_keys, self.node_key):
            raise invalid("recovery_key", "the recovery key is apart from all others")
        if not 1 <= self.wage_cap_bps <= WAGE_CAP_BPS_MAX:
            raise invalid("wage_cap_bps", f"1 to {WAGE_CAP_BPS_MAX}")
        if not 0 <= self.two_signers_above_minor <= AMOUNT_MINOR_MAX:
            raise invalid("two_signers_above_minor", "out of range")
        singles = [
            ("voting_key", self.voting_key),
            ("recovery_key", self.recovery_key),
            ("node_key", self.node_key),
        ]
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
            self.node_key,
            self.cometbft_key,
            self.wage_cap_bps,
            self.two_signers_above_minor,
        )

    @classmethod
    def decode(cls, value: Value) -> Territory:
        """Read the encoded form. Raises `Refused`: `encoding_not_canonical`, `genesis_invalid`."""
        fields = expect_fields(value, 16, "territory")
        authority, cometbft_key = fields[6], fields[13]
        if type(authority) is not bytes:
            raise wrong_shape("authority")
        # Bounded before any point is checked: a list may be as long as a transaction.
        groups = [expect_array(keys, "keys") for keys in (fields[7], fields[10])]
        if any(len(group) > KEYS_MAX for group in groups):
            raise invalid("keys", f"at most {KEYS_MAX} keys")
        signing, issuer = [tuple([_key(key, "keys") for key in group]) for group in groups]
        return cls(
            expect_text(fields[0], "name"),
            expect_text(fields[1], "prefix"),
            tuple([GenesisCurrency.decode(one) for one in expect_array(fields[2], "currencies")]),
            expect_text(fields[3], "peer"),
            expect_text(fields[4], "http"),
            _key(fields[5], "voting_key"),
            authority,
            signing,
            expect_count(fields[8], "signing_threshold"),
            _key(fields[9], "recovery_key"),
            issuer,
            expect_count(fields[11], "issuer_threshold"),
            _key(fields[12], "node_key"),
            None if cometbft_key is None else _key(cometbft_key, "cometbft_key"),
            expect_count(fields[14], "wage_cap_bps"),
            expect_count(fields[15], "two_signers_above_minor"),
        )


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
        "node_key": territory.node_key.hex(),
        "cometbft_key": None if territory.cometbft_key is None else territory.cometbft_key.hex(),
        "wage_cap_bps": territory.wage_cap_bps,
        "two_signers_above_minor": territory.two_signers_above_minor,
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
        reader.bytes("node_key", KEY_BYTES),
        None if reader.is_absent("cometbft_key") else reader.bytes("cometbft_key", KEY_BYTES),
        reader.integer("wage_cap_bps"),
        reader.integer("two_signers_above_minor"),
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


def check_text(name: str, text: str) -> None:
    """A name or an address: 1 to 200 printable characters, else `Refused("genesis_invalid")`."""
    if not 1 <= len(text) <= TEXT_CHARACTERS_MAX or not text.isprintable():
        raise invalid(name, "1 to 200 printable characters")


def _key(value: Value, name: str) -> bytes:
    return expect_bytes(value, KEY_BYTES, name)


def _check_key(key: bytes, name: str) -> None:
    if len(key) != KEY_BYTES or not is_registrable(key):
        raise invalid(name, "not a key of the prime-order subgroup")


def _check_group(keys: tuple[bytes, ...], threshold: int, name: str) -> None:
    if not 1 <= len(keys) <= KEYS_MAX or not 1 <= threshold <= len(keys):
        raise invalid(name, f"{threshold} of {len(keys)} keys")
    if len(set(keys)) != len(keys):
        raise invalid(name, "a key stands twice")
    for key in keys:
        _check_key(key, name)


def invalid(name: str, why: str) -> Refused:
    """A genesis that breaks a rule, and in which field."""
    return Refused("genesis_invalid", why, field=name)
