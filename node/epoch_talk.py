"""Members that stand in different epochs: who is behind is told the end of its epoch, who is ahead
is asked for the end of ours, and what is said of the next epoch waits until it begins here.

The core of an epoch hears of nothing but that epoch. What waits is bounded; what finds no room is
dropped, since members say again what was lost.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from consensus.messages import EpochEnd, FetchView, Message
from node.chain import Chain
from node.clock import now_ms
from node.peers.frames import Frame

EARLY_FRAMES_MAX = 512
EARLY_BYTES_MAX = 16 << 20
EARLY_PER_PEER_MAX = 128
INTERVAL_MS = 200
"""A member is told, and asked, at most this often."""

AGAIN_SECONDS = 1.0
"""Who is ahead is asked again: it may have told us of another end a moment ago, and in an idle
network nothing else would make it say so."""

_PEERS_MAX = 4_096


class EpochTalk:
    """See the module's docstring. `send` takes a message to one peer."""

    def __init__(self, chain: Chain, epoch: int, send: Callable[[bytes, Message], None]) -> None:
        self._chain = chain
        self._epoch = epoch
        self._send = send
        self._ahead: dict[bytes, int] = {}
        self._told_ms: dict[bytes, int] = {}
        self._asked_ms: dict[bytes, int] = {}
        self._early: deque[tuple[bytes, Frame]] = deque()
        self._early_bytes = 0
        self._again: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Ask no more."""
        self._ahead.clear()
        if self._again is not None:
            self._again.cancel()

    def begin_epoch(self, epoch: int) -> list[tuple[bytes, Frame]]:
        """The next epoch has begun here; what waited for it. Who is farther still is asked on."""
        self._epoch = epoch
        self._asked_ms.clear()
        self._ahead = {peer: theirs for peer, theirs in self._ahead.items() if theirs > epoch}
        for peer in self._ahead:
            self._ask(peer)
        early, self._early, self._early_bytes = list(self._early), deque(), 0
        return early

    def connected(self, peer: bytes, theirs: int) -> None:
        """A peer came and said in which epoch it is."""
        self._ahead.pop(peer, None)
        self._notice(peer, theirs)

    def gone(self, peer: bytes) -> None:
        """A peer left."""
        self._ahead.pop(peer, None)

    def is_ours(self, peer: bytes, epoch: int | None, frame: Frame, *, answers: bool) -> bool:
        """Whether a message is of our epoch, or of none; else it is dealt with here. `answers`: it
        is itself what another answered, and says nothing of where that one stands."""
        if epoch is None or epoch == self._epoch:
            return True
        if answers and epoch < self._epoch:
            return False  # told of an end with one, two nodes would go on for ever
        self._notice(peer, epoch)
        if epoch == self._epoch + 1:
            self._keep(peer, frame)
        return False

    def _notice(self, peer: bytes, theirs: int) -> None:
        if theirs < self._epoch:
            self._tell_end(peer, theirs)
        elif theirs > self._epoch:
            if peer in self._ahead or len(self._ahead) < _PEERS_MAX:
                self._ahead[peer] = max(theirs, self._ahead.get(peer, 0))
            self._ask(peer)

    def _tell_end(self, peer: bytes, epoch: int) -> None:
        if self._is_due(self._told_ms, peer):
            record = self._chain.epoch_record(epoch + 1)
            if record is not None:
                self._send(peer, EpochEnd(record.finality, record.headers))

    def _ask(self, peer: bytes) -> None:
        if self._is_due(self._asked_ms, peer):
            self._send(peer, FetchView(self._epoch, 1, 0))
        if self._again is None and self._ahead:
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(AGAIN_SECONDS, self._ask_again)

    def _ask_again(self) -> None:
        self._again = None
        for peer in list(self._ahead):
            self._ask(peer)

    def _is_due(self, last_ms: dict[bytes, int], peer: bytes) -> bool:
        now, last = now_ms(), last_ms.get(peer)
        if last is not None and 0 <= now - last < INTERVAL_MS:
            return False
        if len(last_ms) >= _PEERS_MAX:
            last_ms.clear()
        last_ms[peer] = now
        return True

    def _keep(self, peer: bytes, frame: Frame) -> None:
        of_peer = sum(1 for sender, _ in self._early if sender == peer)
        size = len(frame.content)
        if (
            of_peer < EARLY_PER_PEER_MAX
            and len(self._early) < EARLY_FRAMES_MAX
            and self._early_bytes + size <= EARLY_BYTES_MAX
        ):
            self._early.append((peer, frame))
            self._early_bytes += size
