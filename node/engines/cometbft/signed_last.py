"""What a voting key signed last under CometBFT, and so what it may still sign.

A validator signs at most one proposal, one prevote and one precommit at each height and round, and
never goes back. What it is about to sign is on disk before the signature leaves this process, so a
kill at any point forgets nothing. The same message may be signed again: with the signature and the
time of before, since CometBFT, after a crash of its own, asks again with another time.

The file has two slots in blocks of their own, written in turn and in place: one synced write each,
within one sector, and no room is needed on a full disk. A slot is length, record, hash. Both must
be sound and follow one another: a damaged one could hide what was signed, so it is refused, not
skipped.

Source: CometBFT v0.38, `privval/file.go`.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from node.private_files import write_new_file
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes

KIND = "signed_last"
VERSION = 1
BLOCK_BYTES = 4096
SLOT_BYTES_MAX = 512
"""A sector: it is written whole or not at all."""

_LENGTH_BYTES, _HASH_BYTES = 2, 32

# The file's length and place do not change, so its data is all there is to sync.
_sync = getattr(os, "fdatasync", os.fsync)

PROPOSAL, PREVOTE, PRECOMMIT = 1, 2, 3
"""The steps of a round, in order."""


class SignatureWithheld(Exception):
    """What was asked for must not be signed; CometBFT is told why and goes on without."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in the chain something is signed. Height 0: nothing was yet."""

    height: int = 0
    round: int = 0
    step: int = 0


@dataclass(frozen=True, slots=True)
class SignedLast:
    """`content` is what was signed but for its time: the canonical bytes with no timestamp."""

    chain_id: str
    public_key: bytes
    place: Place = Place()
    content: bytes = b""
    time_ns: int = 0
    signature: bytes = b""

    def signed_before(self, place: Place, content: bytes) -> bool:
        """Whether this very message was signed already; its time and signature are to be used.

        Raises `SignatureWithheld` if it contradicts what was signed, or goes back.
        """
        if place.height < 1 or place.round < 0:
            raise SignatureWithheld("there is no such height or round")
        if place < self.place:
            raise SignatureWithheld(f"a later place was signed: {self.place}")
        if place > self.place:
            return False
        if content != self.content:
            raise SignatureWithheld(f"another message was signed at {place}")
        return True

    def with_signature(
        self, place: Place, content: bytes, time_ns: int, signature: bytes
    ) -> "SignedLast":
        """The same key, one message later."""
        return replace(self, place=place, content=content, time_ns=time_ns, signature=signature)


class SignedLastFile:
    """`SignedLast` of one key on disk."""

    def __init__(self, path: Path, last: SignedLast, sequence: int) -> None:
        self.path = path
        self.last = last
        self._sequence = sequence

    @classmethod
    def create(cls, path: Path, chain_id: str, public_key: bytes) -> Self:
        """For a key that never signed on this chain. Raises FileExistsError."""
        write_new_file(path, fresh_record(chain_id, public_key))
        return cls(path, SignedLast(chain_id, public_key), 1)

    @classmethod
    def read(cls, path: Path, chain_id: str, public_key: bytes) -> Self:
        """Raises `Refused`: `signer_state_missing`, `signer_state_malformed`,
        `signer_state_of_other_key`, `data_of_newer_version`."""
        try:
            with path.open("rb") as stream:
                raw = stream.read(2 * BLOCK_BYTES + 1)
        except FileNotFoundError:
            raise Refused("signer_state_missing", file=str(path)) from None
        if not raw:  # as a restored node has it (`node.node_backups`)
            raise Refused("signer_state_missing", file=str(path))
        if len(raw) != 2 * BLOCK_BYTES:
            raise _malformed(path)
        slots = [_read_slot(raw[at : at + BLOCK_BYTES], path) for at in (0, BLOCK_BYTES)]
        (older, _), (sequence, last) = sorted(slots, key=lambda slot: slot[0])
        if sequence != older + 1 or slots[sequence % 2][0] != sequence:
            raise _malformed(path)
        if (last.chain_id, last.public_key) != (chain_id, public_key):
            raise Refused("signer_state_of_other_key", file=str(path))
        return cls(path, last, sequence)

    def write(self, last: SignedLast) -> None:
        """Durable once this returns. Raises `SignatureWithheld` for what has no room, OSError where
        the disk fails; then nothing may be signed any more."""
        sequence = self._sequence + 1
        slot = _slot(last, sequence)
        if len(slot) > SLOT_BYTES_MAX:
            raise SignatureWithheld("this is longer than any vote")
        write_in_place(self.path, sequence % 2 * BLOCK_BYTES, slot.ljust(SLOT_BYTES_MAX, b"\0"))
        self.last, self._sequence = last, sequence


def fresh_record(chain_id: str, public_key: bytes) -> bytes:
    """The file of a key that never signed on this chain: of one that is being made, or of a node
    that begins its first network."""
    last = SignedLast(chain_id, public_key)
    return b"".join([_slot(last, number).ljust(BLOCK_BYTES, b"\0") for number in (0, 1)])


def write_in_place(path: Path, offset: int, raw: bytes) -> None:
    """Write over bytes that are there, durable once this returns."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        if os.pwrite(descriptor, raw, offset) != len(raw):
            raise OSError(f"{path}: only a part was written")
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _slot(last: SignedLast, sequence: int) -> bytes:
    place = last.place
    record = encode(
        (
            KIND,
            VERSION,
            sequence,
            last.chain_id,
            last.public_key,
            (place.height, place.round, place.step),
            last.content,
            last.time_ns,
            last.signature,
        )
    )
    return len(record).to_bytes(_LENGTH_BYTES, "big") + record + hash_bytes(KIND, record)


def _read_slot(block: bytes, path: Path) -> tuple[int, SignedLast]:
    """The slot's number in turn, and what it says."""
    end = _LENGTH_BYTES + int.from_bytes(block[:_LENGTH_BYTES], "big")
    record, hashed = block[_LENGTH_BYTES:end], block[end : end + _HASH_BYTES]
    if end + _HASH_BYTES > SLOT_BYTES_MAX or hashed != hash_bytes(KIND, record):
        raise _malformed(path)
    found: Value
    try:
        found = decode(record)
    except Refused:
        raise _malformed(path) from None
    match found:
        case (
            "signed_last",
            1,
            int(sequence),
            str(chain_id),
            bytes(public_key),
            (int(height), int(round_), int(step)),
            bytes(content),
            int(time_ns),
            bytes(signature),
        ):
            place = Place(height, round_, step)
            return sequence, SignedLast(chain_id, public_key, place, content, time_ns, signature)
        case ("signed_last", int(version), *_) if version > VERSION:
            raise Refused("data_of_newer_version", f"version {version}", file=str(path))
    raise _malformed(path)


def _malformed(path: Path) -> Refused:
    return Refused("signer_state_malformed", file=str(path))
