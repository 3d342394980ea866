"""Nodes are killed at any moment while residents pay: nothing is lost, nothing happens twice."""

import asyncio
import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.genesis import Genesis
from primitives.addresses import account_id, format_address
from primitives.errors import Refused
from primitives.signatures import SigningKey
from tests.patience import PATIENCE_SECONDS
from tests.processes.network import Network, Node, create_network, must
from wallet.light.trust import TrustedNetwork
from wallet.session import Session, SessionAccount

pytestmark = pytest.mark.process

PEOPLE = 6
ISSUED_MINOR = 100_000
KILLS = 6
ROUND_PAYMENTS = 60
PATIENCE_MS = round(PATIENCE_SECONDS * 1000)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    built = create_network(tmp_path)
    try:
        built.start()
        yield built
    finally:
        built.stop()


def open_accounts(network: Network, keys: list[SigningKey]) -> None:
    home = network.nodes[0]
    addresses = [
        format_address(home.prefix, account_id(home.prefix, key.public_key)) for key in keys
    ]
    requests = [
        f"democite:account/1/{address}/resident/{key.public_key.hex()}"
        for address, key in zip(addresses, keys, strict=True)
    ]
    common = ("--genesis", network.genesis, "--passphrase-file", network.passphrase, "--node",
              home.url)  # fmt: skip
    must("office", "account", "open", *requests, "--keystore", home.staff_keystore, *common)
    for address in addresses:
        must(
            "office", "reserve", "issue", address, "1000", "--reference", address[-6:],
            "--keystore", home.issuer_keystore, *common,
        )  # fmt: skip


async def balances(
    trusted: TrustedNetwork, node: Node, accounts: list[SessionAccount]
) -> list[int]:
    """Every account's balance, read from one node with its proof."""
    async with Session(trusted, [node.url]) as session:
        found = []
        for account in accounts:
            proved = (await session.balance(account)).account
            assert proved is not None
            found.append(proved.balance_minor)
        return found


async def pay_and_kill(network: Network, keys: list[SigningKey], seed: int) -> list[int]:
    """Pay in rounds; before each, kill a node, and start it again in the next one."""
    chance = random.Random(seed)
    trusted = TrustedNetwork(Genesis.from_json(network.genesis.read_text()))
    expected = [ISSUED_MINOR] * len(keys)
    async with Session(trusted, network.urls) as session:
        accounts = [session.account("arden", key) for key in keys]
        dead: Node | None = None
        for _ in range(KILLS):
            ids = []
            for _ in range(ROUND_PAYMENTS):
                payer, payee = chance.sample(range(len(keys)), 2)
                amount = chance.randint(1, 50)
                ids.append(session.pay(accounts[payer], accounts[payee].account_id, amount))
                expected[payer] -= amount
                expected[payee] += amount
            if dead is not None:
                await asyncio.to_thread(network.start, dead)
            dead = chance.choice([node for node in network.nodes if node is not dead])
            await asyncio.sleep(chance.random() * 0.2)
            network.kill(dead)
            outcomes = [await session.settle(id, timeout_ms=PATIENCE_MS) for id in ids]
            assert all(outcome.state == "final" for outcome in outcomes), outcomes
        if dead is not None:
            await asyncio.to_thread(network.start, dead)
        for node in network.nodes:
            await until_equal(trusted, node, accounts, expected)
    return expected


async def until_equal(
    trusted: TrustedNetwork, node: Node, accounts: list[SessionAccount], expected: list[int]
) -> None:
    """A node that was away needs a moment; what it says then must be what was paid."""
    found: list[int] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while found != expected:
        assert time.monotonic() < deadline, (node.prefix, found)
        with contextlib.suppress(Refused):  # it may be behind what is known already
            found = await balances(trusted, node, accounts)
        await asyncio.sleep(0.2)


def test_any_node_may_be_killed_at_any_time(network: Network) -> None:
    keys = [SigningKey.from_seed(bytes([number]) * 32) for number in range(1, PEOPLE + 1)]
    open_accounts(network, keys)
    expected = asyncio.run(pay_and_kill(network, keys, seed=7))
    assert sum(expected) == PEOPLE * ISSUED_MINOR
    network.stop()
    for node in network.nodes:
        checked = must("node", "verify", "--data", node.data, "--json").json
        assert checked["currencies"] == {
            "ARD": PEOPLE * ISSUED_MINOR, "BRU": 0, "CAS": 0, "DUN": 0,
        }  # fmt: skip
        assert checked["transactions"] == 1 + PEOPLE + KILLS * ROUND_PAYMENTS


def test_all_nodes_killed_at_once_take_up_where_they_were(network: Network) -> None:
    keys = [SigningKey.from_seed(bytes([number]) * 32) for number in range(1, 4)]
    open_accounts(network, keys)
    for node in network.nodes:
        network.kill(node)
    network.start()

    async def pay() -> None:
        trusted = TrustedNetwork(Genesis.from_json(network.genesis.read_text()))
        async with Session(trusted, network.urls) as session:
            accounts = [session.account("arden", key) for key in keys]
            id = session.pay(accounts[0], accounts[1].account_id, 500)
            outcome = await session.settle(id, timeout_ms=PATIENCE_MS)
            assert outcome.state == "final"
            for node in network.nodes:
                await until_equal(
                    trusted, node, accounts, [ISSUED_MINOR - 500, ISSUED_MINOR + 500, ISSUED_MINOR]
                )

    asyncio.run(pay())
