"""How many payments a few nodes carry under either engine, how fast, and at what cost.

    .venv/bin/python benchmarks/payments.py [--json FILE] [--seconds N] [--rates 100,400]
        [--accounts N] [--engine simplex|cometbft] [--nodes N]

Node processes (four, unless told otherwise) with their own keys, disks, TLS and HTTP, as
`democite demo` starts them; every payment is a message of its own on a WebSocket, signed by a
resident's key, checked by all nodes and synced to disk by each before it counts. README.md says how
to read the figures.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from network import WIRE, Costs, Network, Tally, machine, places_of, running_nodes

from clients.demo.folder import DEFAULT_ENGINE, DemoFolder
from clients.demo.opening import issue_money, officials_of, open_accounts
from clients.demo.people import Person, Town, make_towns
from clients.demo.places import PLACES
from clients.demo.plan import Plan
from clients.demo.town_halls import official_accounts, town_hall_keys
from ledger.account_kinds import ISSUER, TERRITORY
from ledger.fields import PAYMENT_PAY
from ledger.genesis import Genesis
from ledger.payments import pay_fields
from node.genesis_file import ENGINES
from primitives.signatures import SigningKey, verify
from wallet.delivery import Outcome
from wallet.light.trust import TrustedNetwork
from wallet.session import Session, SessionAccount

ACCOUNTS = 1_000
SERVICES = 10
START_MINOR = 100_000_000
IN_FLIGHT_PER_KEY = 32
WINDOW = 3_000
"""Payments in flight at saturation, all keys together."""

WARM_UP_SECONDS = 3.0
CHECKS_TIMED = 2_000
SETTLE_MS = 120_000


@dataclass
class Payer:
    """A resident's account, and its payments that have no outcome yet."""

    person: Person
    account: SessionAccount
    session: Session
    in_flight: int = 0


class Load:
    """Sends payments from many keys and takes their outcomes."""

    def __init__(self, towns: tuple[Town, ...]) -> None:
        self.tally = Tally()
        self.payers: list[Payer] = []
        self._towns = {town.place.prefix: town for town in towns}
        self._payers_by_id: dict[bytes, Payer] = {}
        self._draw = random.Random(1)
        self._turn = 0

    @property
    def in_flight(self) -> int:
        """Payments without an outcome."""
        return len(self._payers_by_id)

    def note(self, outcome: Outcome) -> None:
        """A session's `on_outcome`."""
        payer = self._payers_by_id.pop(outcome.id, None)
        if payer is None:
            return
        payer.in_flight -= 1
        if outcome.state == "final":
            self.tally.latencies_ms.append(outcome.milliseconds)
            self.tally.times.append(time.monotonic())
        else:
            self.tally.refuse(outcome.code)

    def send(self) -> bool:
        """Send one payment from the next payer whose key may; False when none may."""
        for _ in range(len(self.payers)):
            payer = self.payers[self._turn % len(self.payers)]
            self._turn += 1
            if payer.in_flight < IN_FLIGHT_PER_KEY:
                break
        else:
            return False
        town = self._towns[payer.account.prefix]
        payee = self._draw.choice(town.services).account_id
        fields = pay_fields(payee, payer.account.currency, self._draw.randint(1, 500))
        id = payer.session.send(payer.account, PAYMENT_PAY, fields)
        payer.in_flight += 1
        self._payers_by_id[id] = payer
        return True

    async def idle(self) -> None:
        """Until every payment has its outcome."""
        deadline = time.monotonic() + SETTLE_MS / 1000
        while self._payers_by_id:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.in_flight} payments without an outcome")
            await asyncio.sleep(0.02)


class Bench:
    """One network, measured in several phases."""

    def __init__(self, network: Network, load: Load) -> None:
        self._network = network
        self._load = load

    async def costs(self) -> Costs:
        """What the nodes used so far."""
        return await self._network.costs(self._load.payers[0].session.client.session)

    @property
    def _replicas(self) -> int:
        return len(self._network.nodes)

    async def at_saturation(self, seconds: float) -> dict[str, object]:
        """As many payments as go through, with a bounded number in flight."""
        load = self._load
        await self._saturate(WARM_UP_SECONDS)
        load.tally = Tally()
        before, started = await self.costs(), time.monotonic()
        own_before = time.process_time()
        await self._saturate(seconds)
        ended = time.monotonic()
        carried = len(load.tally.times)
        own = time.process_time() - own_before
        after = await self.costs()
        await load.idle()
        payments = max(1, carried)
        used = after.processor_seconds - before.processor_seconds
        grown = {
            name: (value - before.counters.get(name, 0.0)) / payments / self._replicas
            for name, value in sorted(after.counters.items())
        }
        checks_seconds = grown.get("democite_signatures_verified_total", 0.0) * _check_seconds()
        return {
            "payments": carried,
            "payments_per_second": round(carried / (ended - started), 1),
            "latency_ms": load.tally.latency_ms(),
            "refused": load.tally.refused,
            "processor_seconds_per_payment_and_replica": round(used / payments / self._replicas, 9),
            "signature_share": round(checks_seconds / (used / payments / self._replicas), 3)
            if used
            else 0.0,
            "load_generator_processor_seconds_per_payment": round(own / payments, 9),
            "engine_share_of_processor": round(
                (after.engine_processor_seconds - before.engine_processor_seconds) / used, 3
            )
            if used
            else 0.0,
            "memory_megabytes_per_replica": round(after.memory_bytes / self._replicas / 1e6, 1),
            "disk_bytes_per_payment_and_replica": round(
                (after.disk_bytes - before.disk_bytes) / payments / self._replicas
            ),
            "wire_bytes_per_payment_and_replica": {
                "sent": round(grown.get(WIRE.format("send"), 0.0)),
                "received": round(grown.get(WIRE.format("receive"), 0.0)),
            },
            "counted_per_payment_and_replica": {
                name.removeprefix("democite_").removesuffix("_total"): round(grew, 9)
                for name, grew in grown.items()
                if grew and name.startswith("democite_")
            },
        }

    async def _saturate(self, seconds: float) -> None:
        load = self._load
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            for _ in range(64):
                if load.in_flight >= WINDOW or not load.send():
                    break
            await asyncio.sleep(0 if load.in_flight < WINDOW else 0.002)

    async def at_rate(self, rate: int, seconds: float) -> dict[str, object]:
        """Payments at a steady rate, whatever becomes of those before."""
        load = self._load
        load.tally = Tally()
        before = await self.costs()
        started = time.monotonic()
        count = int(rate * seconds)
        for index in range(count):
            wait = started + index / rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            load.send()
        sent_in = time.monotonic() - started
        await load.idle()
        after = await self.costs()
        used = after.processor_seconds - before.processor_seconds
        return {
            "payments_per_second_asked": rate,
            "payments_per_second_sent": round(count / sent_in, 1),
            "latency_ms": load.tally.latency_ms(),
            "refused": load.tally.refused,
            "processor_seconds_per_payment_and_replica": round(used / count / self._replicas, 9),
        }


def _check_seconds() -> float:
    """What one signature check costs here, on one processor."""
    key = SigningKey.from_seed(bytes(32))
    message = bytes(200)
    signature = key.sign(message)
    started = time.process_time()
    for _ in range(CHECKS_TIMED):
        verify(key.public_key, message, signature)
    return (time.process_time() - started) / CHECKS_TIMED


@contextlib.asynccontextmanager
async def _network(accounts: int, count: int, engine: str) -> AsyncIterator[Bench]:
    """Nodes with accounts and money."""
    async with running_nodes(count, engine) as network, contextlib.AsyncExitStack() as stack:
        towns = make_towns(1, accounts // count, SERVICES, places_of(count))
        load = Load(towns)
        trusted = TrustedNetwork(network.genesis, engine)
        for index, town in enumerate(towns):
            session = await stack.enter_async_context(
                Session(trusted, network.urls_from(index), on_outcome=load.note)
            )
            await fill(network.folder, network.genesis, town, session)
            load.payers += [
                Payer(one, session.account(town.place.prefix, one.signing_key), session)
                for one in town.buyers
                if one.limit_minor is None
            ]
        random.Random(2).shuffle(load.payers)
        yield Bench(network, load)


async def fill(folder: DemoFolder, genesis: Genesis, town: Town, session: Session) -> None:
    issued_minor = {person.account_id: START_MINOR for person in town.people}
    plan = Plan(1, (town,), issued_minor, (), 0, 0)
    keys = town_hall_keys(folder, town.place)
    officials = officials_of(official_accounts(genesis), keys, town.place.prefix)
    await open_accounts(session, officials[TERRITORY], plan, town, lambda _: None)
    await issue_money(session, officials[ISSUER], plan, town, lambda _: None)


async def measure(
    seconds: float, rates: list[int], accounts: int, count: int, engine: str
) -> dict[str, object]:
    """All figures of one run."""
    async with _network(accounts, count, engine) as bench:
        at_rates = [await bench.at_rate(rate, seconds) for rate in rates]
        saturated = await bench.at_saturation(seconds)
    return {
        "machine": machine(),
        "engine": engine,
        "nodes": count,
        "accounts": accounts,
        "saturation": saturated,
        "rates": at_rates,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--seconds", metavar="N", type=float, default=20.0)
    parser.add_argument("--rates", metavar="A,B", default="100,400")
    parser.add_argument("--accounts", metavar="N", type=int, default=ACCOUNTS)
    parser.add_argument("--nodes", metavar="N", type=int, default=len(PLACES))
    parser.add_argument("--engine", choices=ENGINES, default=DEFAULT_ENGINE)
    options = parser.parse_args()
    rates = [int(word) for word in options.rates.split(",") if word]
    measured = asyncio.run(
        measure(options.seconds, rates, options.accounts, options.nodes, options.engine)
    )
    figures = json.dumps(measured, indent=2)
    print(figures)
    if options.json is not None:
        options.json.write_text(figures + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
