"""Changes of a network that members vote on, as values; what they do is in `ledger.enactment`.

["add", territory]                       ["pause", prefix]
["remove", prefix]                       ["resume", prefix]
["keys", prefix, voting_key or nil, authority or nil, recovery_key or nil, cometbft_key or nil]
["parameter", name, figure]              ["rules", version]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from ledger.founders import AUTHORITY_BYTES_MAX, Territory
from ledger.rules import PARAMETER_NAMES
from ledger.shapes import (
    KEY_BYTES,
    expect_array,
    expect_bytes,
    expect_count,
    expect_fields,
    expect_text,
    wrong_shape,
)
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.signatures import is_registrable


class AddMember(NamedTuple):
    """A territory joins, with what its card says."""

    territory: Territory

    def value(self) -> Value:
        """The encoded form."""
        return ("add", self.territory.value())


class RemoveMember(NamedTuple):
    """A territory leaves; its accounts, staff and currencies go on."""

    prefix: str

    def value(self) -> Value:
        """The encoded form."""
        return ("remove", self.prefix)


class PauseMember(NamedTuple):
    """A member votes on no blocks for a while."""

    prefix: str

    def value(self) -> Value:
        """The encoded form."""
        return ("pause", self.prefix)


class ResumeMember(NamedTuple):
    """A paused member votes on blocks again."""

    prefix: str

    def value(self) -> Value:
        """The encoded form."""
        return ("resume", self.prefix)


class ReplaceKeys(NamedTuple):
    """A member gets new keys; nil leaves the one it has.

    A new voting key comes with the authority that it issued.
    """

    prefix: str
    voting_key: bytes | None = None
    authority_der: bytes | None = None
    recovery_key: bytes | None = None
    cometbft_key: bytes | None = None

    def value(self) -> Value:
        """The encoded form."""
        return ("keys", *self)


class ChangeParameter(NamedTuple):
    """A parameter gets another figure."""

    name: str
    figure: int

    def value(self) -> Value:
        """The encoded form."""
        return ("parameter", self.name, self.figure)


class ChangeRules(NamedTuple):
    """The next rule version applies."""

    version: int

    def value(self) -> Value:
        """The encoded form."""
        return ("rules", self.version)


Change: TypeAlias = (
    AddMember
    | RemoveMember
    | PauseMember
    | ResumeMember
    | ReplaceKeys
    | ChangeParameter
    | ChangeRules
)


def change_of(value: Value) -> Change:
    """Read a change, checked as far as no state is needed.

    Raises `Refused`: `encoding_not_canonical`, `change_unknown`, `change_invalid`, `key_invalid`.
    """
    items = expect_array(value, "change")
    if not items:
        raise wrong_shape("change")
    name = expect_text(items[0], "change")
    read = _READERS.get(name)
    if read is None:
        raise Refused("change_unknown", f"{name[:40]!r}", field="change")
    return read(items)


def _read_add(items: tuple[Value, ...]) -> AddMember:
    _, territory = expect_fields(items, 2, "change")
    try:
        return AddMember(Territory.decode(territory))
    except Refused as refusal:
        if refusal.code != "genesis_invalid":
            raise
        raise Refused("change_invalid", refusal.detail, field=refusal.field) from None


def _read_prefix(items: tuple[Value, ...]) -> str:
    _, prefix = expect_fields(items, 2, "change")
    return expect_text(prefix, "prefix")


def _read_keys(items: tuple[Value, ...]) -> ReplaceKeys:
    _, prefix, voting, authority, recovery, other = expect_fields(items, 6, "change")
    if authority is not None and type(authority) is not bytes:
        raise wrong_shape("authority")
    change = ReplaceKeys(
        expect_text(prefix, "prefix"),
        None if voting is None else expect_bytes(voting, KEY_BYTES, "voting_key"),
        authority,
        None if recovery is None else expect_bytes(recovery, KEY_BYTES, "recovery_key"),
        None if other is None else expect_bytes(other, KEY_BYTES, "cometbft_key"),
    )
    if change[1:] == (None, None, None, None):
        raise Refused("change_invalid", "no key is named", field="change")
    if voting is not None and authority is None:
        raise Refused(
            "change_invalid", "a voting key comes with the authority it issued", field="authority"
        )
    if authority is not None and not 1 <= len(authority) <= AUTHORITY_BYTES_MAX:
        raise Refused("change_invalid", "a certificate of at most 2,048 bytes", field="authority")
    # Last, because it is the one check that costs.
    for key in (change.voting_key, change.recovery_key, change.cometbft_key):
        if key is not None and not is_registrable(key):
            raise Refused("key_invalid", key.hex(), field="key")
    return change


def _read_parameter(items: tuple[Value, ...]) -> ChangeParameter:
    _, name, figure = expect_fields(items, 3, "change")
    change = ChangeParameter(expect_text(name, "parameter"), expect_count(figure, "figure"))
    if change.name not in PARAMETER_NAMES:
        raise Refused("change_invalid", f"no parameter {change.name[:40]!r}", field="parameter")
    return change


def _read_rules(items: tuple[Value, ...]) -> ChangeRules:
    _, version = expect_fields(items, 2, "change")
    return ChangeRules(expect_count(version, "version"))


_READERS: dict[str, Callable[[tuple[Value, ...]], Change]] = {
    "add": _read_add,
    "remove": lambda items: RemoveMember(_read_prefix(items)),
    "pause": lambda items: PauseMember(_read_prefix(items)),
    "resume": lambda items: ResumeMember(_read_prefix(items)),
    "keys": _read_keys,
    "parameter": _read_parameter,
    "rules": _read_rules,
}


class ChangeCost(NamedTuple):
    """What a change costs whoever checks it."""

    objects: int
    """New objects, beside the network's own."""
    keys: int
    """Keys whose points are checked."""


def cost_of(change: Change) -> ChangeCost:
    """What enacting it costs (docs/protocol.md, "Bounds")."""
    if isinstance(change, AddMember):
        territory = change.territory
        own = 3 if territory.cometbft_key is None else 4
        groups = len(territory.signing_keys) + len(territory.issuer_keys)
        # Its record, three accounts, its currencies, and a record for each of its members' keys.
        return ChangeCost(4 + len(territory.currencies) + own - 1, own + groups)
    if isinstance(change, ReplaceKeys):
        new = (change.voting_key, change.recovery_key, change.cometbft_key)
        count = len([key for key in new if key is not None])
        return ChangeCost(count, count)
    return ChangeCost(0, 0)


COST_MAX = ChangeCost(4 + 8 + 3, 4 + 14 + 14)
"""The largest of them: what a vote is counted as, since its bytes do not say what it enacts."""
