"""What is done to a running network. Each mischief ends by itself; at most f members at a time
are kept from taking part, but for those that are for all."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.processes.network import Node
from tests.reliability.testbed import Testbed

Act = Callable[[], Awaitable[None]]


class Mischief:
    """Acts by name; `counted` says how often each was done."""

    def __init__(self, bed: Testbed, seed: int, *, longest_seconds: float) -> None:
        self._bed = bed
        self._chance = random.Random(seed)
        self._longest_seconds = longest_seconds
        self.counted: Counter[str] = Counter()
        self.acts: dict[str, Act] = {
            "SIGKILL, then started again": self.kill,
            "SIGKILL five times in a row": self.kill_in_a_loop,
            "SIGKILL of all at once": self.kill_all,
            "SIGSTOP, late SIGCONT": self.freeze,
            "delay and jitter": self.delay,
            "throttled": self.throttle,
            "cut in the middle of a frame": self.cut,
            "one-way silence": self.silence,
            "one member parted from all": self.isolate,
            "two and two parted": self.halve,
        }

    async def go_on(self, pause_seconds: float) -> None:
        """Each act once in random order, then again, for ever."""
        while True:
            names = list(self.acts)
            self._chance.shuffle(names)
            for name in names:
                await self.acts[name]()
                self.counted[name] += 1
                self._bed.note_deaths()
                await asyncio.sleep(self._chance.random() * pause_seconds)

    def heal(self) -> None:
        """End whatever is under way; nodes that are down are started."""
        self._bed.note_deaths()
        self._bed.weather.clear()
        for node in self._bed.nodes.values():
            self._bed.signal(node, signal.SIGCONT)
            if node.process is None:
                self._bed.start(node)

    def _any(self) -> Node:
        return self._chance.choice(list(self._bed.nodes.values()))

    async def _wait(self) -> None:
        await asyncio.sleep(self._chance.random() * self._longest_seconds)

    async def _back(self, *nodes: Node) -> None:
        for node in nodes:
            self._bed.start(node)
        await self._bed.ready(*nodes)

    async def kill(self) -> None:
        """A power cut at one member."""
        node = self._any()
        self._bed.kill(node)
        await self._wait()
        await self._back(node)

    async def kill_in_a_loop(self) -> None:
        """A machine that does not come to rest: killed while it starts, too."""
        node = self._any()
        for _ in range(4):
            self._bed.kill(node)
            self._bed.start(node)
            await asyncio.sleep(self._chance.uniform(0.2, 1.5))
        self._bed.kill(node)
        await self._back(node)

    async def kill_all(self) -> None:
        """The power of the whole valley."""
        nodes = list(self._bed.nodes.values())
        for node in nodes:
            self._bed.kill(node)
        await self._back(*nodes)

    async def freeze(self) -> None:
        """A machine that sleeps and wakes up as if nothing had been."""
        node = self._any()
        self._bed.signal(node, signal.SIGSTOP)
        await self._wait()
        await self._wait()
        self._bed.signal(node, signal.SIGCONT)

    async def delay(self) -> None:
        """Satellites: all links are slow, and messages overtake nobody."""
        for one in self._bed.nodes:
            for other in self._bed.nodes:
                link = self._bed.weather.links[one, other]
                link.delay_seconds = self._chance.random() * 0.5
                link.jitter_seconds = self._chance.random() * 0.5
        await self._wait()
        self._bed.weather.clear()

    async def throttle(self) -> None:
        """One member has a thin line."""
        name = self._any().prefix
        for other in self._bed.nodes:
            self._bed.weather.links[name, other].bytes_per_second = 8_000
            self._bed.weather.links[other, name].bytes_per_second = 8_000
        await self._wait()
        self._bed.weather.clear()

    async def cut(self) -> None:
        """Connections break in the middle of what is being said, again and again."""
        for _ in range(8):
            one, other = self._chance.sample(list(self._bed.nodes), 2)
            self._bed.weather.links[one, other].cuts_due += 1
            await asyncio.sleep(self._chance.random() * 0.3)

    async def silence(self) -> None:
        """What one member says reaches nobody, and it hears everybody."""
        name = self._any().prefix
        for other in self._bed.nodes:
            self._bed.weather.links[name, other].silent = True
        await self._wait()
        self._bed.weather.clear()

    async def isolate(self) -> None:
        """One member is alone."""
        name = self._any().prefix
        for other in self._bed.nodes:
            if other != name:
                self._bed.weather.part(name, other)
        await self._wait()
        self._bed.weather.clear()

    async def halve(self) -> None:
        """Nobody has a quorum: all must wait, and go on once they are together."""
        names = list(self._bed.nodes)
        self._chance.shuffle(names)
        for one in names[:2]:
            for other in names[2:]:
                self._bed.weather.part(one, other)
        await self._wait()
        self._bed.weather.clear()
