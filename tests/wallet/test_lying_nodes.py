"""Nodes that lie: about refusals, states and whole histories. None of it costs money twice."""

import json
from pathlib import Path

import pytest

from ledger.objects import ACCOUNT, tree_key
from primitives.errors import Refused
from tests.wallet.chain import Chain
from tests.wallet.desks import ALICE, intent_to_pay, open_desk, paid_minor
from tests.wallet.people import chain_with_people
from tests.wallet.standin import StandInNode
from wallet.light.memory import HeaderConflict


@pytest.fixture
def chain() -> Chain:
    return chain_with_people()


async def test_a_node_that_lies_about_a_refusal_cannot_make_it_two_payments(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        node.faults.refuse_with, node.faults.lie = "quota_exceeded", True
        async with open_desk(chain, tmp_path, node) as desk:
            first = await desk.perform(intent_to_pay())
            assert first.state == "refused"
            desk.tell(first, "refused")
        node.faults.refuse_with, node.faults.lie = "", False
        async with open_desk(chain, tmp_path, node) as desk:
            second = await desk.perform(intent_to_pay())
        assert (second.state, second.id) == ("final", first.id)
        assert paid_minor(chain) == 250


async def test_a_lie_that_cannot_be_cleared_up_yet_is_no_second_payment(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        node.faults.refuse_with, node.faults.lie = "quota_exceeded", True
        async with open_desk(chain, tmp_path, node) as desk:
            desk.tell(await desk.perform(intent_to_pay()), "refused")

        def hide(path: str, answer: dict[str, object]) -> dict[str, object]:
            if "/transactions" in path:
                return {"status": "unknown"}
            return {"items": [], "next": None} if path.endswith("/history") else answer

        node.faults.bend = hide
        node.faults.refuse_with, node.faults.lie = "", False
        for _ in range(2):
            async with open_desk(chain, tmp_path, node) as desk:
                await desk.resolve_earlier()
                entry = await desk.perform(intent_to_pay(), wait_ms=100)
                assert (entry.state, entry.number) == ("pending", 1)
        node.faults.bend = None
        async with open_desk(chain, tmp_path, node) as desk:
            assert (await desk.perform(intent_to_pay())).state == "final"
        assert paid_minor(chain) == 250


async def test_a_refused_payment_that_was_kept_cannot_follow_its_successor(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        node.faults.refuse_with = "quota_exceeded"
        async with open_desk(chain, tmp_path, node) as desk:
            first = await desk.perform(intent_to_pay())
            desk.tell(first, "refused")
        node.faults.refuse_with = ""
        async with open_desk(chain, tmp_path, node) as desk:
            second = await desk.perform(intent_to_pay())
        assert second.number == first.number
        assert node.take(first.raw) == "number_used"
        assert paid_minor(chain) == 250


async def test_a_node_that_shows_an_older_state_is_passed_by(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:

        def old(path: str, answer: dict[str, object]) -> dict[str, object]:
            if path.startswith("/v1/accounts"):
                return chain.object_answer(tree_key(ACCOUNT, ALICE.account_id), 2)
            return answer

        async with open_desk(chain, tmp_path, away) as desk:
            await desk.perform(intent_to_pay())
        home.faults.bend = old
        async with open_desk(chain, tmp_path, home, away) as desk:
            proved = await desk.reader.account(ALICE.prefix, ALICE.account_id, ALICE.key)
            assert proved.final.height == chain.height
        async with open_desk(chain, tmp_path, home) as desk:
            with pytest.raises(Refused) as caught:
                await desk.account()
        assert caught.value.code == "node_behind"


async def test_a_node_that_lags_for_a_moment_is_waited_for(chain: Chain, tmp_path: Path) -> None:
    asked = 0

    def lag(path: str, answer: dict[str, object]) -> dict[str, object]:
        nonlocal asked
        if path.startswith("/v1/accounts"):
            asked += 1
            if asked <= 3:
                return chain.object_answer(tree_key(ACCOUNT, ALICE.account_id), 2)
        return answer

    async with StandInNode(chain) as node:
        async with open_desk(chain, tmp_path, node) as desk:
            await desk.perform(intent_to_pay())
        node.faults.bend = lag
        async with open_desk(chain, tmp_path, node) as desk:
            proved = await desk.reader.account(ALICE.prefix, ALICE.account_id, ALICE.key)
    assert (proved.final.height, asked) == (chain.height, 4)


async def test_a_node_that_bends_answers_is_not_believed(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as home, StandInNode(chain) as away:

        def bend(path: str, answer: dict[str, object]) -> dict[str, object]:
            if path.startswith("/v1/accounts"):
                answer["object"] = str(answer["object"])[:-2] + "ff"
            if "inclusion" in answer:
                answer["inclusion"] = "90"
            return answer

        home.faults.bend = bend
        async with open_desk(chain, tmp_path, home, away) as desk:
            assert (await desk.perform(intent_to_pay())).state == "final"
        async with open_desk(chain, tmp_path, home) as desk:
            with pytest.raises(Refused):
                await desk.account()
        assert paid_minor(chain) == 250


async def test_a_broken_network_leaves_evidence(chain: Chain, tmp_path: Path) -> None:
    async with StandInNode(chain) as node:
        async with open_desk(chain, tmp_path, node) as desk:
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
            async with open_desk(chain, tmp_path, node) as desk:
                await desk.account()
    assert caught.value.file is not None
    evidence = json.loads(Path(caught.value.file).read_text())
    assert evidence["height"] == chain.height
