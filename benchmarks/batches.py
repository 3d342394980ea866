"""Batches at saturation: what `wages.py` and `bulletins.py` measure in common.

Each territory has `lines` residents and one account that pays them all in every batch. Batches are
signed with the keys that the rules ask for and sent over a WebSocket to the payer's own node; up to
`IN_FLIGHT` of each territory are on their way.
"""

import argparse
import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from benchmarks import figures_file
from benchmarks.arguments import count, new_file, seconds
from benchmarks.load import Tally
from benchmarks.machine import machine
from benchmarks.network import WIRE, Costs, Network, running_nodes
from benchmarks.processes import ended_in_order
from clients.demo.folder import DemoFolder
from clients.demo.opening import Official, officials_of, open_accounts
from clients.demo.people import Town, make_towns
from clients.demo.places import PLACES, Place
from clients.demo.plan import Plan
from clients.demo.town_halls import official_accounts, town_hall_keys
from ledger.account_kinds import COMMONS, ISSUER, TERRITORY
from ledger.fields import RESERVE_ISSUE
from ledger.founders import Territory
from ledger.reserve import issue_fields
from ledger.rules import Parameters
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.keystore import unseal
from primitives.signatures import SEED_BYTES, SigningKey
from wallet.delivery import Outcome
from wallet.light.trust import TrustedNetwork
from wallet.session import Session, SessionAccount

LINES = 2_000
LINES_MAX = Parameters().lines_max
IN_FLIGHT = 3
START_MINOR = 10**14
LINE_MINOR = (100, 30_000)
WARM_UP_SECONDS = 5.0
SETTLE_MS = 120_000

Fields = tuple[Value, ...]
Lines = Sequence[tuple[bytes, int, bytes]]
MakeFields = Callable[[bytes, Lines], Fields]
"""A batch's fields out of a run id and its lines."""


@dataclass
class Hall:
    """One territory: who may sign what, and who lives there."""

    place: Place
    territory: Territory
    session: Session
    officials: dict[str, Official]
    node_key: SigningKey
    staff: tuple[SigningKey, ...]
    residents: tuple[bytes, ...]
    in_flight: int = 0

    @property
    def currency(self) -> str:
        """The territory's first currency."""
        return self.territory.currencies[0].code

    def node_lane(self) -> SessionAccount:
        """The lane in which the territory's node acts."""
        return self.session.account(
            self.place.prefix, self.node_key, account_id=self.territory.account_id
        )

    async def settle(
        self, lane: SessionAccount, kind: str, fields: Fields, cosigners: Sequence[SigningKey]
    ) -> None:
        """Send one transaction of the preparation and see it final."""
        id = self.session.send(lane, kind, fields, cosigners=cosigners)
        outcome = await self.session.settle(id)
        if outcome.state != "final":
            raise Refused(outcome.code, f"{kind}, {self.place.prefix}")

    async def issue(self, account_id: bytes) -> None:
        """Give an account the money that all batches are paid from."""
        issuer = self.officials[ISSUER]
        lane = self.session.account(
            self.place.prefix, issuer.lane_key, account_id=issuer.account.id
        )
        fields = issue_fields(self.currency, [(account_id, START_MINOR, bytes(32))])
        await self.settle(lane, RESERVE_ISSUE, fields, issuer.cosigners)

    @property
    def commons_id(self) -> bytes:
        """The common account."""
        return self.officials[COMMONS].account.id


@dataclass
class Payer:
    """Who pays a territory's residents, and what signs it."""

    hall: Hall
    lane: SessionAccount
    kind: str
    cosigners: Sequence[SigningKey]
    fields: MakeFields


Prepare = Callable[[Hall], Awaitable[Payer]]


class BatchBench:
    """One network whose territories pay batches."""

    def __init__(
        self, network: Network, payers: list[Payer], draw: random.Random, lines: int
    ) -> None:
        self._network = network
        self._payers = payers
        self._draw = draw
        self._lines = lines
        self._tally = Tally()
        self._payers_by_id: dict[bytes, Payer] = {}

    def note(self, outcome: Outcome) -> None:
        """A session's `on_outcome`."""
        payer = self._payers_by_id.pop(outcome.id, None)
        if payer is None:
            return
        payer.hall.in_flight -= 1
        if outcome.state == "final":
            self._tally.latencies_ms.append(outcome.milliseconds)
            self._tally.times.append(time.monotonic())
        else:
            self._tally.refuse(outcome.code)

    def _send(self, payer: Payer) -> None:
        draw = self._draw
        lines = [
            (resident, draw.randint(*LINE_MINOR), draw.randbytes(32))
            for resident in draw.sample(payer.hall.residents, self._lines)
        ]
        fields = payer.fields(draw.randbytes(16), lines)
        id = payer.hall.session.send(payer.lane, payer.kind, fields, cosigners=payer.cosigners)
        payer.hall.in_flight += 1
        self._payers_by_id[id] = payer

    async def _saturate(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            for payer in self._payers:
                if payer.hall.in_flight < IN_FLIGHT:
                    self._send(payer)
                    await asyncio.sleep(0)
            await asyncio.sleep(0.002)

    async def _costs(self) -> Costs:
        return await self._network.costs(self._payers[0].hall.session.client.session)

    async def at_saturation(self, seconds: float) -> dict[str, object]:
        """As many lines as go through."""
        await self._saturate(WARM_UP_SECONDS)
        self._tally = Tally()
        before, started = await self._costs(), time.monotonic()
        own_before = time.process_time()
        await self._saturate(seconds)
        tally, ended = self._tally, time.monotonic()
        own = time.process_time() - own_before
        after = await self._costs()
        batches = len(tally.times)
        carried = batches * self._lines
        await self._idle()
        share = 1 / max(1, carried) / len(PLACES)
        grown = {
            name: (value - before.counters.get(name, 0.0)) * share
            for name, value in after.counters.items()
        }
        used = after.processor_seconds - before.processor_seconds
        return {
            "batches": batches,
            "lines": carried,
            "lines_per_second": round(carried / (ended - started), 1),
            "batch_latency_ms": tally.latency_ms(),
            "refused": tally.refused,
            "processor_seconds_per_line_and_replica": round(used * share, 9),
            "load_generator_processor_seconds_per_line": round(own / max(1, carried), 9),
            "disk_bytes_per_line_and_replica": round(
                (after.disk_bytes - before.disk_bytes) * share, 1
            ),
            "wire_bytes_per_line_and_replica": {
                "sent": round(grown.get(WIRE.format("send"), 0.0), 1),
                "received": round(grown.get(WIRE.format("receive"), 0.0), 1),
            },
        }

    async def _idle(self) -> None:
        deadline = time.monotonic() + SETTLE_MS / 1000
        while self._payers_by_id:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self._payers_by_id)} batches without an outcome")
            await asyncio.sleep(0.02)


def _node_key(folder: DemoFolder, place: Place) -> SigningKey:
    """The node's own key, unsealed with its passphrase."""
    passphrase = folder.passphrase_file(place).read_text(encoding="utf-8").strip()
    sealed = (folder.node_data(place) / "keys" / "signing.json").read_bytes()
    payload = unseal(sealed, passphrase)
    seeds = [one for one in _parts(payload) if isinstance(one, bytes) and len(one) == SEED_BYTES]
    return SigningKey.from_seed(seeds[0])


def _parts(payload: Value) -> list[Value]:
    return list(payload) if isinstance(payload, tuple) else [payload]


@contextlib.asynccontextmanager
async def _bench(lines: int, residents: int, prepare: Prepare) -> AsyncIterator[BatchBench]:
    """Four nodes, residents with accounts, and payers with money; a batch pays so many of them."""
    async with running_nodes() as network, contextlib.AsyncExitStack() as stack:
        bench = BatchBench(network, [], random.Random(2), lines)
        payers: list[Payer] = []
        for index, town in enumerate(make_towns(1, residents, 0)):
            session = await stack.enter_async_context(
                Session(
                    TrustedNetwork(network.genesis),
                    network.urls_from(index),
                    on_outcome=lambda outcome: bench.note(outcome),
                )
            )
            payers.append(await prepare(await _hall(network, town, session)))
        bench = BatchBench(network, payers, random.Random(2), lines)
        yield bench


async def _hall(network: Network, town: Town, session: Session) -> Hall:
    place = town.place
    keys = town_hall_keys(network.folder, place)
    officials = officials_of(official_accounts(network.genesis), keys, place.prefix)
    plan = Plan(1, (town,), {}, (), 0, 0)
    await open_accounts(session, officials[TERRITORY], plan, town, lambda _: None)
    territory = next(one for one in network.genesis.territories if one.prefix == place.prefix)
    return Hall(
        place,
        territory,
        session,
        officials,
        _node_key(network.folder, place),
        tuple(key for key in keys if key.public_key in territory.signing_keys),
        tuple(resident.account_id for resident in town.residents),
    )


async def measure_batches(
    seconds: float, lines: int, prepare: Prepare, residents: int | None = None
) -> dict[str, object]:
    """Batches of so many lines, to as many of each territory's residents (all, unless told)."""
    async with _bench(lines, residents or lines, prepare) as bench:
        saturated = await bench.at_saturation(seconds)
    return {
        "machine": machine(),
        "seconds": seconds,
        "nodes": len(PLACES),
        "lines_per_batch": lines,
        "accounts": (residents or lines) * len(PLACES),
        "saturation": saturated,
    }


def run(description: str, prepare: Prepare) -> int:
    """Measure and print."""
    return ended_in_order(lambda: _main(description, prepare))


def _main(description: str, prepare: Prepare) -> int:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", metavar="FILE", type=new_file)
    parser.add_argument("--seconds", metavar="N", type=seconds, default=20.0)
    parser.add_argument("--lines", metavar="N", type=count(1, LINES_MAX), default=LINES)
    options = parser.parse_args()
    figures = asyncio.run(measure_batches(options.seconds, options.lines, prepare))
    print(json.dumps(figures, indent=2))
    if options.json is not None:
        figures_file.write(options.json, figures)
    return 0
