"""Paying: once, whatever nodes answer, and whenever the process dies."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ledger.objects import ACCOUNT, Account, tree_key
from primitives.errors import Refused
from tests.wallet.chain import Chain
from tests.wallet.people import PEOPLE, Person, chain_with_people
from tests.wallet.standin import StandInNode
from wallet.courier import Courier
from wallet.desk import Desk
from wallet.lane_owner import LaneOwner
from wallet.light.memory import HeaderConflict
from wallet.light.trust import TrustedNetwork
from wallet.outbox_entry import Entry
from wallet.payments import PayIntent

ALICE, BAKER = PEOPLE[0], PEOPLE[1]
OPENING_MINOR = 100_000


def _intent(amount_minor: int = 250, note: str = "") -> PayIntent:
    return PayIntent(BAKER.account_id, "ARD", amount_minor, BAKER.address, note)


@asynccontextmanager
async def _desk(
    chain: Chain, folder: Path, *nodes: StandInNode, person: Person = ALICE
) -> AsyncIterator[Desk]:
    owner = LaneOwner(person.prefix, person.account_id, person.key)
    network = TrustedNetwork(chain.genesis)
    async with Desk(network, owner, [node.url for node in nodes], folder=folder / "d") as desk:
        yield desk
    _die(desk)


def _die(desk: Desk) -> None:
    """What the system does for a process that ends."""
    for entry in desk.outbox.pending():
        desk.outbox.let_go(entry)


def _balance(chain: Chain, person: Person) -> int:
    return Account.decode(chain.objects[tree_key(ACCOUNT, person.account_id)]).balance_minor


def _paid_minor(chain: Chain) -> int:
    return OPENING_MINOR - _balance(chain, ALICE)


@pytest.fixture
def chain() -> Chain:
    return chain_with_people()


async def test_a_payment_is_final_and_proved(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node, _desk(chain, tmp_path, node) as desk:
        entry = await desk.perform(_intent(note="pain"))
        assert (entry.state, entry.height) == ("final", chain.height - 1)
        assert desk.courier.last_inclusion is not None
        assert desk.courier.last_inclusion.final.vouched_by == 3
        assert _paid_minor(chain) == 250


async def test_without_waiting_it_is_pending(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node:
        node.faults.hold = True
        async with _desk(chain, tmp_path, node) as desk:
            entry = await desk.perform(_intent(), wait=False)
            assert (entry.state, entry.reported) == ("pending", "")
            desk.tell(entry, "pending")
        node.include_held()
        async with _desk(chain, tmp_path, node) as desk:
            (news,) = await desk.resolve_earlier()
            assert news.state == "final"
            assert desk.outbox.pending() == []


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
async def test_a_dropped_answer_is_no_second_payment(
    chain: Chain, tmp_path: Path, fault: str
) -> None:
    async with StandInNode(chain) as node:
        setattr(node.faults, fault, True)
        async with _desk(chain, tmp_path, node) as desk:
            first = await desk.perform(_intent(), wait_ms=300)
        setattr(node.faults, fault, False)
        async with _desk(chain, tmp_path, node) as desk:
            await desk.resolve_earlier()
            second = await desk.perform(_intent())
        assert second.state == "final"
        assert second.raw == first.raw
        assert _paid_minor(chain) == 250
        assert len(set(node.received)) == 1


async def test_the_outcome_of_a_dropped_answer_is_found_by_looking(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        node.faults.drop_after = True
        node.faults.unreadable = True
        with pytest.raises(Refused):
            async with _desk(chain, tmp_path, node) as desk:
                await desk.perform(_intent(), wait_ms=300)
        node.faults.unreadable = False
        async with _desk(chain, tmp_path, node) as desk:
            entry = await desk.perform(_intent(), wait_ms=300)
        assert entry.state == "final"
        assert _paid_minor(chain) == 250


async def test_another_node_takes_over(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:
        home.faults.down = True
        async with _desk(chain, tmp_path, home, away) as desk:
            entry = await desk.perform(_intent())
        assert entry.state == "final"
        assert _paid_minor(chain) == 250


async def test_a_node_that_keeps_a_payment_back_is_passed_by(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:
        home.faults.hold = True
        async with _desk(chain, tmp_path, home, away) as desk:
            entry = await desk.perform(_intent())
            assert entry.state == "final"
        home.include_held()
        assert _paid_minor(chain) == 250


async def test_a_busy_node_is_passed_by(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:
        home.faults.busy = True
        async with _desk(chain, tmp_path, home, away) as desk:
            assert (await desk.perform(_intent())).state == "final"


async def test_a_refusal_has_the_networks_code(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node, _desk(chain, tmp_path, node) as desk:
        entry = await desk.perform(_intent(OPENING_MINOR + 1))
        assert (entry.state, entry.code) == ("refused", "balance_insufficient")
        assert _paid_minor(chain) == 0


async def test_a_node_that_lies_about_a_refusal_cannot_make_it_two_payments(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        node.faults.refuse_with, node.faults.lie = "quota_exceeded", True
        async with _desk(chain, tmp_path, node) as desk:
            first = await desk.perform(_intent())
            assert first.state == "refused"
            desk.tell(first, "refused")
        node.faults.refuse_with, node.faults.lie = "", False
        async with _desk(chain, tmp_path, node) as desk:
            second = await desk.perform(_intent())
        assert (second.state, second.id) == ("final", first.id)
        assert _paid_minor(chain) == 250


async def test_a_lie_that_cannot_be_cleared_up_yet_is_no_second_payment(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        node.faults.refuse_with, node.faults.lie = "quota_exceeded", True
        async with _desk(chain, tmp_path, node) as desk:
            desk.tell(await desk.perform(_intent()), "refused")

        def hide(path: str, answer: dict[str, object]) -> dict[str, object]:
            if "/transactions" in path:
                return {"status": "unknown"}
            return {"items": [], "next": None} if path.endswith("/history") else answer

        node.faults.bend = hide
        node.faults.refuse_with, node.faults.lie = "", False
        for _ in range(2):
            async with _desk(chain, tmp_path, node) as desk:
                await desk.resolve_earlier()
                entry = await desk.perform(_intent(), wait_ms=100)
                assert (entry.state, entry.number) == ("pending", 1)
        node.faults.bend = None
        async with _desk(chain, tmp_path, node) as desk:
            assert (await desk.perform(_intent())).state == "final"
        assert _paid_minor(chain) == 250


async def test_a_refused_payment_that_was_kept_cannot_follow_its_successor(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        node.faults.refuse_with = "quota_exceeded"
        async with _desk(chain, tmp_path, node) as desk:
            first = await desk.perform(_intent())
            desk.tell(first, "refused")
        node.faults.refuse_with = ""
        async with _desk(chain, tmp_path, node) as desk:
            second = await desk.perform(_intent())
        assert second.number == first.number
        assert node.take(first.raw) == "number_used"
        assert _paid_minor(chain) == 250


async def test_a_payment_that_can_no_longer_come_is_proved_gone(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        node.faults.drop_before = True
        async with _desk(chain, tmp_path, node) as desk:
            first = await desk.perform(_intent(), wait_ms=300)
            assert (first.state, first.reported) == ("pending", "unknown")
        async with _desk(chain, tmp_path, node) as desk:
            assert await desk.resolve_earlier() == []
        chain.clock_ms = lambda: first.valid_until_ms + 1
        chain.seal()
        async with _desk(chain, tmp_path, node) as desk:
            (news,) = await desk.resolve_earlier()
            assert (news.state, news.code) == ("absent", "validity_expired")
            assert desk.outbox.pending() == []


async def test_the_last_block_before_the_end_is_not_taken_for_the_end(
    chain: Chain, tmp_path: Path
) -> None:
    """A header's state is the one before its own block, which may still hold the payment."""
    async with StandInNode(chain) as node:
        node.faults.drop_before = True
        async with _desk(chain, tmp_path, node) as desk:
            first = await desk.perform(_intent(), wait_ms=300)
        chain.clock_ms = lambda: first.valid_until_ms
        chain.seal()
        async with _desk(chain, tmp_path, node) as desk:
            assert await desk.resolve_earlier() == []
            assert [entry.state for entry in desk.outbox.pending()] == ["pending"]


async def test_an_idempotency_key_pays_once(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node:
        entries: list[Entry] = []
        for _ in range(3):
            async with _desk(chain, tmp_path, node) as desk:
                entry = await desk.perform(_intent(), idempotency_key="order 7")
                desk.tell(entry, "final")
                entries.append(entry)
        assert len({entry.id for entry in entries}) == 1
        assert _paid_minor(chain) == 250
        async with _desk(chain, tmp_path, node) as desk:
            with pytest.raises(Refused) as caught:
                await desk.perform(_intent(251), idempotency_key="order 7")
        assert caught.value.code == "idempotency_key_reused"


async def test_a_final_payment_that_was_never_told_is_told_by_the_retry(
    chain: Chain, tmp_path: Path
) -> None:
    """Killed after the outcome was on disk and before it was printed."""
    async with StandInNode(chain) as node:
        async with _desk(chain, tmp_path, node) as desk:
            first = await desk.perform(_intent())
        async with _desk(chain, tmp_path, node) as desk:
            second = await desk.perform(_intent())
            desk.tell(second, "final")
        async with _desk(chain, tmp_path, node) as desk:
            third = await desk.perform(_intent())
        assert first.id == second.id != third.id
        assert _paid_minor(chain) == 500


@pytest.mark.parametrize("step", ["_post", "_look", "_settle", "_final"])
async def test_dying_at_any_step_pays_once(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Death(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Death

    async with StandInNode(chain) as node:
        node.faults.hold = step == "_look"
        with monkeypatch.context() as patch:
            patch.setattr(Courier, step, die)
            with pytest.raises(Death):
                async with _desk(chain, tmp_path, node) as desk:
                    await desk.perform(_intent())
        _die(desk)
        node.include_held()
        node.faults.hold = False
        async with _desk(chain, tmp_path, node) as desk:
            await desk.resolve_earlier()
            entry = await desk.perform(_intent())
        assert entry.state == "final"
        assert _paid_minor(chain) == 250


async def test_a_restored_wallet_goes_on_after_the_highest_number(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        for folder in ("one", "two"):
            async with _desk(chain, tmp_path / folder, node) as desk:
                entry = await desk.perform(_intent())
        assert (entry.number, entry.state) == (2, "final")


async def test_a_lane_number_taken_by_a_copy_of_the_wallet_is_found_out(
    chain: Chain, tmp_path: Path
) -> None:
    """Two copies of one wallet sign with one number: one payment wins, the other is told so."""
    async with StandInNode(chain) as node:
        node.faults.drop_before = True
        async with _desk(chain, tmp_path / "one", node) as desk:
            await desk.perform(_intent(), wait_ms=300)
        node.faults.drop_before = False
        async with _desk(chain, tmp_path / "two", node) as desk:
            assert (await desk.perform(_intent(251))).state == "final"
        async with _desk(chain, tmp_path / "one", node) as desk:
            (news,) = await desk.resolve_earlier()
        assert (news.state, news.code) == ("refused", "number_used")
        assert _paid_minor(chain) == 251


async def test_an_unopened_account_is_sent_to_the_town_hall(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node:
        stranger = Person.named("stranger")
        async with _desk(chain, tmp_path, node, person=stranger) as desk:
            with pytest.raises(Refused) as caught:
                await desk.perform(_intent())
    assert caught.value.code == "account_unknown"


async def test_a_node_that_shows_an_older_state_is_passed_by(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:

        def old(path: str, answer: dict[str, object]) -> dict[str, object]:
            if path.startswith("/v1/accounts"):
                return chain.object_answer(tree_key(ACCOUNT, ALICE.account_id), 2)
            return answer

        async with _desk(chain, tmp_path, away) as desk:
            await desk.perform(_intent())
        home.faults.bend = old
        async with _desk(chain, tmp_path, home, away) as desk:
            proved = await desk.reader.account(ALICE.prefix, ALICE.account_id, ALICE.key)
            assert proved.final.height == chain.height
        async with _desk(chain, tmp_path, home) as desk:
            with pytest.raises(Refused) as caught:
                await desk.account()
        assert caught.value.code == "node_behind"


async def test_a_node_that_bends_answers_is_not_believed(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:

        def bend(path: str, answer: dict[str, object]) -> dict[str, object]:
            if path.startswith("/v1/accounts"):
                answer["object"] = str(answer["object"])[:-2] + "ff"
            if "inclusion" in answer:
                answer["inclusion"] = "90"
            return answer

        home.faults.bend = bend
        async with _desk(chain, tmp_path, home, away) as desk:
            assert (await desk.perform(_intent())).state == "final"
        async with _desk(chain, tmp_path, home) as desk:
            with pytest.raises(Refused):
                await desk.account()
        assert _paid_minor(chain) == 250


async def test_a_broken_network_leaves_evidence(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node:
        async with _desk(chain, tmp_path, node) as desk:
            await desk.account()
        newest = chain.blocks.pop()
        chain.tree.undo()
        chain.versions.pop()
        chain.clock_ms = lambda: newest.header.time_ms + 5
        header = chain.next_header([], newest.header.time_ms + 5)
        newest.header, newest.certificate = header, chain.certify(header)
        chain.blocks.append(newest)
        chain.tree.apply([])
        chain.versions.append(chain.objects)
        with pytest.raises(HeaderConflict) as caught:
            async with _desk(chain, tmp_path, node) as desk:
                await desk.account()
    assert caught.value.file is not None
    evidence = json.loads(Path(caught.value.file).read_text())
    assert evidence["height"] == chain.height


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

        async with _desk(chain, tmp_path, node) as desk:
            dropping = asyncio.create_task(drop())
            entry = await desk.perform(_intent())
            await dropping
        assert (entry.state, entry.code) == ("refused", "quota_exceeded")
        assert len(set(node.received)) == 1
