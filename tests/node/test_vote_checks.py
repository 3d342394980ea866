"""A vote's signature is checked once, whoever asks, and never taken for another one's."""

from collections.abc import Iterator

import pytest

import node.vote_checks
from node.vote_checks import verify_vote
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey, verify

KEY = SigningKey.from_seed(hash_bytes("test", b"member"))
OTHER = SigningKey.from_seed(hash_bytes("test", b"other"))


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    messages: list[bytes] = []

    def noting(public_key: bytes, message: bytes, signature: bytes) -> bool:
        messages.append(message)
        return verify(public_key, message, signature)

    monkeypatch.setattr(node.vote_checks, "verify", noting)
    verify_vote.cache_clear()
    yield messages
    verify_vote.cache_clear()


def test_a_signature_that_comes_again_is_not_checked_again(checked: list[bytes]) -> None:
    signature = KEY.sign(b"vote")
    assert [verify_vote(KEY.public_key, b"vote", signature) for _ in range(3)] == [True] * 3
    assert checked == [b"vote"]


def test_a_forged_one_is_refused_before_and_after_the_right_one(checked: list[bytes]) -> None:
    signature, forged = KEY.sign(b"vote"), OTHER.sign(b"vote")
    for _ in range(2):
        assert not verify_vote(KEY.public_key, b"vote", forged)
        assert verify_vote(KEY.public_key, b"vote", signature)
        assert not verify_vote(KEY.public_key, b"another vote", signature)
        assert not verify_vote(OTHER.public_key, b"vote", signature)
    assert len(checked) == 4
