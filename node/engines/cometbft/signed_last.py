"""What a voting key signed last under CometBFT, and so what it may still sign.

A validator signs at most one proposal, one prevote and one precommit at each height and round, and
never goes back. What it is about to sign is on disk before the signature leaves this process, so a
kill at any point forgets nothing. The same message may be signed again: with the signature and the
time of before, since CometBFT, after a crash of its own, asks again with another time.

Source: CometBFT v0.38, `privval/file.go`.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from node.private_files import replace_file, write_new_file
from primitives.errors import Refused

KIND = "signed_last"
VERSION = 1
FILE_BYTES_MAX = 16_384

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

    def __init__(self, path: Path, last: SignedLast) -> None:
        self.path = path
        self.last = last

    @classmethod
    def create(cls, path: Path, chain_id: str, public_key: bytes) -> Self:
        """For a key that never signed on this chain. Raises FileExistsError."""
        last = SignedLast(chain_id, public_key)
        write_new_file(path, _encode(last))
        return cls(path, last)

    @classmethod
    def read(cls, path: Path, chain_id: str, public_key: bytes) -> Self:
        """Raises `Refused`: `signer_state_missing`, `signer_state_malformed`,
        `signer_state_of_other_key`, `data_of_newer_version`."""
        try:
            with path.open("rb") as stream:
                raw = stream.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            raise Refused("signer_state_missing", file=str(path)) from None
        last = _decode(raw, path)
        if (last.chain_id, last.public_key) != (chain_id, public_key):
            raise Refused("signer_state_of_other_key", file=str(path))
        return cls(path, last)

    def write(self, last: SignedLast) -> None:
        """Durable once this returns. Raises OSError; then nothing may be signed any more."""
        replace_file(self.path, _encode(last))
        self.last = last


def _encode(last: SignedLast) -> bytes:
    content = {
        "kind": KIND,
        "version": VERSION,
        "chain_id": last.chain_id,
        "public_key": last.public_key.hex(),
        "height": last.place.height,
        "round": last.place.round,
        "step": last.place.step,
        "content": last.content.hex(),
        "time_ns": last.time_ns,
        "signature": last.signature.hex(),
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def _decode(raw: bytes, path: Path) -> SignedLast:
    malformed = Refused("signer_state_malformed", file=str(path))
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise malformed from None
    if len(raw) > FILE_BYTES_MAX or not isinstance(found, dict) or found.get("kind") != KIND:
        raise malformed
    version = found.get("version")
    if type(version) is int and version > VERSION:
        raise Refused("data_of_newer_version", f"version {version}", file=str(path))
    match found:
        case {
            "version": 1,
            "chain_id": str(chain_id),
            "public_key": str(public_key),
            "height": int(height),
            "round": int(round_),
            "step": int(step),
            "content": str(content),
            "time_ns": int(time_ns),
            "signature": str(signature),
        }:
            try:
                return SignedLast(
                    chain_id,
                    bytes.fromhex(public_key),
                    Place(height, round_, step),
                    bytes.fromhex(content),
                    time_ns,
                    bytes.fromhex(signature),
                )
            except ValueError:
                raise malformed from None
    raise malformed
