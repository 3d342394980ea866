"""Payments that come at a rate whatever becomes of those before, each attempt told apart.

A refused one is sent again when its payer's turn comes round, whatever the node asked for; no key
has more than 32 on their way. Frames are read here as they come, so that nothing is retried in
silence; they are made before any is sent, since the nodes share the machine with this.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from benchmarks.load import IN_FLIGHT_PER_KEY, Tally
from benchmarks.sockets import FrameSocket, binary_frame, frame_socket
from wallet.delivery import BUSY_CODES
from wallet.light.bundles import bundle_from_json
from wallet.reader import Reader
from wallet.session import Session
from wallet.transaction_ids import transaction_id

SENT_AT_ONCE = 64
PAUSE_SECONDS = 0.002


@dataclass(slots=True)
class Ready:
    """A signed payment as it goes out; `payer` is a number."""

    payer: int
    id: bytes
    frame: bytes
    sent: float = 0.0
    """When it went out last, in monotonic seconds."""

    @classmethod
    def of(cls, payer: int, raw: bytes) -> "Ready":
        """For these signed bytes."""
        return cls(payer, transaction_id(raw), binary_frame(raw))


@dataclass
class Attempts:
    """All that was sent, and what became of it."""

    ready: dict[int, deque[Ready]]
    """What each payer, by number, has still to send, in the order of its lane."""

    tally: Tally = field(default_factory=Tally)
    count: int = 0
    refused_after_ms: list[float] = field(default_factory=list)
    refused_told_when: int = 0
    """Refusals for now that said when to try again."""

    open: dict[bytes, Ready] = field(default_factory=dict)
    in_flight: dict[int, int] = field(default_factory=dict)

    def take(self, payer: int) -> Ready | None:
        """The next payment of a payer, unless it may have no more on their way."""
        if self.in_flight.get(payer, 0) >= IN_FLIGHT_PER_KEY or not self.ready[payer]:
            return None
        ready = self.ready[payer].popleft()
        ready.sent = time.monotonic()
        self.open[ready.id] = ready
        self.in_flight[payer] = self.in_flight.get(payer, 0) + 1
        self.count += 1
        return ready

    def final(self, id: bytes) -> None:
        """It is final, under a header whose certificate was verified."""
        ended = self._end(id)
        if ended is not None:
            self.tally.final(_ms_since(ended.sent))

    def refused(self, id: bytes, word: str, told_when: bool) -> None:
        """It was not taken; what was refused for now waits for its payer's next turn."""
        ended = self._end(id)
        if ended is None:
            return
        self.refused_after_ms.append(_ms_since(ended.sent))
        self.tally.refuse(word)
        if word in BUSY_CODES:
            self.refused_told_when += told_when
            self.ready[ended.payer].appendleft(ended)

    def _end(self, id: bytes) -> Ready | None:
        ended = self.open.pop(id, None)
        if ended is not None:
            self.in_flight[ended.payer] -= 1
        return ended


def _ms_since(moment: float) -> float:
    return (time.monotonic() - moment) * 1000


class Channel:
    """One WebSocket to one node: payments out, what became of them in."""

    def __init__(self, socket: FrameSocket, reader: Reader, url: str, attempts: Attempts) -> None:
        self._socket = socket
        self._reader = reader
        self._url = url
        self._attempts = attempts
        self._frames: list[bytes] = []
        self._verified: set[int] = set()
        self._early: dict[int, list[bytes]] = {}

    def put(self, ready: Ready) -> None:
        """Send this one with the next `flush`."""
        self._frames.append(ready.frame)

    async def flush(self) -> None:
        """Send what was put; waits while the node does not read."""
        if self._frames:
            frames, self._frames = self._frames, []
            await self._socket.send(frames)

    async def listen(self) -> None:
        """Take what comes, until the connection ends."""
        async for text in self._socket.texts():
            content = json.loads(text)
            kind = content.get("type")
            if kind == "submitted":
                told_when = "retry_after_ms" in content
                for id, word in content["results"]:
                    if word not in ("accepted", "known"):
                        self._attempts.refused(bytes.fromhex(id), word, told_when)
            elif kind == "final":
                self._final(content["height"], [bytes.fromhex(id) for id in content["ids"]])
            elif kind == "header":
                bundle = bundle_from_json(content)
                height = (await self._reader.accept_from(self._url, bundle)).height
                self._verified.add(height)
                self._final(height, self._early.pop(height, []))

    def _final(self, height: int, ids: list[bytes]) -> None:
        if height not in self._verified:
            self._early.setdefault(height, []).extend(ids)
            return
        for id in ids:
            self._attempts.final(id)


@contextlib.asynccontextmanager
async def channel(session: Session, url: str, attempts: Attempts) -> AsyncIterator[Channel]:
    """A WebSocket to this node; headers are verified as this session does."""
    async with frame_socket(url) as socket:
        opened = Channel(socket, session.reader, url, attempts)
        listening = asyncio.create_task(opened.listen())
        try:
            yield opened
            if listening.done():
                listening.result()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def send_at_rate(
    attempts: Attempts, channels: Sequence[Channel], rate: float, seconds: float
) -> None:
    """Attempts at this rate, payer after payer, each on its territory's channel; the time that a
    slow socket costs is made up for."""
    payers = len(attempts.ready)
    turn, idle_turns = 0, 0
    began = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        due = int((now - began) * rate) - attempts.count
        for _ in range(min(due, SENT_AT_ONCE)):
            ready = attempts.take(turn % payers)
            if ready is not None:
                channels[turn % len(channels)].put(ready)
            idle_turns = 0 if ready is not None else idle_turns + 1
            turn += 1
            if idle_turns >= payers:
                break  # everybody has as many on their way as they may
        for one in channels:
            await one.flush()
        await asyncio.sleep(0 if due > SENT_AT_ONCE and idle_turns < payers else PAUSE_SECONDS)


async def settled(attempts: Attempts, seconds_max: float) -> None:
    """Until what is on its way has ended, or for so long."""
    ends = time.monotonic() + seconds_max
    while attempts.open and time.monotonic() < ends:
        await asyncio.sleep(0.02)
