"""Each transaction gets its own answer, in a later turn, and no turn checks more than a slice."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest

import node.verifier
from ledger.envelope import build_body, sign_transaction
from ledger.fields import PAYMENT_PAY, RESERVE_ISSUE
from ledger.payments import pay_fields
from ledger.reserve import issue_fields
from ledger.transaction import Transaction, decode_transaction
from node.verifier import BEHIND_TRANSACTIONS, SLICE_BYTES_MAX, SLICE_SIGNATURES_MAX, Verifier
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


def large_transaction() -> Transaction:
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
    return decode_transaction(sign_transaction(body, NETWORK, KEY, others), NETWORK)


async def checked_by_turn(
    groups: Sequence[Sequence[Transaction]], monkeypatch: pytest.MonkeyPatch
) -> tuple[list[list[bool]], list[int]]:
    """What is said of each group, in order, and the checks made in each turn of the loop."""
    by_turn = [0]

    def counting(public_key: bytes, message: bytes, signature: bytes) -> bool:
        by_turn[-1] += 1
        return verify(public_key, message, signature)

    monkeypatch.setattr(node.verifier, "verify", counting)
    verifier = Verifier()
    told: list[list[bool]] = []

    def on_done(transactions: Sequence[Transaction], sound: list[bool]) -> None:
        assert transactions is groups[len(told)]
        told.append(sound)

    for group in groups:
        verifier.check(group, on_done)
    assert verifier.waiting_count == sum(map(len, groups))
    assert by_turn == [0] and not told  # whoever asks may go on first
    while len(told) < len(groups):
        await asyncio.sleep(0)
        by_turn.append(0)
    assert verifier.waiting_count == 0
    answers = list(itertools.chain(*told))
    assert (verifier.verified, verifier.refused) == (sum(answers), answers.count(False))
    verifier.close()
    return told, [count for count in by_turn if count]


SIZES = [
    (1,),
    (0,),
    (SLICE_SIGNATURES_MAX,),
    (SLICE_SIGNATURES_MAX + 1,),
    (3, 0, 2 * SLICE_SIGNATURES_MAX, 5),
]


@pytest.mark.parametrize("sizes", SIZES)
def test_each_gets_its_own_answer_a_slice_in_each_turn(
    sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count(1)
    groups = [
        [payment(number, forged=number % 3 == 0) for number in itertools.islice(numbers, size)]
        for size in sizes
    ]
    told, by_turn = asyncio.run(checked_by_turn(groups, monkeypatch))
    assert told == [[one.number % 3 != 0 for one in group] for group in groups]
    total = sum(sizes)
    whole, rest = divmod(total, SLICE_SIGNATURES_MAX)
    assert by_turn == [SLICE_SIGNATURES_MAX] * whole + [rest] * bool(rest)


def test_what_takes_long_to_hash_has_a_turn_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    large = large_transaction()
    assert len(large.raw) * 16 > SLICE_BYTES_MAX
    told, by_turn = asyncio.run(checked_by_turn([[large, large], [large]], monkeypatch))
    assert told == [[True, True], [True]]
    assert by_turn == [16, 16, 16]


def test_it_is_behind_while_more_waits_than_a_group() -> None:
    async def run() -> list[bool]:
        verifier = Verifier()
        told: list[bool] = []
        numbers = range(1, BEHIND_TRANSACTIONS + 2)
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
