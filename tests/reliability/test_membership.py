"""Real nodes change members, keys and figures under load, and are killed meanwhile."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports
from tests.processes.network import Network, Node, create_network, must, start_forked
from tests.reliability.aftermath import check_aftermath
from tests.reliability.bank import bank
from tests.reliability.rounds import meanwhile
from tests.reliability.testbed import ask

pytestmark = pytest.mark.process


def status(node: Node) -> dict[str, object]:
    return ask(f"{node.url}/v1/status") or {}


async def until_status(nodes: list[Node], **wanted: object) -> None:
    """Until every one of these nodes says so of itself; an epoch is a least one."""

    def fits(said: dict[str, object]) -> bool:
        epoch = wanted.get("epoch", 0)
        return (
            isinstance(epoch, int)
            and int(str(said.get("epoch", -1))) >= epoch
            and all(said.get(name) == value for name, value in wanted.items() if name != "epoch")
        )

    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    while True:
        said = [await asyncio.to_thread(status, node) for node in nodes]
        if all(map(fits, said)):
            return
        if loop.time() > deadline:
            logs = "\n".join((node.folder / "node.log").read_text()[-1_500:] for node in nodes)
            raise AssertionError(f"{wanted} ≠ {said}\n{logs}")
        await asyncio.sleep(0.2)


def init(network: Network, home: Path, prefix: str, currency: str, ports: list[int]) -> Node:
    """Another node, made as a town hall would."""
    home.mkdir()
    node = Node(
        prefix.capitalize(), prefix, currency, home, f"127.0.0.1:{ports[0]}",
        f"127.0.0.1:{ports[1]}",
    )  # fmt: skip
    must(
        "node", "init", "--data", node.data, "--name", node.name, "--prefix", prefix,
        "--currency", currency, "--peer", node.peer, "--http", node.http, "--card",
        home / "card.json", "--recovery-out", home / "recovery.json", "--passphrase-file",
        network.passphrase,
    )  # fmt: skip
    return node


def act(network: Network, node: Node, *words: str | Path) -> dict[str, object]:
    """`democite network …` with two of a territory's staff, at its own node."""
    return must(
        "network", *words, "--keystore", node.folder / "recovery-staff-1.json", "--keystore",
        node.folder / "recovery-staff-2.json", "--passphrase-file", network.passphrase,
        "--card", node.folder / "card.json", "--genesis", network.genesis, "--node", node.url,
        "--json",
    ).json  # fmt: skip


async def enact(network: Network, voters: list[Node], *words: str | Path) -> None:
    """The first proposes, the others say yes."""
    first, *others = voters
    made = await asyncio.to_thread(act, network, first, "propose", *words)
    for node in others:
        await listed(node, str(made["proposal"]))
        await asyncio.to_thread(act, network, node, "vote", str(made["proposal"]), "yes")


async def listed(node: Node, proposal: str) -> None:
    """Until a node knows of it: it may be a block behind the one that it was made at."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        found: dict[str, object] | None = None
        while found is None or found.get("object") is None:  # until then its absence is proved
            await asyncio.sleep(0.1)
            found = await asyncio.to_thread(ask, f"{node.url}/v1/proposals/{proposal}")


def join(network: Network, node: Node, at: Node) -> None:
    node.process = start_forked(
        node, "node", "join", "--data", node.data, "--genesis", network.genesis, "--from", at.peer,
        "--passphrase-file", network.passphrase,
    )  # fmt: skip


async def kill_and_start(network: Network, node: Node) -> None:
    network.kill(node)
    await asyncio.to_thread(network.start, node)


async def newcomer_joins(network: Network, folder: Path) -> Node:
    arden, brume, cassis, dune = network.nodes
    elan = await asyncio.to_thread(init, network, folder / "elan", "elan", "ELA", free_ports(2))
    await enact(network, [arden, brume, cassis], "add", elan.folder / "card.json")
    join(network, elan, arden)
    network.nodes.append(elan)
    await kill_and_start(network, dune)
    await until_status(network.nodes, epoch=1, members=5, observing=False)
    await kill_and_start(network, elan)
    return elan


async def key_is_replaced(network: Network, folder: Path) -> None:
    """A new card of brume's, whose keys go into its folder once the network has voted for them."""
    arden, brume, cassis, _, elan = network.nodes
    fresh = await asyncio.to_thread(
        init, network, folder / "brume-again", "brume", "BRU", free_ports(2)
    )
    await enact(network, [arden, cassis, brume, elan], "keys", fresh.folder / "card.json")
    await until_status([arden, cassis, elan], epoch=2)
    network.kill(brume)
    for name in ("voting.json", "transport.json", "transport.pem"):
        shutil.copy(fresh.data / "keys" / name, brume.data / "keys" / name)
    await asyncio.to_thread(network.start, brume)
    await until_status([brume], epoch=2, observing=False)
    await kill_and_start(network, arden)


async def member_leaves(network: Network) -> Node:
    arden, brume, cassis, dune, elan = network.nodes
    await enact(network, [elan, arden, brume, cassis], "remove", "dune")
    stay = [arden, brume, cassis, elan]
    await until_status(stay, epoch=3, members=4, observing=False)
    await until_status([dune], epoch=3, observing=True)
    await kill_and_start(network, cassis)
    return dune


def test_members_and_keys_change_under_load(tmp_path: Path) -> None:
    async def play() -> dict[str, object]:
        network = await asyncio.to_thread(create_network, tmp_path)
        try:
            await asyncio.to_thread(network.start)
            async with bank(network, 31) as told:
                async with meanwhile(told.pay_for_ever(12), told.read_for_ever()):
                    await newcomer_joins(network, tmp_path)
                    await key_is_replaced(network, tmp_path)
                    gone = await member_leaves(network)
                await told.settle()
            shown = await asyncio.to_thread(
                must, "network", "status", "--node", network.nodes[0].url, "--json"
            )
            members = shown.json["members"]
            assert isinstance(members, list)
            assert [one["prefix"] for one in members] == ["arden", "brume", "cassis", "elan"]
            await until_status([n for n in network.nodes if n is not gone], mempool_transactions=0)
        finally:
            await asyncio.to_thread(network.stop)
        network.nodes.remove(gone)
        figures = await asyncio.to_thread(check_aftermath, network, told)
        checked = must("node", "verify", "--data", gone.data, "--genesis", network.genesis)
        assert "Everything holds" in checked.out
        return figures

    print(asyncio.run(play()))
