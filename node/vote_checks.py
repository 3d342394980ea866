"""Signatures of votes, each checked once.

The same signature comes more than once: a leader's vote is checked before its proposal is gathered
and again by the core, a certificate brings the signatures that votes bring too, and votes are told
again. Whether one holds depends on nothing but the three given here.
"""

from functools import lru_cache

from primitives.signatures import verify

CHECKS_REMEMBERED = 1_024
"""Of a few views, where members are few; forged ones only drive out others, as much later work as
each of them took."""


@lru_cache(CHECKS_REMEMBERED)
def verify_vote(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is the member's over `message`."""
    return verify(public_key, message, signature)
