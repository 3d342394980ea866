"""Each transaction gets its own answer, in a later turn, whether or not a thread had its part."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

import node.verifier
from ledger.envelope import build_body, sign_transaction
from ledger.fields import PAYMENT_PAY, RESERVE_ISSUE
from ledger.payments import pay_fields
from ledger.reserve import issue_fields
from ledger.transaction import Transaction, decode_transaction
from node.verifier import AT_ONCE_SIGNATURES_MAX, GROUP_SIGNATURES_MAX, Verifier
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey, verify

NETWORK = hash_bytes("test", b"network")
KEY = SigningKey.from_seed(hash_bytes("test", b"payer"))


def payment(number: int, *, forged: bool) -> Transaction:
    body = build_body(
        PAYMENT_PAY,
        NETWORK,
        created_ms=1,
        valid_until_ms=2,
        account=hash_bytes("test", b"account")[:20],
        device=KEY.public_key,
        number=number,
        fields=pay_fields(hash_bytes("test", b"payee")[:20], "ARD", 1),
    )
    other = hash_bytes("test", b"another network")
    return decode_transaction(sign_transaction(body, other if forged else NETWORK, KEY), NETWORK)


def threads_noted(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The threads in which signatures are checked from here on."""
    checked_in: set[int] = set()

    def noting(public_key: bytes, message: bytes, signature: bytes) -> bool:
        checked_in.add(threading.get_ident())
        return verify(public_key, message, signature)

    monkeypatch.setattr(node.verifier, "verify", noting)
    return checked_in


@pytest.mark.parametrize("size", [1, AT_ONCE_SIGNATURES_MAX, AT_ONCE_SIGNATURES_MAX + 1])
def test_the_same_answers_on_the_loop_and_in_a_thread(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = [payment(number, forged=number % 3 == 0) for number in range(1, size + 1)]
    checked_in = threads_noted(monkeypatch)

    async def run() -> list[bool]:
        verifier = Verifier()
        told: asyncio.Future[list[bool]] = asyncio.get_running_loop().create_future()

        def on_done(transactions: Sequence[Transaction], sound: list[bool]) -> None:
            assert list(transactions) == group
            told.set_result(sound)

        verifier.check(group, on_done)
        assert not told.done()  # whoever asks may go on first
        assert verifier.waiting_count == size
        sound = await told
        assert (verifier.verified, verifier.refused) == (sum(sound), size - sum(sound))
        assert verifier.waiting_count == 0
        verifier.close()
        return sound

    assert asyncio.run(run()) == [number % 3 != 0 for number in range(1, size + 1)]
    is_on_loop = checked_in == {threading.get_ident()}
    assert is_on_loop == (size <= AT_ONCE_SIGNATURES_MAX)


def test_what_takes_long_to_hash_is_checked_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [(hash_bytes("test", bytes([each]))[:20], 1, bytes(32)) for each in range(200)]
    body = build_body(
        RESERVE_ISSUE,
        NETWORK,
        created_ms=1,
        valid_until_ms=2,
        account=hash_bytes("test", b"account")[:20],
        device=KEY.public_key,
        number=1,
        fields=issue_fields("ARD", lines),
    )
    others = [SigningKey.from_seed(hash_bytes("other", bytes([each]))) for each in range(15)]
    large = decode_transaction(sign_transaction(body, NETWORK, KEY, others), NETWORK)
    checked_in = threads_noted(monkeypatch)

    async def run() -> list[bool]:
        verifier = Verifier()
        told: asyncio.Future[list[bool]] = asyncio.get_running_loop().create_future()
        verifier.check([large], lambda _, sound: told.set_result(sound))
        sound = await told
        verifier.close()
        return sound

    assert asyncio.run(run()) == [True]
    assert threading.get_ident() not in checked_in


def test_it_is_behind_while_more_waits_than_a_group() -> None:
    async def run() -> list[bool]:
        verifier = Verifier()
        told: list[bool] = []
        numbers = range(1, GROUP_SIGNATURES_MAX + 2)
        group = [payment(number, forged=False) for number in numbers]
        verifier.check(group[:-1], lambda _, __: told.append(verifier.is_behind))
        assert not verifier.is_behind
        verifier.check(group[-1:], lambda _, __: told.append(verifier.is_behind))
        assert verifier.is_behind
        while len(told) < 2:
            await asyncio.sleep(0.001)
        verifier.close()
        return told

    assert asyncio.run(run()) == [False, False]


def test_once_closed_it_answers_nobody() -> None:
    async def run() -> None:
        verifier = Verifier()
        answers: list[bool] = []
        verifier.check([payment(1, forged=False)], lambda _, sound: answers.extend(sound))
        verifier.close()
        await asyncio.sleep(0)
        assert answers == []

    asyncio.run(run())
