"""Virtual time and the network between hosts."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import sha256
from random import Random
from typing import Protocol

from consensus.events import Received
from consensus.messages import Message, VoteMessage, decode_message, encode_message
from consensus.simulation.roll import Terms
from consensus.simulation.scenario import FAULTS_MS, Scenario
from consensus.votes import FINALIZE
from primitives.errors import Refused

CALM_DELAY_MS_MAX = 40
EVENTS_MAX = 2_000_000
"""A run that needs more does not come to rest."""
_READ_MESSAGES_MAX = 8_192


class Endpoint(Protocol):
    """Where messages arrive."""

    def receive(self, sender: bytes, raw: bytes) -> None:
        """A message came from an authenticated peer."""


class World:
    """Events in order of time; every choice comes from one seeded source, so runs repeat."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.random = Random(scenario.seed)
        self.now_ms = 0
        self.endpoints: dict[bytes, Endpoint] = {}
        self.events = 0
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._cuts: list[tuple[int, int, frozenset[bytes], bool]] = []
        self._encoded: tuple[Message | None, bytes] = None, b""
        self._trace = sha256()
        self.lost_from_ms = FAULTS_MS // 2
        """From here on FINALIZE votes are lost, where the scenario says so."""
        self.on_epoch: Callable[[int, Terms], None] = lambda epoch, terms: None
        """An honest host is in an epoch, under these terms."""
        self.on_change: Callable[[int, bytes], None] = lambda epoch, home: None
        """An honest host has committed the boundary of an epoch that another set follows."""
        self._storm_ms = scenario.storm_ms
        self._slow_until_ms = scenario.storm_ms + scenario.slow_ms

    @property
    def calm(self) -> bool:
        """Whether the storm is over: only FINALIZE votes may still be lost."""
        return self.now_ms >= self._storm_ms

    @property
    def slow(self) -> bool:
        """Whether messages take as long as the scenario says."""
        return self.now_ms < self._slow_until_ms

    @property
    def loses_finalize(self) -> bool:
        """Whether every FINALIZE vote is lost."""
        is_late = self.lost_from_ms <= self.now_ms < self.scenario.faults_ms
        return self.scenario.lost_finalize and is_late

    def happens(self, chances: int, of: int = 1_000) -> bool:
        """Whether something does that comes about `chances` times in `of` while the storm lasts."""
        return chances > 0 and not self.calm and self.random.random() * of < chances

    def disk_ms(self) -> int:
        """How long the next sync takes."""
        longest_ms = 0 if self.calm else self.scenario.disk_ms_max
        return int(self.random.random() * (longest_ms + 1)) if longest_ms else 0

    def at(self, when_ms: int, action: Callable[[], None]) -> None:
        """Do `action` at that time, after what was planned for it before."""
        self._order += 1
        heapq.heappush(self._queue, (max(when_ms, self.now_ms), self._order, action))

    def cut(self, begin_ms: int, end_ms: int, side: frozenset[bytes], *, one_way: bool) -> None:
        """Part `side` from the others for a while; one way: only what `side` sends is lost."""
        self._cuts.append((begin_ms, end_ms, side, one_way))

    def cuts(self) -> list[bool]:
        """Of each partition of now that parts anybody: whether it is a one-way one."""
        now = [cut for cut in self._cuts if cut[0] <= self.now_ms < cut[1]]
        return [one_way for _, _, side, one_way in now if 0 < len(side) < len(self.endpoints)]

    def run(self, until_ms: int, done: Callable[[], bool] | None = None) -> bool:
        """Let time pass; True once `done`, which is asked after each event, says so."""
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= until_ms and self.events < EVENTS_MAX:
            self.now_ms, _, action = pop(queue)
            self.events += 1
            action()
            if done is not None and done():
                return True
        return False

    def note(self, what: bytes) -> None:
        """Put something into the run's hash."""
        self._trace.update(self.now_ms.to_bytes(8, "big") + what)

    def final_hash(self) -> str:
        """Two runs with the same hash did the same."""
        return self._trace.hexdigest()

    def transmit(self, sender: bytes, receiver: bytes, message: Message) -> None:
        """Carry a message, or lose it, or carry it twice or late."""
        if message is not self._encoded[0]:  # what goes to all is encoded once
            self._encoded = message, encode_message(message)
        raw = self._encoded[1]
        if self.scenario.lost_finalize and self._loses(message):
            self.note(raw)
        else:
            self.carry(sender, receiver, raw)

    def carry(self, sender: bytes, receiver: bytes, raw: bytes) -> None:
        """Carry bytes."""
        self.note(raw)
        self.bring(sender, receiver, partial(self.endpoints[receiver].receive, sender, raw))

    def bring(self, sender: bytes, receiver: bytes, arrive: Callable[[], None]) -> None:
        """Let something happen at the receiver that the sender caused, as the network allows."""
        scenario = self.scenario
        if self.happens(scenario.loss) or (self._cuts and self._is_cut(sender, receiver)):
            return
        shortest, longest = 1, CALM_DELAY_MS_MAX
        if self.slow:
            shortest, longest = scenario.delay_ms_min, scenario.delay_ms_max
        for _ in range(2 if self.happens(scenario.duplication) else 1):
            delay_ms = shortest + int(self.random.random() * (longest - shortest + 1))
            self.at(self.now_ms + delay_ms, arrive)

    def _is_cut(self, sender: bytes, receiver: bytes) -> bool:
        for begin, end, side, one_way in self._cuts:
            if begin <= self.now_ms < end:
                leaves = sender in side and receiver not in side
                enters = receiver in side and sender not in side
                if leaves or (enters and not one_way):
                    return True
        return False

    def _loses(self, message: Message) -> bool:
        """Whether it is a FINALIZE vote in the time in which all of them are lost."""
        is_finalize = isinstance(message, VoteMessage) and message.vote.kind == FINALIZE
        return is_finalize and self.loses_finalize


@lru_cache(_READ_MESSAGES_MAX)
def read_message(raw: bytes) -> Message | None:
    """A received message, or None where it is garbage (a node would close the connection). Most
    bytes come to many, and many times, so that the last ones read are kept."""
    try:
        return decode_message(raw)
    except Refused:
        return None


@lru_cache(_READ_MESSAGES_MAX)
def read_received(sender: bytes, raw: bytes) -> Received | None:
    """The same as what a replica hears: a vote comes from its signer to all."""
    message = read_message(raw)
    return None if message is None else Received(sender, message)
