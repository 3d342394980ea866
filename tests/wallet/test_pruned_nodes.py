"""Nodes that keep their old blocks no longer: what a wallet still proves, and whom else it asks."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from primitives.errors import Refused
from tests.wallet.chain import Chain
from tests.wallet.desks import intent_to_pay, open_desk, paid_minor
from tests.wallet.people import chain_with_people
from tests.wallet.standin import StandInNode
from tests.wallet.town import Town
from wallet.lane_history import find_in_history, history_page
from wallet.light.receipts import receipt_from_json, verify_receipt
from wallet.light.trust import TrustedNetwork
from wallet.reader import ProvedInclusion, ProvedPlace

Answer = dict[str, object]


def pruned_below(chain: Chain, first_height: int) -> Callable[[str, Answer], Answer]:
    """How a node answers whose blocks begin there."""

    def bend(path: str, answer: Answer) -> Answer:
        if path.endswith("/history"):
            items = answer["items"]
            assert isinstance(items, list)
            kept = [item for item in items if item["height"] >= first_height]
            if len(kept) == len(items):
                return answer
            first_ms = chain.blocks[first_height - 1].header.time_ms
            cut = {"truncated": True, "first_height": first_height, "first_time_ms": first_ms}
            return {"items": kept, "next": None, **cut}
        height = answer.get("height")
        if "/transactions/" in path and type(height) is int and height < first_height:
            return {**answer, "height": None, "inclusion": None}
        return answer

    return bend


@pytest.fixture
def chain() -> Chain:
    return chain_with_people()


@pytest.fixture
def town(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    for name in ("NODES", "GENESIS", "WALLET", "LANG"):
        monkeypatch.delenv(f"DEMOCITE_{name}", raising=False)
    built = Town(tmp_path, capsys)
    with built.serve():
        yield built


async def test_a_node_with_the_block_is_asked_before_one_without(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as pruned, StandInNode(chain) as archive:
        async with open_desk(chain, tmp_path, pruned) as desk:
            entry = await desk.perform(intent_to_pay())
        chain.seal()
        pruned.faults.bend = pruned_below(chain, chain.height)
        async with open_desk(chain, tmp_path, pruned, archive) as desk:
            found = await desk.reader.finality(entry.id, desk.owner.signing_key)
            assert isinstance(found, ProvedInclusion) and found.final.height == entry.height
            page = await history_page(desk.reader, desk.owner, before=None)
            assert entry.id in [item.id for item in page.items] and page.cut_ms is None
        async with open_desk(chain, tmp_path, pruned) as desk:
            alone = await desk.reader.finality(entry.id, desk.owner.signing_key)
            assert isinstance(alone, ProvedPlace) and alone.number == entry.receipt_number
            with pytest.raises(Refused, match="block_pruned"):
                await desk.reader.inclusion(entry.id, desk.owner.signing_key)
            with pytest.raises(Refused, match="block_pruned"):
                await find_in_history(desk.reader, desk.owner, entry.id)
            page = await history_page(desk.reader, desk.owner, before=None)
            assert page.cut_ms == chain.blocks[-1].header.time_ms


async def test_of_nodes_that_are_all_cut_the_longest_history_is_shown(
    chain: Chain, tmp_path: Path
) -> None:
    async with StandInNode(chain) as young, StandInNode(chain) as old:
        async with open_desk(chain, tmp_path, young) as desk:
            entry = await desk.perform(intent_to_pay())
        assert entry.height is not None
        chain.seal()
        young.faults.bend = pruned_below(chain, chain.height)
        old.faults.bend = pruned_below(chain, entry.height)
        for nodes in ((young, old), (old, young)):
            async with open_desk(chain, tmp_path, *nodes) as desk:
                page = await history_page(desk.reader, desk.owner, before=None)
                assert entry.id in [item.id for item in page.items]
                assert page.cut_ms == chain.blocks[entry.height - 1].header.time_ms
        young.faults.bend = lambda path, answer: {"items": [], "truncated": True}
        async with open_desk(chain, tmp_path, young) as desk:
            with pytest.raises(Refused, match="node_answer_malformed"):
                await history_page(desk.reader, desk.owner, before=None)


async def test_what_became_of_a_payment_is_proved_when_its_block_is_gone(
    chain: Chain, tmp_path: Path
) -> None:
    """Away for months with a payment of unknown outcome: it is never paid twice."""
    async with StandInNode(chain) as node:
        node.faults.drop_after = True
        async with open_desk(chain, tmp_path, node) as desk:
            entry = await desk.perform(intent_to_pay(), wait=False)
            assert entry.state == "pending"
        node.faults.drop_after = False
        chain.seal()
        node.faults.bend = pruned_below(chain, chain.height)
        async with open_desk(chain, tmp_path, node) as desk:
            (news,) = await desk.resolve_earlier()
        assert (news.state, news.id, news.height) == ("final", entry.id, None)
        assert news.receipt_number is not None
        assert paid_minor(chain) == 250


def test_commands_say_what_is_no_longer_here(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob", "service")
    town.issue(alice, "100")
    id = str(town.run("alice", "pay", bob, "12,50", "--note", "pain")[1]["id"])
    whole = town.run("bob", "history")[1]
    assert (whole["truncated"], whole["first_time_ms"]) == (False, None)
    for _ in range(3):
        town.chain.seal()
    first = town.chain.height - 1
    town.node.faults.bend = pruned_below(town.chain, first)

    code, cut, _ = town.run("bob", "history")
    assert (code, cut["items"], cut["truncated"]) == (0, [], True)
    assert cut["first_time_ms"] == town.chain.blocks[first - 1].header.time_ms
    assert "no longer on this node" in town.text("bob", "history")[1]
    code, exported, error = town.run("bob", "export")
    assert (code, exported["count"], exported["truncated"]) == (0, 0, True)
    assert "no longer on this node" in error

    # The payer's own bytes and the place in the log are a receipt; the payee lacks the bytes.
    file = town.folder / "receipt.json"
    code, receipt, error = town.run("alice", "receipt", id, "--out", file)
    assert (code, receipt["height"]) == (0, None), error
    code, verified, _ = town.run("bob", "verify", file)
    assert (code, verified["valid"], verified["note"]) == (0, True, "pain")
    assert (verified["amount_minor"], verified["number"]) == (1_250, receipt["number"])
    assert "final before block" in town.text("bob", "verify", file)[1]
    code, failed, _ = town.run("bob", "receipt", id)
    assert (code, failed["error"]["code"]) == (4, "block_pruned")  # type: ignore[index]
    code, failed, _ = town.run("bob", "refund", id)
    assert (code, failed["error"]["code"]) == (4, "block_pruned")  # type: ignore[index]

    network = TrustedNetwork(town.chain.genesis)
    good = receipt_from_json(json.loads(file.read_text()))
    assert good.bundle is None and good.place is not None
    wrong = [
        dataclasses.replace(good, place=None),
        dataclasses.replace(good, raw=good.raw[:-1] + bytes([good.raw[-1] ^ 1])),
        dataclasses.replace(good, place=dataclasses.replace(good.place, number=0)),
    ]
    for one in wrong:
        with pytest.raises(Refused, match="receipt_invalid"):
            verify_receipt(network, one)
    content = json.loads(file.read_text())
    for version in (1, 3, True, 2.0):
        with pytest.raises(Refused):
            receipt_from_json({**content, "version": version})
