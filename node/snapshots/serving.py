"""Snapshots for others: offers and parts, read in a thread, a few at a time for each peer."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from node.answers import CertifiedHeader
from node.peers.frames import THIS_PART, THIS_SNAPSHOT
from node.peers.groups import pack_group
from node.snapshots.offers import pack_offer, pack_part, read_height_asked, read_part_asked
from node.snapshots.shelf import Held, SnapshotShelf
from primitives.errors import InvariantBroken, Refused

WAITING_PER_PEER_MAX = 4
"""Who asks for more at once is asked nothing in return, and not answered."""

REST_FACTOR = 1.0
"""So many times as long as reading a part took, its thread rests."""

REST_SECONDS_MAX = 0.1


class SnapshotServer:
    """See the module's docstring. `certified` gives a final header with what makes it final."""

    def __init__(
        self,
        shelf: SnapshotShelf,
        certified: Callable[[int], CertifiedHeader | None],
        send: Callable[[bytes, int, bytes], bool],
    ) -> None:
        self._shelf = shelf
        self._certified = certified
        self._send = send
        self._waiting: Counter[bytes] = Counter()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="serving")
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._log = structlog.get_logger("snapshots")
        self.parts_sent = 0

    def wanted(self, peer_key: bytes, content: bytes) -> None:
        """A peer asks what there is, or for the one that it has begun with. Refuses
        `peer_malformed`."""
        begun = self._shelf.at(read_height_asked(content))
        answer = pack_group([])
        for held in [*([] if begun is None else [begun]), *self._shelf.held]:
            certified = self._certified(held.manifest.height)
            if certified is not None and certified.header == held.manifest.header:
                answer = pack_offer(held.manifest, certified)
                break
        self._send(peer_key, THIS_SNAPSHOT, answer)

    def part_wanted(self, peer_key: bytes, content: bytes) -> None:
        """A peer asks for a part. Refuses `peer_malformed`."""
        height, part = read_part_asked(content)
        held = self._shelf.at(height)
        if held is None or self._closing:
            self._send(peer_key, THIS_PART, pack_part(height, part, b""))
            return
        if part >= held.manifest.parts:
            raise Refused("peer_malformed", "a part that the snapshot does not have")
        if self._waiting[peer_key] >= WAITING_PER_PEER_MAX:
            return
        self._waiting[peer_key] += 1
        task = asyncio.get_running_loop().create_task(self._answer(peer_key, held, part))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, peer_key: bytes, held: Held, part: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            content = await loop.run_in_executor(self._thread, self._read, held, part)
        except (OSError, Refused, InvariantBroken) as error:
            self._log.error("part_unreadable", height=held.manifest.height, reason=str(error))
            content = b""
        finally:
            self._waiting[peer_key] -= 1
        self._send(peer_key, THIS_PART, pack_part(held.manifest.height, part, content))
        self.parts_sent += 1

    def _read(self, held: Held, part: int) -> bytes:
        """In the thread, which rests before the next part: checking one holds the interpreter, and
        whoever fetches has hundreds of them to ask for."""
        began = time.perf_counter()
        try:
            return self._shelf.read_part(held, part)
        finally:
            rest = min((time.perf_counter() - began) * REST_FACTOR, REST_SECONDS_MAX)
            if not self._closing:
                self._thread.submit(time.sleep, rest)

    async def close(self) -> None:
        """Answer no more."""
        self._closing = True
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._thread.shutdown(wait=True)
