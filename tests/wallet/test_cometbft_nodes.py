"""A wallet among nodes of a network that CometBFT orders: following sets, absence, commands."""

import copy
import dataclasses
import json
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from clients.cli import main
from consensus.cometbft.certified import SetChange, write_set_changes
from consensus.cometbft.headers import Header
from primitives.encoding import encode
from primitives.errors import Refused
from tests.consensus.cometbft_blocks import set_of
from tests.wallet.cometbft_chain import (
    FOUNDERS,
    CometBftChain,
    bundle_at,
    bundle_for,
    changing_chain,
    cometbft_chain_with_people,
    empty_cometbft_chain,
    keys_of,
    returning_chain,
)
from tests.wallet.people import PEOPLE, chain_with_people
from tests.wallet.standin import StandInNode
from tests.wallet.town import Town
from wallet.light.memory import HeaderConflict, HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient
from wallet.reader import Reader
from wallet.session import Session

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
NOWHERE = "127.0.0.1:9"


async def read(
    url: str,
    network: TrustedNetwork,
    *,
    memory: HeaderMemory | None = None,
    height: int | None = None,
    checkpoint: tuple[int, bytes] | None = None,
) -> Reader:
    """A reader that read the newest header, or the one at `height`."""
    async with NodeClient([url], network.network_id) as client:
        reader = Reader(client, network, memory or HeaderMemory())
        reader.epochs.checkpoint = checkpoint
        await reader.final_header(url, height)
        return reader


async def test_a_wallet_follows_by_itself() -> None:
    chain = changing_chain()
    network = TrustedNetwork(chain.genesis)
    async with StandInNode(chain) as node:
        reader = await read(node.url, network)
    assert network.sets.changes == tuple(chain.changes)
    assert reader.memory.newest_height == chain.height
    assert reader.memory.bundle_at(chain.changes[0].header.height) is not None


async def test_many_changes_come_in_parts() -> None:
    chain = empty_cometbft_chain()
    chain.absent = ()
    for turn in range(70):
        chain.change_set(*keys_of("arden", "brume", f"guest {turn}"))
    chain.seal()
    network = TrustedNetwork(chain.genesis)
    async with StandInNode(chain) as node:
        await read(node.url, network)
    assert len(network.sets.changes) == 70


async def test_a_window_that_one_node_hid_is_asked_of_another() -> None:
    chain = returning_chain()
    hiding = returning_chain()
    hiding.signed, hiding.changes = chain.signed, chain.changes[2:]
    network, memory = TrustedNetwork(chain.genesis), HeaderMemory()
    inside = chain.changes[0].header.height + 1
    async with StandInNode(chain) as node, StandInNode(hiding) as liar:
        await read(liar.url, network, memory=memory)
        assert len(network.sets.changes) == 1
        with pytest.raises(Refused, match="epoch_unknown"):
            await read(liar.url, network, memory=memory, height=inside)
        await read(node.url, network, memory=memory, height=inside)
    assert network.sets.changes == tuple(chain.changes)


@pytest.mark.parametrize(
    "answer", [b"", b"\xc1", encode(()), encode((1,)), b"\xdd\xff\xff\xff\xff"]
)
async def test_sets_that_are_none_teach_nothing(answer: bytes) -> None:
    chain = changing_chain()
    chain.sets_answer = lambda above: answer  # type: ignore[method-assign]
    network = TrustedNetwork(chain.genesis)
    async with StandInNode(chain) as node:
        with pytest.raises(Refused) as caught:
            await read(node.url, network)
    assert caught.value.code in ("epoch_unknown", "node_answer_malformed")
    assert network.sets.changes == ()


async def test_the_same_changes_again_lead_nowhere() -> None:
    """A node that answers every question with its first changes is not asked for ever."""
    chain = changing_chain()
    only = write_set_changes(chain.changes[:1])
    chain.sets_answer = lambda above: only  # type: ignore[method-assign]
    network = TrustedNetwork(chain.genesis)
    async with StandInNode(chain) as node:
        with pytest.raises(Refused, match="epoch_unknown"):
            await read(node.url, network)


async def test_a_change_that_contradicts_what_was_final_is_an_alarm() -> None:
    """More than two thirds of the founders signed two headers at one height."""
    chain = cometbft_chain_with_people()
    chain.absent = ()
    founders, thief = chain.keys, keys_of("thief")
    honest = chain.change_set(*keys_of("arden", "brume", "cassis"))
    chain.seal()
    other = copy.copy(chain)
    lied = dataclasses.replace(honest.header, next_validators_hash=set_of(thief).hash)
    upper = dataclasses.replace(chain.signed[-1].header, validators_hash=set_of(thief).hash)
    other.signed = [*chain.signed[:-2], chain.sign(lied, founders), chain.sign(upper, thief)]
    other.changes = [SetChange(lied, other.signed[-2].commit, set_of(thief))]
    network, memory = TrustedNetwork(chain.genesis), HeaderMemory()
    async with StandInNode(chain) as node, StandInNode(other) as liar:
        await read(node.url, network, memory=memory, height=honest.header.height)
        with pytest.raises(HeaderConflict) as caught:
            await read(liar.url, network, memory=memory)
        assert network.sets.changes == ()
        for side in (caught.value.first, caught.value.second):
            assert network.verify_final(side).height == honest.header.height
        # The same once the honest change is known.
        await read(node.url, network, memory=memory)
        other.signed.append(chain.sign(_above(upper), thief))
        other.blocks = [*chain.blocks, chain.blocks[-1]]
        with pytest.raises(HeaderConflict):
            await read(liar.url, network, memory=memory, height=lied.height)
        assert network.sets.changes == tuple(chain.changes)


async def test_another_header_where_a_change_is_known_is_an_alarm() -> None:
    """Told on the way to a window that was hidden until then."""
    chain = returning_chain()
    network, memory = TrustedNetwork(chain.genesis), HeaderMemory()
    network.sets.follow(chain.changes[2:])
    known = chain.changes[2]
    bundle = bundle_at(chain, known.header.height)
    memory.remember(network.verify_final(bundle), bundle)
    thief = set_of(keys_of("thief"))
    lied = dataclasses.replace(known.header, next_validators_hash=thief.hash)
    signed = chain.sign(lied, keys_of(*FOUNDERS))
    changes = write_set_changes([*chain.changes[:2], SetChange(lied, signed.commit, thief)])
    chain.sets_answer = lambda above: changes  # type: ignore[method-assign]
    async with StandInNode(chain) as node:
        with pytest.raises(HeaderConflict):
            await read(node.url, network, memory=memory, height=chain.changes[0].header.height + 1)
    assert network.sets.changes == (known,)


def _above(header: Header) -> Header:
    return dataclasses.replace(header, height=header.height + 1, time_ns=header.time_ns + 10**9)


# -- after a long absence ----------------------------------------------------------------------


def old_chain(*, http: list[str]) -> CometBftChain:
    """Founded a year ago, with another member each quarter; the newest block a minute old."""
    began_ms = time.time_ns() // 1_000_000 - YEAR_MS
    chain = empty_cometbft_chain(time_ms=began_ms, http=http)
    chain.absent = ()
    for quarter in range(1, 4):
        chain.clock_ms = partial(int, began_ms + quarter * 91 * DAY_MS)
        chain.change_set(*keys_of("arden", "brume", "cassis", f"guest {quarter}"))
    chain.clock_ms = lambda: time.time_ns() // 1_000_000 - 60_000
    chain.seal()
    return chain


async def test_a_year_away_needs_f_plus_1_territories() -> None:
    one, two = StandInNode(empty_cometbft_chain()), StandInNode(empty_cometbft_chain())
    async with one as first, two as second:
        hosts = [node.url.removeprefix("http://") for node in (first, second)]
        chain = old_chain(http=[*hosts, NOWHERE, NOWHERE])
        first.chain = second.chain = chain
        async with StandInNode(chain) as stranger:
            network = TrustedNetwork(chain.genesis)
            reader = await read(stranger.url, network)
            assert len(network.sets.changes) == 3
            second.faults.down = True
            # Who was here today needs nobody.
            await read(stranger.url, network, memory=reader.memory)
            network, memory = TrustedNetwork(chain.genesis), HeaderMemory()
            with pytest.raises(Refused, match="trust_expired") as caught:
                await read(stranger.url, network, memory=memory)
            assert caught.value.detail == "1 of 2"
            assert network.sets.changes == () and memory.newest is None


async def test_old_keys_alone_convince_nobody_who_was_away() -> None:
    """Whoever got the founders' old keys makes changes and headers of today; the territories
    themselves are elsewhere by now. Nothing of it is learnt on the way either."""
    one, two = StandInNode(empty_cometbft_chain()), StandInNode(empty_cometbft_chain())
    async with one as first, two as second:
        hosts = [node.url.removeprefix("http://") for node in (first, second)]
        chain = old_chain(http=[*hosts, NOWHERE, NOWHERE])
        first.chain = second.chain = chain
        forged = CometBftChain(chain.genesis, chain.voting_keys, keys_of(*FOUNDERS))
        forged.absent = ()
        forged.change_set(*keys_of("thief"))
        forged.seal()
        async with StandInNode(forged) as liar:
            network, memory = TrustedNetwork(chain.genesis), HeaderMemory()
            for height in (None, 1):
                with pytest.raises(Refused, match="trust_expired"):
                    await read(liar.url, network, memory=memory, height=height)
            assert network.sets.changes == () and memory.newest is None


async def test_a_checkpoint_is_as_good() -> None:
    chain = old_chain(http=[NOWHERE] * 4)
    newest = chain.signed[-1].header
    cases: list[tuple[tuple[int, bytes], str]] = [
        ((newest.height, newest.hash), ""),
        ((newest.height, bytes(32)), "checkpoint_differs"),
        ((1, chain.signed[0].header.hash), "trust_expired"),
        ((10_000, newest.hash), "trust_expired"),
    ]
    async with StandInNode(chain) as node:
        for checkpoint, code in cases:
            network, memory = TrustedNetwork(chain.genesis), HeaderMemory()
            if code:
                with pytest.raises(Refused, match=code):
                    await read(node.url, network, memory=memory, checkpoint=checkpoint)
                assert network.sets.changes == () and memory.newest is None
            else:
                reader = await read(node.url, network, checkpoint=checkpoint)
                assert reader.memory.newest_height == chain.height


async def test_a_checkpoint_is_held_against_a_network_that_is_read_every_day() -> None:
    chain = cometbft_chain_with_people()
    network = TrustedNetwork(chain.genesis)
    async with StandInNode(chain) as node:
        reader = await read(node.url, network)
        with pytest.raises(Refused, match="checkpoint_differs"):
            await read(node.url, network, memory=reader.memory, checkpoint=(2, bytes(32)))
        good = (2, chain.signed[1].header.hash)
        await read(node.url, network, memory=reader.memory, checkpoint=good)


# -- payments ----------------------------------------------------------------------------------


async def test_payments_settle_under_verified_headers() -> None:
    chain = cometbft_chain_with_people()
    async with StandInNode(chain) as node:
        session = Session(TrustedNetwork(chain.genesis), [node.url], more_nodes_after_ms=300)
        async with session:
            alice = session.account("arden", PEOPLE[0].key)
            ids = [session.pay(alice, PEOPLE[1].account_id, 10 + index) for index in range(5)]
            chain.change_set(*keys_of("arden", "brume", "cassis", "evrol"))
            settled = [await session.settle(id) for id in ids]
            assert [outcome.state for outcome in settled] == ["final"] * 5
            assert (await session.prove(ids[0], alice)).final.members == 4
            proved = await session.balance(session.account("arden", PEOPLE[1].key))
            assert proved.account is not None
            assert proved.account.balance_minor == 100_060


async def test_a_node_of_the_other_engine_is_passed_by() -> None:
    chain, other = cometbft_chain_with_people(), chain_with_people()
    network = TrustedNetwork(chain.genesis, "cometbft")
    async with (
        StandInNode(other) as liar,
        StandInNode(chain) as node,
        NodeClient([liar.url, node.url], network.network_id) as client,
    ):
        reader = Reader(client, network, HeaderMemory())
        with pytest.raises(Refused, match="engine_differs"):
            await reader.final_header(liar.url, None)
        assert (await reader.header()).height == chain.height
        person = PEOPLE[0]
        proved = await reader.account(person.prefix, person.account_id, person.key)
        assert proved.account is not None and proved.account.balance_minor == 100_000


@pytest.fixture
def town(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    for name in list(os.environ):
        if name.startswith("DEMOCITE_"):
            monkeypatch.delenv(name)
    built = Town(tmp_path, capsys, empty_cometbft_chain())
    with built.serve():
        yield built


@pytest.mark.parametrize("is_named", [True, False])
def test_from_two_new_wallets_to_a_verified_receipt(town: Town, is_named: bool) -> None:
    """With the engine beside the genesis, and without it."""
    beside = town.folder / "genesis.json.engine"
    if is_named:
        beside.write_text("cometbft\n")
    alice, bob = town.make("alice"), town.make("bob", "service")
    kept = town.folder / "alice.json.d" / "genesis.json.engine"
    assert kept.exists() is is_named
    town.issue(alice, "100")
    code, balance, error = town.run("alice", "balance")
    assert code == 0, error
    assert (balance["balance_minor"], balance["vouched_by"], balance["members"]) == (10_000, 3, 4)
    code, paid_now, _ = town.run("alice", "pay", bob, "12,50", "--note", "pain")
    assert (code, paid_now["status"]) == (0, "final")
    assert town.run("bob", "balance")[1]["balance_minor"] == 1_250

    file = town.folder / "receipt.json"
    code, receipt, _ = town.run("alice", "receipt", str(paid_now["id"]), "--out", file)
    assert (code, receipt["number"]) == (0, paid_now["number"])
    content = json.loads(file.read_text())
    assert (content["version"], content["header"]["engine"]) == (3, "cometbft")
    code, verified, _ = town.run("bob", "verify", file)
    assert (code, verified["valid"], verified["note"]) == (0, True, "pain")
    line = ["verify", str(file), "--genesis", str(town.genesis)]
    assert main.run(line) == 0
    beside.write_text("simplex\n")
    assert main.run(line) == 4
    code, history, _ = town.run("bob", "history")
    assert [item["amount_minor"] for item in history["items"]] == [1_250]  # type: ignore[attr-defined]


def test_another_engine_beside_the_genesis_is_refused(town: Town) -> None:
    beside = town.folder / "genesis.json.engine"
    beside.write_text("cometbft\n")
    town.make("alice")
    for word, wanted in (("simplex\n", "engine_differs"), ("tendermint", "engine_unknown")):
        beside.write_text(word)
        code, content, _ = town.run("alice", "balance", "--genesis", town.genesis)
        error = content["error"]
        assert isinstance(error, dict)
        assert (code != 0, error["code"]) == (True, wanted)
    beside.unlink()
    assert town.run("alice", "balance", "--genesis", town.genesis)[0] == 0


def test_the_town_halls_checkpoint_is_a_height(town: Town) -> None:
    town.make("alice")
    code, status, _ = town.run_line("network", "status")
    newest = town.node.chain.height
    assert code == 0
    checkpoint = str(status["checkpoint"])
    height, digest = checkpoint.split(":")
    assert int(height) == newest
    assert town.run("alice", "trust", checkpoint)[0] == 0
    assert town.run("alice", "balance")[0] == 0
    assert town.run("alice", "trust", f"{height}:{digest[::-1]}")[0] == 0
    code, content, _ = town.run("alice", "balance")
    error = content["error"]
    assert isinstance(error, dict)
    assert (code != 0, error["code"]) == (True, "checkpoint_differs")


def test_a_wallet_knows_the_engine_again_by_what_it_saw(town: Town) -> None:
    """Without a word beside the genesis: the headers that it kept are of one engine."""
    town.make("alice")
    assert town.run("alice", "balance")[0] == 0
    known = town.folder / "alice.json.d" / "headers.json"
    assert {one["engine"] for one in json.loads(known.read_text())["headers"]} == {"cometbft"}
    town.node.chain = chain_with_people()
    code, content, _ = town.run("alice", "balance")
    error = content["error"]
    assert isinstance(error, dict)
    assert (code != 0, error["code"]) == (True, "engine_differs")


def test_bundles_say_their_engine() -> None:
    chain = cometbft_chain_with_people()
    assert bundle_for(chain.signed[0]) == bundle_at(chain, 1)
