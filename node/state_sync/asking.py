"""Asking peers one thing at a time: who lies is set aside for good, who is silent rests."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from node.peers.frames import BLOCKS_PRUNED, THESE_BLOCKS
from primitives.errors import Refused

ANSWER_SECONDS_MAX = 10.0
SILENT_SECONDS = 60.0
ASKED_AGAIN_SECONDS = 0.2


@dataclass(frozen=True)
class SyncPeers:
    """The peers as this needs them.

    `usable` are those connected that speak of epochs and snapshots, `send` sends a frame, `drop`
    closes the connection of a liar, `name` is what the log calls a peer.
    """

    usable: Callable[[], Sequence[bytes]]
    send: Callable[[bytes, int, bytes], bool]
    drop: Callable[[bytes, str], None]
    name: Callable[[bytes], str]


class Questions:
    """See the module's docstring."""

    def __init__(self, peers: SyncPeers) -> None:
        self._peers = peers
        self._asked: dict[bytes, tuple[int, bytes, asyncio.Future[bytes]]] = {}
        self._liars: set[bytes] = set()
        self._resting: dict[bytes, float] = {}
        self._log = structlog.get_logger("state_sync")

    @property
    def liars(self) -> frozenset[bytes]:
        """Who was set aside for good."""
        return frozenset(self._liars)

    def honest(self) -> list[bytes]:
        """Those that are connected and did not lie."""
        return [key for key in self._peers.usable() if key not in self._liars]

    def free(self) -> list[bytes]:
        """Peers that may be asked for something now."""
        now = asyncio.get_running_loop().time()
        return [
            key
            for key in self.honest()
            if key not in self._asked and self._resting.get(key, 0.0) <= now
        ]

    async def ask(
        self, peer: bytes, want: int, content: bytes, answer: int, head: bytes = b""
    ) -> bytes | None:
        """What the peer answers, beginning with `head`; None if it does not."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._asked[peer] = (answer, head, future)
        try:
            if not self._peers.send(peer, want, content):
                return None
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await future
        except TimeoutError:
            self._log.warning("peer_silent", peer=self._peers.name(peer))
            self._resting[peer] = loop.time() + SILENT_SECONDS
            return None
        finally:
            del self._asked[peer]

    def answered(self, peer_key: bytes, frame_type: int, content: bytes) -> bool:
        """A peer sent something; whether it was asked for that here."""
        asked = self._asked.get(peer_key)
        if asked is None or asked[2].done():
            return False
        answer, head, future = asked
        if frame_type == BLOCKS_PRUNED and answer == THESE_BLOCKS:
            future.set_result(b"")
            return True
        # What begins otherwise answers an earlier question, too late.
        if frame_type != answer or not content.startswith(head):
            return False
        future.set_result(content)
        return True

    def set_aside(self, peer: bytes, refusal: Refused) -> None:
        """It lied: ask it nothing more, and say so."""
        if peer in self._liars:
            return  # several of its answers were on their way
        self._liars.add(peer)
        self._log.error("peer_set_aside", peer=self._peers.name(peer), reason=str(refusal))
        self._peers.drop(peer, str(refusal))
