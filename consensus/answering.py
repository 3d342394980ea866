"""Answering others, within a budget for each of them.

A question is a few bytes and an answer may be megabytes, so what one peer gets in `retry_ms` is
bounded. Whoever asks honestly asks within these bounds (`fetching.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from consensus.certificates import Certificate
from consensus.config import ReplicaConfig
from consensus.knowledge import Knowledge
from consensus.messages import BlockResponse, CertificateMessage
from consensus.turn import Turn
from consensus.votes import FINALIZE, NOTARIZE

CERTIFICATES_PER_WINDOW_MAX = 256
BLOCK_BYTES_PER_WINDOW_MAX = 16 << 20
"""Of blocks, to one peer in `retry_ms`. One block is always given, however large."""

OLD_INTERVAL_MS = 200
"""A peer that is behind is told so at most this often."""

PEERS_MAX = 4096
"""What more peers than that got is forgotten, and they begin anew."""


@dataclass(slots=True)
class _Budget:
    """What one peer got since `begun_ms`."""

    begun_ms: int
    certificates: int = 0
    block_bytes: int = 0
    blocks: set[bytes] = field(default_factory=set)


class Answering:
    """Shares the turn and the knowledge of its replica."""

    __slots__ = ("_budgets", "_config", "_known", "_told_ms", "_turn")

    def __init__(self, config: ReplicaConfig, turn: Turn, known: Knowledge) -> None:
        self._config = config
        self._turn = turn
        self._known = known
        self._budgets: dict[bytes, _Budget] = {}
        self._told_ms: dict[bytes, int] = {}

    def view(self, peer: bytes, view: int, kind: int, now_ms: int) -> None:
        """The certificate that is asked for; the floor's F for what was pruned."""
        known = self._known
        found: Certificate | None
        if view <= known.floor.view:
            found = known.floor.certificate
        else:
            found = known.get(view, kind)
            if found is None and kind == NOTARIZE:
                found = known.get(view, FINALIZE)
        budget = self._budget(peer, now_ms)
        if found is not None and budget.certificates < CERTIFICATES_PER_WINDOW_MAX:
            budget.certificates += 1
            self._turn.send(peer, CertificateMessage(found, known.header(found.digest)))

    def block(self, peer: bytes, digest: bytes, now_ms: int) -> None:
        """The block, if it is above the floor (older ones are the driver's to answer)."""
        block = self._known.blocks.get(digest)
        budget = self._budget(peer, now_ms)
        if block is None or digest in budget.blocks:
            return
        if budget.blocks and budget.block_bytes + len(block.body) > BLOCK_BYTES_PER_WINDOW_MAX:
            return
        budget.blocks.add(digest)
        budget.block_bytes += len(block.body)
        self._turn.send(peer, BlockResponse(block))

    def old(self, peer: bytes, now_ms: int) -> None:
        """`peer` speaks of views long past: the newest F, and the newest certificate."""
        told = self._told_ms.get(peer)
        if told is not None and now_ms - told < OLD_INTERVAL_MS:
            return
        if len(self._told_ms) >= PEERS_MAX:
            self._told_ms.clear()
        self._told_ms[peer] = now_ms
        floor = self._known.floor
        if floor.certificate is not None:
            self._turn.send(peer, CertificateMessage(floor.certificate, floor.header))
        newest = self._known.newest()
        if newest is not None:
            header = self._known.header(newest.digest)
            self._turn.send(peer, CertificateMessage(newest, header))

    def _budget(self, peer: bytes, now_ms: int) -> _Budget:
        budget = self._budgets.get(peer)
        # A little less than the asker's own interval, whose second question must find it fresh.
        if budget is None or now_ms - budget.begun_ms >= self._config.timing.retry_ms * 3 // 4:
            if len(self._budgets) >= PEERS_MAX:
                self._budgets.clear()
            budget = self._budgets[peer] = _Budget(now_ms)
        return budget
