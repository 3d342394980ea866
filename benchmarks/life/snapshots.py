"""A snapshot of many accounts: made by a node that goes on paying, fetched by one that is new.

The first is a network of its own in this process, the other an observer in a process of its own;
TLS on loopback between them. Where the day would have to end, the period is cut short.
"""

import asyncio
import contextlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.crowd import put_crowd
from benchmarks.life.joiner import JOINER, new_data
from benchmarks.life.nodes import BYTES_PER_MB
from benchmarks.processes import bytes_on_disk
from clients.demo.summary import percentile
from node.cards import Card, card_to_json
from node.observers import Observers
from node.snapshots.shelf import SNAPSHOT_MS, SnapshotShelf
from node.territory import TerritoryOptions
from tests.node.town import Person, Town, found, key_of
from tests.ports import free_ports

NEVER_MS = 2**53
PEOPLE = 40
BLOCK_SECONDS = 0.05
TICK_SECONDS = 0.005
MS_PER_SECOND = 1_000


class PayingTown(Town):
    """One node that makes a snapshot when it is told to."""

    def options(self, index: int, *, observe_only: bool = False) -> TerritoryOptions:
        return replace(super().options(index, observe_only=observe_only), snapshot_ms=NEVER_MS)

    @property
    def shelf(self) -> SnapshotShelf:
        running: Any = self.nodes[0]._running  # the built-in engine's
        shelf: SnapshotShelf = running.snapshots
        return shelf


class Pulse:
    """How late the loop is, and how long payments take, while something else goes on."""

    def __init__(self, town: Town, people: list[Person]) -> None:
        self._town = town
        self._people = people
        self._late_ms: list[float] = []
        self._final_ms: list[float] = []

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """While this lasts."""
        self._late_ms, self._final_ms = [], []
        tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._pay())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            self._late_ms.append((time.perf_counter() - before - TICK_SECONDS) * MS_PER_SECOND)

    async def _pay(self) -> None:
        turn = 0
        while True:
            turn += 1
            payer = self._people[turn % PEOPLE]
            payee = self._people[(turn + 1) % PEOPLE]
            before = time.perf_counter()
            await self._town.must_settle(0, [self._town.pay(payer, payee, 1)])
            self._final_ms.append((time.perf_counter() - before) * MS_PER_SECOND)
            await asyncio.sleep(BLOCK_SECONDS)

    def figures(self) -> dict[str, Any]:
        """Milliseconds."""
        return {
            "loop_late_ms": _spread(self._late_ms),
            "payment_final_ms": _spread(self._final_ms),
        }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(percentile(values, 0.5), 1),
        "p99": round(percentile(values, 0.99), 1),
        "max": round(max(values, default=0.0), 1),
    }


async def measure(accounts: int, quiet: float) -> dict[str, Any]:
    """Make one, fetch it."""
    with tempfile.TemporaryDirectory(prefix="democite-life-") as name:
        folder = Path(name)
        town = PayingTown(folder, 1)
        put_crowd([(town.store(0), town.store_kind)], town.genesis, accounts)
        (folder / "GENESIS").write_text(town.genesis.to_json(), "utf-8")
        await town.start()
        try:
            await town.ready()
            people = await town.people(PEOPLE, 10_000)
            pulse = Pulse(town, people)
            async with pulse.taken():
                await asyncio.sleep(quiet)
            before = pulse.figures()
            made = await _make(town, pulse)
            async with pulse.taken():  # it learns from a new block how far it is behind
                fetched = await _fetch(town, folder)
            fetched["while_served"] = pulse.figures()
        finally:
            await town.stop()
    return {"accounts": accounts, "quiet": before, "made": made, "fetched": fetched}


async def _make(town: PayingTown, pulse: Pulse) -> dict[str, Any]:
    shelf = town.shelf
    async with pulse.taken():
        began, busy = time.monotonic(), time.process_time()
        shelf._period_ms = 1
        while not shelf._making:
            await asyncio.sleep(0)
        shelf._period_ms = SNAPSHOT_MS
        while not shelf.held:
            await asyncio.sleep(TICK_SECONDS)
        seconds, busy = time.monotonic() - began, time.process_time() - busy
    (held,) = shelf.held
    return {
        "seconds": round(seconds, 1),
        "processor_seconds_of_the_node": round(busy, 1),
        "megabytes": round(bytes_on_disk(held.folder) / BYTES_PER_MB, 1),
        "parts": held.manifest.parts,
        **pulse.figures(),
    }


async def _fetch(town: PayingTown, folder: Path) -> dict[str, Any]:
    (port,) = free_ports(1)
    territory = found(JOINER + 1, [port] * (JOINER + 1)).territories[JOINER]
    card = folder / "joiner.card"
    card.write_text(card_to_json(Card(territory, True), key_of(f"town{JOINER} voting")), "utf-8")
    Observers(town.options(0).observers_folder).add(card)
    new_data(folder, town.store_kind)
    busy = time.process_time()
    words = ("-m", "benchmarks.life.joiner", str(folder), str(port), town.store_kind)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RuntimeError("the new node ended")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    figures: dict[str, Any] = json.loads(output)
    figures["processor_seconds_of_who_serves"] = round(time.process_time() - busy, 1)
    figures["memory_peak_megabytes"] = round(peak * 1_024 / BYTES_PER_MB)
    return figures
