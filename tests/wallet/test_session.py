"""Sessions: many keys, one socket, every outcome known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ledger.objects import ACCOUNT, Account, tree_key
from primitives.errors import Refused
from tests.wallet.chain import Chain
from tests.wallet.people import PEOPLE, Person, chain_with_people
from tests.wallet.standin import StandInNode
from wallet.delivery import Outcome
from wallet.light.trust import FinalHeader, TrustedNetwork
from wallet.reader import Reader
from wallet.session import Session, SessionAccount

ALICE, BAKER = PEOPLE[0], PEOPLE[1]


@pytest.fixture
def chain() -> Chain:
    return chain_with_people()


@asynccontextmanager
async def _session(
    chain: Chain, *nodes: StandInNode, outcomes: list[Outcome] | None = None
) -> AsyncIterator[Session]:
    session = Session(
        TrustedNetwork(chain.genesis),
        [node.url for node in nodes],
        on_outcome=None if outcomes is None else outcomes.append,
        more_nodes_after_ms=300,
    )
    async with session:
        yield session


def _account(session: Session, person: Person) -> SessionAccount:
    return session.account(person.prefix, person.key)


def _balance(chain: Chain, person: Person) -> int:
    return Account.decode(chain.objects[tree_key(ACCOUNT, person.account_id)]).balance_minor


async def test_payments_settle_under_verified_headers(chain: Chain) -> None:
    outcomes: list[Outcome] = []
    async with StandInNode(chain) as node, _session(chain, node, outcomes=outcomes) as session:
        alice = _account(session, ALICE)
        ids = [session.pay(alice, BAKER.account_id, 10 + index) for index in range(20)]
        settled = [await session.settle(id) for id in ids]
        assert [outcome.state for outcome in settled] == ["final"] * 20
        assert all(outcome.final is not None and outcome.milliseconds > 0 for outcome in settled)
        assert [outcome.id for outcome in outcomes] == ids
        proved = await session.balance(_account(session, BAKER))
        assert proved.account is not None
        assert proved.account.balance_minor == 100_000 + sum(range(10, 30))
        assert (await session.prove(ids[0], alice)).final.vouched_by == 3
        assert session.pending_count == 0
        assert session.connections == 1


async def test_a_refusal_is_told_and_its_number_used_again(chain: Chain) -> None:
    async with StandInNode(chain) as node, _session(chain, node) as session:
        alice = _account(session, ALICE)
        refused = await session.settle(session.pay(alice, BAKER.account_id, 10**9))
        assert (refused.state, refused.code) == ("refused", "balance_insufficient")
        await session.settle(session.pay(alice, BAKER.account_id, 1))
        assert alice.next_number == 2


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
async def test_a_broken_connection_loses_and_repeats_nothing(chain: Chain, fault: str) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:
        setattr(home.faults, fault, True)
        async with _session(chain, home, away) as session:
            alice = _account(session, ALICE)
            ids = [session.pay(alice, BAKER.account_id, 7) for _ in range(5)]
            assert {(await session.settle(id)).state for id in ids} == {"final"}
        assert _balance(chain, BAKER) == 100_000 + 35


async def test_a_node_that_keeps_payments_back_is_passed_by(chain: Chain) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:
        home.faults.hold = True
        async with _session(chain, home, away) as session:
            outcome = await session.settle(
                session.pay(_account(session, ALICE), BAKER.account_id, 7)
            )
        assert outcome.state == "final"


async def test_a_busy_node_gets_it_again(chain: Chain) -> None:
    async with StandInNode(chain) as node, _session(chain, node) as session:
        node.faults.busy = True
        id = session.pay(_account(session, ALICE), BAKER.account_id, 7)
        with pytest.raises(Refused) as caught:
            await session.settle(id, timeout_ms=200)
        assert caught.value.code == "outcome_unknown"
        node.faults.busy = False
        assert (await session.settle(id)).state == "final"


async def test_a_busy_node_is_not_asked_again_before_it_said(chain: Chain) -> None:
    async with StandInNode(chain) as node, _session(chain, node) as session:
        node.faults.busy, node.faults.retry_after_ms = True, 600_000
        id = session.pay(_account(session, ALICE), BAKER.account_id, 7)
        # Far beyond what it would wait unasked, and after which it looks what became of it.
        with pytest.raises(Refused):
            await session.settle(id, timeout_ms=1_500)
        assert len(node.received) == 1


async def test_a_refused_payment_comes_again_when_the_node_said(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []

    def pause(told_ms: int, times_refused: int) -> float:
        told.append((told_ms, times_refused))
        node.faults.busy = len(told) < 3
        return 0.0

    monkeypatch.setattr("wallet.delivery.pause_seconds", pause)
    async with StandInNode(chain) as node, _session(chain, node) as session:
        node.faults.busy, node.faults.retry_after_ms = True, 700
        outcome = await session.settle(session.pay(_account(session, ALICE), BAKER.account_id, 7))
    assert outcome.state == "final"
    assert told == [(700, 1), (700, 2), (700, 3)]


async def test_a_node_that_is_busy_for_ever_keeps_no_payment_from_the_others(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []

    def pause(told_ms: int, times_refused: int) -> float:
        told.append(told_ms)
        away.faults.busy = told.count(70) < 2
        return 0.0 if told_ms == 70 else 3_600.0

    monkeypatch.setattr("wallet.delivery.pause_seconds", pause)
    async with StandInNode(chain) as home, StandInNode(chain) as away:
        home.faults.busy, home.faults.retry_after_ms = True, 600_000
        away.faults.busy, away.faults.retry_after_ms = True, 70
        async with _session(chain, home, away) as session:
            outcome = await session.settle(
                session.pay(_account(session, ALICE), BAKER.account_id, 7)
            )
    assert outcome.state == "final"
    assert told == [600_000, 70, 70]
    assert (len(home.received), len(away.received)) == (1, 3)


async def test_a_node_that_makes_blocks_up_keeps_no_payment_from_the_others(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(reader: Reader, height: int | None = None) -> FinalHeader:
        asked.append(height)
        await asyncio.sleep(0.5)
        raise Refused("not_found")

    asked: list[int | None] = []
    monkeypatch.setattr(Reader, "header", slowly)
    async with StandInNode(chain) as home, StandInNode(chain) as away:
        home.faults.hold = True
        async with _session(chain, home, away) as session:
            id = session.pay(_account(session, ALICE), BAKER.account_id, 7)
            while not home.held:
                await asyncio.sleep(0.01)
            (socket,) = home.sockets
            for height in range(1_000_000, 1_001_000):
                frame = {"type": "final", "height": height, "ids": [id.hex(), "00" * 32]}
                await socket.send_json(frame)
            assert (await session.settle(id)).state == "final"
    assert 0 < len(asked) < 100


async def test_a_bad_transaction_is_refused_with_its_code(chain: Chain) -> None:
    async with StandInNode(chain) as node, _session(chain, node) as session:
        alice = _account(session, ALICE)
        assert (await session.settle(session.send_raw(alice, b"\xc1"))).code == (
            "encoding_not_canonical"
        )


async def test_a_lane_is_recovered(chain: Chain) -> None:
    async with StandInNode(chain) as node:
        for _ in range(2):
            async with _session(chain, node) as session:
                alice = _account(session, ALICE)
                await session.recover_lane(alice)
                await session.settle(session.pay(alice, BAKER.account_id, 1))
        assert alice.next_number == 3


async def test_a_balance_at_a_height(chain: Chain) -> None:
    async with StandInNode(chain) as node, _session(chain, node) as session:
        alice = _account(session, ALICE)
        before = chain.height
        await session.settle(session.pay(alice, BAKER.account_id, 1))
        proved = await session.balance(alice, height=before)
        assert proved.final.height == before
        assert proved.account is not None
        assert proved.account.balance_minor == 100_000


async def test_a_node_of_another_network_is_not_listened_to(chain: Chain) -> None:
    from tests.wallet.people import other_chain

    async with StandInNode(other_chain()) as other, StandInNode(chain) as home:
        async with _session(chain, other, home) as session:
            outcome = await session.settle(
                session.pay(_account(session, ALICE), BAKER.account_id, 7)
            )
        assert outcome.state == "final"
        assert session.network.network_id == chain.network_id


async def test_leaving_ends_every_task(chain: Chain) -> None:
    async with StandInNode(chain) as node, _session(chain, node):
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.05)
    left = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
    assert not {name for name in left if name.startswith("Delivery")}
