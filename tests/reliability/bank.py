"""The bank test: random transfers, sharp-eyed clients, and what all of it must add up to."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ledger.genesis import Genesis
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey
from tests.patience import PATIENCE_SECONDS
from tests.processes.network import Network
from tests.processes.test_killing import ISSUED_MINOR, open_accounts
from wallet.delivery import Outcome
from wallet.light.trust import TrustedNetwork
from wallet.session import Session, SessionAccount

PEOPLE = 6
IN_FLIGHT_PER_PERSON = 16
READ_EVERY_SECONDS = 0.25


@dataclass
class Client:
    """One person: a session that begins at one of the nodes, an account, payments under way."""

    session: Session
    account: SessionAccount
    in_flight: int = 0
    height_seen: int = 0


@dataclass
class Ledger:
    """What clients were told."""

    final: dict[bytes, int] = field(default_factory=dict)
    """Acknowledged payments: id to the height of the header that was verified."""
    transfers: dict[bytes, tuple[int, int, int]] = field(default_factory=dict)
    """id to (payer, payee, amount), of everything that was sent."""
    ended_otherwise: dict[bytes, str] = field(default_factory=dict)
    numbers: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """id to (payer, number on its lane)."""
    read_at: dict[tuple[int, int], int] = field(default_factory=dict)
    """(person, height) to the balance that was proved there."""
    reads: int = 0
    reads_refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """What must never be seen."""


class Bank:
    """Clients who pay each other and look at their accounts."""

    def __init__(self, clients: list[Client], seed: int) -> None:
        self.clients = clients
        self.told = Ledger()
        self._chance = random.Random(seed)

    def heard(self, outcome: Outcome) -> None:
        """A session's `on_outcome`."""
        told = self.told
        sent = told.transfers.get(outcome.id)
        if sent is None:
            return
        self.clients[sent[0]].in_flight -= 1
        if outcome.id in told.final or outcome.id in told.ended_otherwise:
            told.faults.append(f"two outcomes of {outcome.id.hex()}")
        if outcome.state == "final" and outcome.final is not None:
            told.final[outcome.id] = outcome.final.height
        else:
            told.ended_otherwise[outcome.id] = outcome.code or outcome.state

    async def pay_for_ever(self, per_second: float) -> None:
        """Random transfers at about this rate, as long as clients have few under way."""
        chance, told = self._chance, self.told
        while True:
            payer, payee = chance.sample(range(len(self.clients)), 2)
            client = self.clients[payer]
            if client.in_flight < IN_FLIGHT_PER_PERSON:
                amount = chance.randint(1, 50)
                released = client.account.released
                number = released[0] if released else client.account.next_number
                id = client.session.pay(
                    client.account, self.clients[payee].account.account_id, amount
                )
                told.transfers[id] = (payer, payee, amount)
                told.numbers[id] = (payer, number)
                client.in_flight += 1
            await asyncio.sleep(chance.expovariate(per_second))

    async def read_for_ever(self) -> None:
        """Clients look at their accounts, each time at any node."""
        while True:
            person = self._chance.randrange(len(self.clients))
            await self.read(person)
            await asyncio.sleep(READ_EVERY_SECONDS)

    async def read(self, person: int) -> None:
        """One proved read, held against everything seen before."""
        client, told = self.clients[person], self.told
        urls = list(client.session.client.urls)
        self._chance.shuffle(urls)
        client.session.client.urls = tuple(urls)
        try:
            proved = await client.session.balance(client.account)
        except Refused as refusal:
            told.reads_refused[refusal.code] += 1
            return
        told.reads += 1
        height, account = proved.final.height, proved.account
        if height < client.height_seen:
            told.faults.append(f"person {person} saw {client.height_seen}, then {height}")
        client.height_seen = height
        if account is None:
            told.faults.append(f"person {person} has no account at {height}")
            return
        if (
            told.read_at.setdefault((person, height), account.balance_minor)
            != account.balance_minor
        ):
            told.faults.append(f"person {person} has two balances at {height}")
        device = account.device(client.account.signing_key.public_key)
        high = device.high if device is not None else 0
        for id, final_height in told.final.items():
            payer, number = told.numbers[id]
            if payer == person and final_height < height and number > high:
                told.faults.append(f"payment {number} of {person} is not in its lane at {height}")

    async def settle(self) -> None:
        """Until every payment has its outcome."""
        for client in self.clients:
            await client.session.idle(timeout_ms=round(PATIENCE_SECONDS * 1000))


@contextlib.asynccontextmanager
async def bank(network: Network, seed: int) -> AsyncIterator[Bank]:
    """Accounts with money, and a session for each person, beginning at each of the nodes."""
    keys = [
        SigningKey.from_seed(hash_bytes("reliability", f"{seed} {number}".encode()))
        for number in range(PEOPLE)
    ]
    await asyncio.to_thread(open_accounts, network, keys)
    trusted = TrustedNetwork(Genesis.from_json(network.genesis.read_text()))
    clients: list[Client] = []
    opened = Bank(clients, seed)
    async with contextlib.AsyncExitStack() as stack:
        for number, key in enumerate(keys):
            turn = number % len(network.urls)
            urls = network.urls[turn:] + network.urls[:turn]
            session = await stack.enter_async_context(
                Session(trusted, urls, on_outcome=opened.heard)
            )
            clients.append(Client(session, session.account("arden", key)))
        yield opened


def expected_balances(told: Ledger) -> list[int]:
    """From what was acknowledged."""
    balances = [ISSUED_MINOR] * PEOPLE
    for id in told.final:
        payer, payee, amount = told.transfers[id]
        balances[payer] -= amount
        balances[payee] += amount
    return balances
