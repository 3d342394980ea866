"""What can be changed about an account's keys, as a transaction says it and a request keeps it.

    ["add", key, roles, limit_minor or nil]   ["remove", key]   ["replace", key, by]
    ["unblock", key]   ["limit", key, limit_minor or nil]   ["threshold", n]

Knows no account: `ledger.key_sets` applies a list of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from ledger.shapes import (
    KEY_BYTES,
    expect_amount,
    expect_array,
    expect_bytes,
    expect_count,
    expect_fields,
    wrong_shape,
)
from primitives.encoding import Value
from primitives.errors import Refused

CHANGES_MAX: Final = 32
"""Twice as many as an account has keys: one list may change them all."""


class AddKey(NamedTuple):
    """A key that was never on the account joins it, its lane unused."""

    key: bytes
    roles: int
    limit_minor: int | None


class RemoveKey(NamedTuple):
    """A key leaves the account for ever."""

    key: bytes


class ReplaceKey(NamedTuple):
    """Another key takes the place, the roles and the limit of one that leaves for ever."""

    key: bytes
    by: bytes


class UnblockKey(NamedTuple):
    """A key's block is lifted."""

    key: bytes


class SetLimit(NamedTuple):
    """The most that a key spends by itself at a time; nil for no limit."""

    key: bytes
    limit_minor: int | None


class SetThreshold(NamedTuple):
    """So many keys must sign what the account does."""

    threshold: int


KeyChange: TypeAlias = AddKey | RemoveKey | ReplaceKey | UnblockKey | SetLimit | SetThreshold

_NAMES: Final[dict[type[KeyChange], str]] = {
    AddKey: "add",
    RemoveKey: "remove",
    ReplaceKey: "replace",
    UnblockKey: "unblock",
    SetLimit: "limit",
    SetThreshold: "threshold",
}


def changes_value(changes: Sequence[KeyChange]) -> Value:
    """The wire and stored form of a list of changes."""
    return tuple([(_NAMES[type(change)], *change) for change in changes])


def read_changes(value: Value) -> tuple[KeyChange, ...]:
    """Read it. Raises `encoding_not_canonical`; `amount_out_of_range` for a limit;
    `line_duplicate` where a key stands in two changes, or the threshold twice."""
    entries = expect_array(value, "changes")
    if not 1 <= len(entries) <= CHANGES_MAX:
        raise wrong_shape("changes")
    changes = tuple([_read_change(entry) for entry in entries])
    named = [name for change in changes for name in _named(change)]
    if len(set(named)) != len(named):
        raise Refused("line_duplicate", "a key stands in two changes", field="changes")
    return changes


def new_keys(changes: Sequence[KeyChange]) -> list[bytes]:
    """The keys that would join."""
    return [
        change.key if isinstance(change, AddKey) else change.by
        for change in changes
        if isinstance(change, AddKey | ReplaceKey)
    ]


def _named(change: KeyChange) -> tuple[bytes, ...]:
    if isinstance(change, SetThreshold):
        return (b"",)
    if isinstance(change, ReplaceKey):
        return (change.key, change.by)
    return (change.key,)


def _read_change(entry: Value) -> KeyChange:
    name = entry[0] if type(entry) is tuple and entry else None
    if name == "add":
        _, key, roles, limit = expect_fields(entry, 4, "changes")
        return AddKey(_key(key), expect_count(roles, "roles"), _limit(limit))
    if name == "limit":
        _, key, limit = expect_fields(entry, 3, "changes")
        return SetLimit(_key(key), _limit(limit))
    if name == "replace":
        _, key, by = expect_fields(entry, 3, "changes")
        return ReplaceKey(_key(key), _key(by))
    _, last = expect_fields(entry, 2, "changes")
    if name == "remove":
        return RemoveKey(_key(last))
    if name == "unblock":
        return UnblockKey(_key(last))
    if name == "threshold":
        return SetThreshold(expect_count(last, "threshold"))
    raise wrong_shape("changes")


def _key(value: Value) -> bytes:
    return expect_bytes(value, KEY_BYTES, "key")


def _limit(value: Value) -> int | None:
    return None if value is None else expect_amount(value, "limit_minor")
