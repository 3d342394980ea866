"""What powers leave in the state beside accounts: open requests, and keys that never come back."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, TypeAlias

from ledger.key_changes import KeyChange, changes_value, read_changes
from ledger.shapes import (
    ID_BYTES,
    KEY_BYTES,
    expect_array,
    expect_bytes,
    expect_count,
    expect_maker,
    expect_object,
    wrong_shape,
)
from ledger.tree_keys import tree_key
from primitives.encoding import decode, encode

REQUEST = "request"
RETIRED = "retired"
VERSION = 1


class Standing(IntEnum):
    """Where a request stands."""

    OPEN = 0
    """May be completed when it is due, and vetoed."""
    VETOED = 1
    """Stopped by a first veto; its maker may insist."""
    DISPUTED = 2
    """Stopped by a second veto: three signatures decide."""
    AGREED = 3
    """By three signatures: due as it was, and only a paper key may still veto."""


class RequestRecord(NamedTuple):
    """A change of an account's keys that waits. It counts while the account lists its maker."""

    tree_key: bytes
    account: bytes
    maker: bytes
    """The device key that asks, or the id of the territory's account."""
    signers: tuple[bytes, ...]
    """The keys that asked: one of the account's, or two or more of the staff."""
    changes: tuple[KeyChange, ...]
    due_ms: int
    vetoes: int
    standing: Standing

    def encode(self) -> bytes:
        """The stored form."""
        return encode(
            (
                REQUEST,
                VERSION,
                self.account,
                self.maker,
                self.signers,
                changes_value(self.changes),
                self.due_ms,
                self.vetoes,
                int(self.standing),
            )
        )

    @classmethod
    def decode(cls, raw: bytes) -> RequestRecord:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), REQUEST, VERSION, 9)
        account = expect_bytes(value[2], ID_BYTES, "account")
        maker = expect_maker(value[3])
        standing = expect_count(value[8], "standing")
        if standing > max(Standing):
            raise wrong_shape("standing")
        return cls(
            request_key(account, maker),
            account,
            maker,
            tuple([expect_bytes(k, KEY_BYTES, "key") for k in expect_array(value[4], "signers")]),
            read_changes(value[5]),
            expect_count(value[6], "due_ms"),
            expect_count(value[7], "vetoes"),
            Standing(standing),
        )


class RetiredKey(NamedTuple):
    """That a key was on an account and is no more: what it once signed must never count again."""

    tree_key: bytes
    account: bytes
    key: bytes

    def encode(self) -> bytes:
        """The stored form."""
        return encode((RETIRED, VERSION, self.account, self.key))

    @classmethod
    def decode(cls, raw: bytes) -> RetiredKey:
        """Read the stored form; raises `Refused`."""
        value = expect_object(decode(raw), RETIRED, VERSION, 4)
        return retired_key(
            expect_bytes(value[2], ID_BYTES, "account"), expect_bytes(value[3], KEY_BYTES, "key")
        )


PowerObject: TypeAlias = RequestRecord | RetiredKey


def retired_key(account: bytes, key: bytes) -> RetiredKey:
    """The record that this key left this account."""
    return RetiredKey(tree_key(RETIRED, account + key), account, key)


def request_key(account: bytes, maker: bytes) -> bytes:
    """Tree key of the request that `maker` has open for `account`: one at a time."""
    return tree_key(REQUEST, account + maker)
