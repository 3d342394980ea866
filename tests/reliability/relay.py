"""A small TCP relay between members: what one says to the other comes late, slowly, cut or not.

One relay stands before each node's peer port. Who dialed is found by the process that owns the
socket, so each direction between two members has its own weather.
"""

import asyncio
import contextlib
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 16_384
CHUNKS_HELD = 64
POLL_SECONDS = 0.02
LOOPBACK = "0100007F"


@dataclass
class Link:
    """The weather in one direction."""

    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    bytes_per_second: int = 0
    silent: bool = False
    cuts_due: int = 0


class Weather:
    """All links by (from, to), and which pairs are parted. Names are the territories' prefixes."""

    def __init__(self, seed: int) -> None:
        self.links: dict[tuple[str, str], Link] = defaultdict(Link)
        self.parted: set[frozenset[str]] = set()
        self.chance = random.Random(seed)
        self.counted: Counter[str] = Counter()
        self.open: dict[frozenset[str], set[asyncio.WriteTransport]] = defaultdict(set)

    def part(self, one: str, other: str) -> None:
        """No connection between two: those that are open break, new ones are refused."""
        pair = frozenset((one, other))
        self.parted.add(pair)
        for transport in list(self.open[pair]):
            transport.abort()

    def clear(self) -> None:
        """Fine weather everywhere."""
        self.parted.clear()
        for link in self.links.values():
            link.delay_seconds = link.jitter_seconds = 0.0
            link.bytes_per_second = link.cuts_due = 0
            link.silent = False


class Relay:
    """Listens where the genesis says a member is, and passes on to where it really listens."""

    def __init__(
        self,
        name: str,
        place: tuple[str, int],
        target: tuple[str, int],
        weather: Weather,
        pids: Callable[[], Mapping[str, int]],
    ) -> None:
        self._name = name
        self._place = place
        self._target = target
        self._weather = weather
        self._pids = pids
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, *self._place)

    async def stop(self) -> None:
        """Break everything off."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, up: asyncio.StreamReader, down: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        dialer = owner_of_port(down.get_extra_info("peername")[1], self._pids())
        pair = frozenset((dialer, self._name))
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if pair not in self._weather.parted:
                await self._join(dialer, pair, up, down)
        down.transport.abort()
        if task is not None:
            self._tasks.discard(task)

    async def _join(
        self,
        dialer: str,
        pair: frozenset[str],
        up: asyncio.StreamReader,
        down: asyncio.StreamWriter,
    ) -> None:
        back, forth = await asyncio.open_connection(*self._target)
        ends = {down.transport, forth.transport}
        self._weather.open[pair] |= ends
        try:
            async with asyncio.TaskGroup() as group:
                for source, sink, way in (
                    (up, forth, (dialer, self._name)),
                    (back, down, (self._name, dialer)),
                ):
                    held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_HELD)
                    group.create_task(self._take(source, held, self._weather.links[way]))
                    group.create_task(self._give(sink, held, self._weather.links[way]))
        except* OSError:
            pass
        finally:
            self._weather.open[pair] -= ends
            for transport in ends:
                transport.abort()

    async def _take(
        self, source: asyncio.StreamReader, held: asyncio.Queue[tuple[float, bytes]], link: Link
    ) -> None:
        loop = asyncio.get_running_loop()
        due = 0.0
        while data := await source.read(CHUNK_BYTES):
            late = link.delay_seconds + self._weather.chance.random() * link.jitter_seconds
            due = max(due, loop.time() + late)
            await held.put((due, data))
        await held.put((due, b""))

    async def _give(
        self, sink: asyncio.StreamWriter, held: asyncio.Queue[tuple[float, bytes]], link: Link
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await held.get()
            while link.silent:
                await asyncio.sleep(POLL_SECONDS)
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if not data:
                raise ConnectionResetError("the other end closed")
            if link.cuts_due and len(data) > 1:
                link.cuts_due -= 1
                self._weather.counted["cut in a frame"] += 1
                sink.write(data[: self._weather.chance.randrange(1, len(data))])
                await sink.drain()
                raise ConnectionAbortedError("cut")
            if link.bytes_per_second:
                await asyncio.sleep(len(data) / link.bytes_per_second)
            sink.write(data)
            await sink.drain()


def owner_of_port(port: int, pids: Mapping[str, int]) -> str:
    """Which of these processes connects from this port of the loopback; "" if none does."""
    local = f"{LOOPBACK}:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines():
        fields = line.split()
        if fields[1] == local:
            wanted = f"socket:[{fields[9]}]"
            for name, pid in pids.items():
                with contextlib.suppress(OSError):
                    for descriptor in os.scandir(f"/proc/{pid}/fd"):
                        with contextlib.suppress(OSError):
                            if os.readlink(descriptor.path) == wanted:
                                return name
    return ""
