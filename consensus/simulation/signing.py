"""Signatures for simulated members: a keyed hash, or real Ed25519."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from consensus.votes import Signer, Verifier
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey, verify

_VERIFIED_MAX = 65_536


@dataclass(frozen=True, slots=True)
class KeyedHashKey:
    """Anyone could forge it; simulated actors don't, except where that is their part."""

    public_key: bytes

    def sign(self, message: bytes) -> bytes:
        """64 bytes that depend on key and message."""
        first = hash_bytes("simulated", self.public_key + message)
        return first + first


def verify_keyed_hash(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether it is that hash."""
    return KeyedHashKey(public_key).sign(message) == signature


def make_keys(count: int, *, real: bool) -> tuple[dict[bytes, Signer], Verifier]:
    """Signers by public key, and what checks them."""
    seeds = [hash_bytes("simulated_seed", bytes([number])) for number in range(count)]
    if real:
        keys = [SigningKey.from_seed(seed) for seed in seeds]
        # Everybody checks what everybody signed; what one found, all would.
        return {key.public_key: key for key in keys}, lru_cache(_VERIFIED_MAX)(verify)
    return {seed: KeyedHashKey(seed) for seed in seeds}, verify_keyed_hash
