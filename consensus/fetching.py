"""Asking for exactly what is missing, one peer after another, until it comes.

In every turn the rules say anew what they lack (`begin_pass`, then `want_…`); what they no longer
name is no longer asked for, and an answer to it is dropped. So what is awaited is bounded by
`FETCHES_MAX` and by need, never by what others claim.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from consensus.config import ReplicaConfig
from consensus.messages import FetchBlock, FetchView
from consensus.turn import Turn

FETCHES_MAX = 32
"""How much may be awaited at a time."""

_Key: TypeAlias = "tuple[int, int] | bytes"


@dataclass(slots=True)
class _Ask:
    """One thing that is lacking: when to ask next, and whom."""

    next_ms: int
    peers: tuple[bytes, ...]
    asked: int = 0


class Fetching:
    """Certificates by (view, kind) and blocks by digest.

    A block may be large, so one peer is asked at a time; a certificate is small, so two are. The
    next ones are asked after Δ/2; when all were asked, every `retry_ms`.
    """

    __slots__ = ("_asks", "_config", "_others", "_turn", "_wanted")

    def __init__(self, config: ReplicaConfig, turn: Turn) -> None:
        self._config = config
        self._turn = turn
        self._others = tuple(key for key in config.members.index if key != config.own_key)
        self._asks: dict[_Key, _Ask] = {}
        self._wanted: set[_Key] = set()

    def begin_pass(self) -> None:
        """The rules are about to say what they lack."""
        self._wanted.clear()

    def want_view(self, view: int, kind: int, prefer: bytes | None, now_ms: int) -> None:
        """A certificate of `view`, of `kind` or, with 0, any."""
        self._want((view, kind), view, () if prefer is None else (prefer,), now_ms)

    def want_block(self, digest: bytes, prefer: Iterable[bytes], now_ms: int) -> None:
        """A block, from those who should hold it first; not before `now_ms`."""
        self._want(digest, digest[0], prefer, now_ms)

    def _want(self, key: _Key, first: int, prefer: Iterable[bytes], next_ms: int) -> None:
        if len(self._wanted) >= FETCHES_MAX:
            return
        self._wanted.add(key)
        if key not in self._asks and self._others:
            start = first % len(self._others)
            turned = self._others[start:] + self._others[:start]
            wished = [peer for peer in prefer if peer in turned]
            peers = tuple(dict.fromkeys((*wished, *turned)))
            self._asks[key] = _Ask(next_ms, peers)

    def end_pass(self, now_ms: int) -> None:
        """Forget what is no longer lacking, ask for what is and is due."""
        if not self._asks:
            return
        for key in [key for key in self._asks if key not in self._wanted]:
            del self._asks[key]
        for key, ask in self._asks.items():
            if ask.next_ms <= now_ms:
                self._send(key, ask, now_ms)

    def _send(self, key: _Key, ask: _Ask, now_ms: int) -> None:
        epoch = self._config.epoch
        message = FetchBlock(key) if isinstance(key, bytes) else FetchView(epoch, *key)
        for _ in range(1 if isinstance(key, bytes) else min(2, len(ask.peers))):
            self._turn.send(ask.peers[ask.asked % len(ask.peers)], message)
            ask.asked += 1
        timing = self._config.timing
        is_round_over = ask.asked >= len(ask.peers)
        ask.next_ms = now_ms + (timing.retry_ms if is_round_over else timing.delta_ms // 2)

    def awaits_block(self, digest: bytes) -> bool:
        """Whether this block is lacking, so that an answer is welcome."""
        return digest in self._asks

    def next_ms(self) -> int | None:
        """When something is to be asked for (again)."""
        return min([ask.next_ms for ask in self._asks.values()]) if self._asks else None
