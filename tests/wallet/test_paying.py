"""Paying: once, whatever nodes answer, and whenever the process dies."""

import asyncio
from pathlib import Path

import pytest

from primitives.errors import Refused
from tests.wallet.chain import Chain
from tests.wallet.desks import (
    OPENING_MINOR,
    die,
    intent_to_pay,
    open_desk,
    paid_minor,
)
from tests.wallet.people import Person, chain_with_people
from tests.wallet.standin import StandInNode
from wallet.courier import Courier
from wallet.outbox_entry import Entry


@pytest.fixture
def chain() -> Chain:
    return chain_with_people()


async def test_a_payment_is_final_and_proved(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node, open_desk(chain, tmp_path, node) as desk:
        entry = await desk.perform(intent_to_pay(note="pain"))
        assert (entry.state, entry.height) == ("final", chain.height - 1)
        assert desk.courier.last_inclusion is not None
        assert desk.courier.last_inclusion.final.vouched_by == 3
        assert paid_minor(chain) == 250


async def test_without_waiting_it_is_pending(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node:
        node.faults.hold = True
        async with open_desk(chain, tmp_path, node) as desk:
            entry = await desk.perform(intent_to_pay(), wait=False)
            assert (entry.state, entry.reported) == ("pending", "")
            desk.tell(entry, "pending")
        node.include_held()
        async with open_desk(chain, tmp_path, node) as desk:
            (news,) = await desk.resolve_earlier()
            assert news.state == "final"
            assert desk.outbox.pending() == []


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
async def test_a_dropped_answer_is_no_second_payment(
    chain: Chain, tmp_path: Path, fault: str
) -> None:
    async with StandInNode(chain) as node:
        setattr(node.faults, fault, True)
        async with open_desk(chain, tmp_path, node) as desk:
            first = await desk.perform(intent_to_pay(), wait_ms=300)
        setattr(node.faults, fault, False)
        async with open_desk(chain, tmp_path, node) as desk:
            await desk.resolve_earlier()
            second = await desk.perform(intent_to_pay())
        assert second.state == "final"
        assert second.raw == first.raw
        assert paid_minor(chain) == 250
        assert len(set(node.received)) == 1


async def test_the_outcome_of_a_dropped_answer_is_found_by_looking(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        node.faults.drop_after = True
        node.faults.unreadable = True
        with pytest.raises(Refused):
            async with open_desk(chain, tmp_path, node) as desk:
                await desk.perform(intent_to_pay(), wait_ms=300)
        node.faults.unreadable = False
        async with open_desk(chain, tmp_path, node) as desk:
            entry = await desk.perform(intent_to_pay(), wait_ms=300)
        assert entry.state == "final"
        assert paid_minor(chain) == 250


async def test_another_node_takes_over(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:
        home.faults.down = True
        async with open_desk(chain, tmp_path, home, away) as desk:
            entry = await desk.perform(intent_to_pay())
        assert entry.state == "final"
        assert paid_minor(chain) == 250


async def test_a_node_that_keeps_a_payment_back_is_passed_by(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:
        home.faults.hold = True
        async with open_desk(chain, tmp_path, home, away) as desk:
            entry = await desk.perform(intent_to_pay())
            assert entry.state == "final"
        home.include_held()
        assert paid_minor(chain) == 250


async def test_a_busy_node_is_passed_by(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:
        home.faults.busy = True
        async with open_desk(chain, tmp_path, home, away) as desk:
            assert (await desk.perform(intent_to_pay())).state == "final"


async def test_a_busy_node_is_left_alone_until_it_said(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node, open_desk(chain, tmp_path, node) as desk:
        node.faults.busy, node.faults.retry_after_ms = True, 600_000
        entry = await desk.perform(intent_to_pay(), wait_ms=1_500)
        assert (entry.state, entry.reported) == ("pending", "unknown")
        assert len(node.received) == 1


async def test_a_refusal_has_the_networks_code(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node, open_desk(chain, tmp_path, node) as desk:
        entry = await desk.perform(intent_to_pay(OPENING_MINOR + 1))
        assert (entry.state, entry.code) == ("refused", "balance_insufficient")
        assert paid_minor(chain) == 0


async def test_a_payment_that_can_no_longer_come_is_proved_gone(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        node.faults.drop_before = True
        async with open_desk(chain, tmp_path, node) as desk:
            first = await desk.perform(intent_to_pay(), wait_ms=300)
            assert (first.state, first.reported) == ("pending", "unknown")
        async with open_desk(chain, tmp_path, node) as desk:
            assert await desk.resolve_earlier() == []
        chain.clock_ms = lambda: first.valid_until_ms + 1
        chain.seal()
        async with open_desk(chain, tmp_path, node) as desk:
            (news,) = await desk.resolve_earlier()
            assert (news.state, news.code) == ("absent", "validity_expired")
            assert desk.outbox.pending() == []


async def test_the_last_block_before_the_end_is_not_taken_for_the_end(
    chain: Chain, tmp_path: Path
) -> None:
    """A header's state is the one before its own block, which may still hold the payment."""
    async with StandInNode(chain) as node:
        node.faults.drop_before = True
        async with open_desk(chain, tmp_path, node) as desk:
            first = await desk.perform(intent_to_pay(), wait_ms=300)
        chain.clock_ms = lambda: first.valid_until_ms
        chain.seal()
        async with open_desk(chain, tmp_path, node) as desk:
            assert await desk.resolve_earlier() == []
            assert [entry.state for entry in desk.outbox.pending()] == ["pending"]


async def test_an_idempotency_key_pays_once(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node:
        entries: list[Entry] = []
        for _ in range(3):
            async with open_desk(chain, tmp_path, node) as desk:
                entry = await desk.perform(intent_to_pay(), idempotency_key="order 7")
                desk.tell(entry, "final")
                entries.append(entry)
        assert len({entry.id for entry in entries}) == 1
        assert paid_minor(chain) == 250
        async with open_desk(chain, tmp_path, node) as desk:
            with pytest.raises(Refused) as caught:
                await desk.perform(intent_to_pay(251), idempotency_key="order 7")
        assert caught.value.code == "idempotency_key_reused"


async def test_a_final_payment_that_was_never_told_is_told_by_the_retry(
    chain: Chain, tmp_path: Path
) -> None:
    """Killed after the outcome was on disk and before it was printed."""
    async with StandInNode(chain) as node:
        async with open_desk(chain, tmp_path, node) as desk:
            first = await desk.perform(intent_to_pay())
        async with open_desk(chain, tmp_path, node) as desk:
            second = await desk.perform(intent_to_pay())
            desk.tell(second, "final")
        async with open_desk(chain, tmp_path, node) as desk:
            third = await desk.perform(intent_to_pay())
        assert first.id == second.id != third.id
        assert paid_minor(chain) == 500


@pytest.mark.parametrize("step", ["_post", "_look", "_settle", "_final"])
async def test_dying_at_any_step_pays_once(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Death(BaseException):
        pass

    def strike(*_: object, **__: object) -> None:
        raise Death

    async with StandInNode(chain) as node:
        node.faults.hold = step == "_look"
        with monkeypatch.context() as patch:
            patch.setattr(Courier, step, strike)
            with pytest.raises(Death):
                async with open_desk(chain, tmp_path, node) as desk:
                    await desk.perform(intent_to_pay())
        die(desk)
        node.include_held()
        node.faults.hold = False
        async with open_desk(chain, tmp_path, node) as desk:
            await desk.resolve_earlier()
            entry = await desk.perform(intent_to_pay())
        assert entry.state == "final"
        assert paid_minor(chain) == 250


async def test_a_restored_wallet_goes_on_after_the_highest_number(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        for folder in ("one", "two"):
            async with open_desk(chain, tmp_path / folder, node) as desk:
                entry = await desk.perform(intent_to_pay())
        assert (entry.number, entry.state) == (2, "final")


async def test_a_lane_number_taken_by_a_copy_of_the_wallet_is_found_out(
    chain: Chain, tmp_path: Path
) -> None:
    """Two copies of one wallet sign with one number: one payment wins, the other is told so."""
    async with StandInNode(chain) as node:
        node.faults.drop_before = True
        async with open_desk(chain, tmp_path / "one", node) as desk:
            await desk.perform(intent_to_pay(), wait_ms=300)
        node.faults.drop_before = False
        async with open_desk(chain, tmp_path / "two", node) as desk:
            assert (await desk.perform(intent_to_pay(251))).state == "final"
        async with open_desk(chain, tmp_path / "one", node) as desk:
            (news,) = await desk.resolve_earlier()
        assert (news.state, news.code) == ("refused", "number_used")
        assert paid_minor(chain) == 251


async def test_an_unopened_account_is_sent_to_the_town_hall(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node:
        stranger = Person.named("stranger")
        async with open_desk(chain, tmp_path, node, person=stranger) as desk:
            with pytest.raises(Refused) as caught:
                await desk.perform(intent_to_pay())
    assert caught.value.code == "account_unknown"


async def test_a_payment_that_was_taken_and_dropped_is_asked_again(
    chain: Chain, tmp_path: Path
) -> None:
    """A node answers 202, then drops it: the wallet sends it again and learns why."""
    async with StandInNode(chain) as node:
        node.faults.hold = True

        async def drop() -> None:
            while not node.held:
                await asyncio.sleep(0.01)
            node.faults.hold = False
            node.faults.refuse_with = "quota_exceeded"
            node.held.clear()

        async with open_desk(chain, tmp_path, node) as desk:
            dropping = asyncio.create_task(drop())
            entry = await desk.perform(intent_to_pay())
            await dropping
        assert (entry.state, entry.code) == ("refused", "quota_exceeded")
        assert len(set(node.received)) == 1
