"""Who leaves out what it was shown long ago and had room for is counted, and nobody else."""

from consensus.header import Header
from consensus.members import Member, MemberSet
from ledger.envelope import build_body, sign_transaction
from ledger.fields import PAYMENT_PAY
from ledger.payments import pay_fields
from ledger.transaction import Transaction, decode_transaction
from node import fairness
from node.fairness import Fairness
from primitives.signatures import SigningKey

NETWORK = bytes(range(32))
NOW_MS = 1_700_000_000_000
GRACE_MS = 500
MEMBERS = MemberSet(tuple(Member(bytes([n]) * 32, bytes(32), f"town{n}") for n in range(4)))


def payment(number: int) -> Transaction:
    key = SigningKey.from_seed(b"p" * 32)
    body = build_body(
        PAYMENT_PAY, NETWORK, created_ms=NOW_MS, valid_until_ms=NOW_MS + 60_000,
        account=b"a" * 20, device=key.public_key, number=number,
        fields=pay_fields(b"b" * 20, "ARD", 100),
    )  # fmt: skip
    return decode_transaction(sign_transaction(body, NETWORK, key), NETWORK)


def header(view: int, time_ms: int) -> Header:
    empty = bytes(32)
    return Header(NETWORK, 0, view, view - 1, empty, view, time_ms, 1, empty, 0, empty)


def count(*, waited_ms: int, work_max: int = 40_000, later: bool = False) -> dict[str, int]:
    one = payment(1)
    watch = Fairness(MEMBERS, GRACE_MS, work_max)
    watch.came([one.id], NOW_MS - waited_ms)
    watch.judge(header(6, NOW_MS), [payment(2)], [one], {one.id} if later else set())
    return {name: n for name, n in watch.left_out.items() if n}


def test_the_leader_of_the_view_is_counted() -> None:
    assert MEMBERS.leader(0, 6) == MEMBERS.members[2].voting_key
    assert count(waited_ms=GRACE_MS) == {"town2": 1}


def test_what_came_just_now_or_had_no_room_or_stands_in_a_later_block_is_not() -> None:
    assert count(waited_ms=GRACE_MS - 1) == {}
    assert count(waited_ms=GRACE_MS, work_max=payment(2).work + payment(1).work - 1) == {}
    assert count(waited_ms=GRACE_MS, later=True) == {}


def test_what_is_gone_is_forgotten_and_what_is_known_is_bounded() -> None:
    one = payment(1)
    watch = Fairness(MEMBERS, GRACE_MS, 40_000)
    watch.came([one.id], NOW_MS - 10_000)
    watch.gone([one.id])
    watch.judge(header(6, NOW_MS), [], [one], set())
    assert sum(watch.left_out.values()) == 0
    watch.came([n.to_bytes(32, "big") for n in range(fairness.KNOWN_MAX + 5)], NOW_MS)
    assert len(watch._since_ms) == fairness.KNOWN_MAX
