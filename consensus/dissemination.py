"""Passing certificates on, and saying again where this replica stands.

Nothing here is needed for safety; it is what makes views heal. Everything is bounded: certificates
are passed on once, and standing is told at most every `retry_ms`, within `STANDING_BYTES_MAX`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

from consensus.certificates import Certificate
from consensus.config import ReplicaConfig
from consensus.knowledge import Knowledge
from consensus.messages import (
    CertificateMessage,
    EpochEnd,
    FetchView,
    Message,
    Proposal,
    VoteMessage,
)
from consensus.turn import Turn

OwnMessages = Sequence[Proposal | VoteMessage]

STANDING_BYTES_MAX = 256 << 10
"""How much is told at a time, newest views first. One proposal may stand beyond that."""

_VOTE_BYTES = 256
_HEADER_BYTES = 320


class Dissemination:
    """Shares the turn and the knowledge of its replica."""

    __slots__ = (
        "_config", "_deferred", "_greeted_ms", "_greetings", "_known", "_others", "_retry_ms",
        "_shown", "_turn",
    )  # fmt: skip

    def __init__(self, config: ReplicaConfig, turn: Turn, known: Knowledge) -> None:
        self._config = config
        self._turn = turn
        self._known = known
        self._others = tuple(key for key in config.members.index if key != config.own_key)
        self._shown: dict[tuple[int, int], set[bytes]] = {}
        self._deferred: list[tuple[int, Certificate]] = []
        self._greeted_ms: dict[bytes, int] = {}
        self._greetings: dict[bytes, int] = {}
        self._retry_ms: int | None = None

    # -- passing on -------------------------------------------------------------------------

    def shown(self, peer: bytes, view: int, kind: int) -> None:
        """`peer` has this certificate."""
        if view >= self._known.floor.view and peer in self._config.members.index:
            self._shown.setdefault((view, kind), set()).add(peer)

    def pass_on(self, certificate: Certificate, now_ms: int) -> None:
        """To the next leader and f + 1 others at once, to the rest after Δ/2."""
        members = self._config.members
        following = members.leader(certificate.epoch, certificate.view + 1)
        first = certificate.view % max(len(self._others), 1)
        turned = self._others[first:] + self._others[:first]
        chosen = dict.fromkeys((following, *turned[: members.faults + 1]))
        chosen.pop(self._config.own_key, None)
        self._show(chosen, certificate)
        if any(not self._has_shown(peer, certificate) for peer in self._others):
            self._deferred.append((now_ms + self._config.timing.delta_ms // 2, certificate))

    def tell_end(self, end: EpochEnd) -> None:
        """The epoch is over, and this replica says nothing after this: whoever has not shown the
        certificate is told at once."""
        for peer in self._others:
            if not self._has_shown(peer, end.certificate):
                self._turn.send(peer, end)

    def _has_shown(self, peer: bytes, certificate: Certificate) -> bool:
        return peer in self._shown.get((certificate.view, certificate.kind), ())

    def _show(self, peers: Iterable[bytes], certificate: Certificate) -> None:
        lacking = [peer for peer in peers if not self._has_shown(peer, certificate)]
        if lacking:
            message = self._message_of(certificate)
            for peer in lacking:
                self._turn.send(peer, message)
                self.shown(peer, certificate.view, certificate.kind)

    def _message_of(self, certificate: Certificate) -> CertificateMessage:
        return CertificateMessage(certificate, self._known.header(certificate.digest))

    # -- standing ---------------------------------------------------------------------------

    def tell_all(self, own: OwnMessages, now_ms: int) -> None:
        """Tell everybody where this replica stands."""
        for message in self._standing(own):
            self._turn.broadcast(message)
        self._retry_ms = now_ms + self._config.timing.retry_ms

    def _ask_if_mute(self, own: OwnMessages) -> None:
        """Who signs nothing, and knows nothing of this epoch yet, has nothing to say that others
        would answer; so it asks."""
        floor = self._known.floor
        if not own and floor.certificate is None and self._known.newest() is None:
            self._turn.broadcast(FetchView(self._config.epoch, floor.view + 1, 0))

    def greet(self, peer: bytes, now_ms: int) -> None:
        """A connection is new: tell that member too, soon after if it was told just now."""
        if peer in self._config.members.index and peer != self._config.own_key:
            earliest = self._greeted_ms.get(peer, now_ms - self._config.timing.retry_ms)
            self._greetings[peer] = max(now_ms, earliest + self._config.timing.retry_ms)

    def _standing(self, own: OwnMessages) -> list[Message]:
        """F(floor), then own votes and certificates, newest view first: what moves things on must
        never be crowded out by what is old."""
        entries: list[tuple[int, int, Message]] = [(m.vote.view, 1, m) for m in own]
        entries += [(c.view, 0, self._message_of(c)) for c in self._known.certificates()]
        entries.sort(key=lambda entry: entry[:2], reverse=True)
        floor = self._known.floor
        messages: list[Message] = []
        if floor.certificate is not None:
            messages.append(CertificateMessage(floor.certificate, floor.header))
        bytes_left = STANDING_BYTES_MAX
        for _, _, message in entries:
            bytes_left -= self._bytes_of(message)
            if bytes_left < 0:
                break
            messages.append(message)
        return messages

    def _bytes_of(self, message: Message) -> int:
        if isinstance(message, CertificateMessage):
            return _HEADER_BYTES + 68 * len(message.certificate.signatures)
        return _VOTE_BYTES

    # -- time -------------------------------------------------------------------------------

    def end_turn(self, now_ms: int, has_duty: bool, own: Callable[[], OwnMessages]) -> None:
        """Do what time asks for: deferred certificates, greetings, and standing while nothing
        moves."""
        self._show_deferred(now_ms)
        if not has_duty:
            self._retry_ms = None
        elif self._retry_ms is None:
            self._retry_ms = now_ms + self._config.timing.retry_ms
        elif self._retry_ms <= now_ms:
            self.tell_all(own(), now_ms)
            self._ask_if_mute(own())
        if not self._greetings:
            return
        for peer in [peer for peer, due_ms in self._greetings.items() if due_ms <= now_ms]:
            del self._greetings[peer]
            self._greeted_ms[peer] = now_ms
            for message in self._standing(own()):
                self._turn.send(peer, message)

    def _show_deferred(self, now_ms: int) -> None:
        if not self._deferred or self._deferred[0][0] > now_ms:
            return
        due = list(takewhile(lambda entry: entry[0] <= now_ms, self._deferred))
        del self._deferred[: len(due)]
        for _, certificate in due:
            if certificate.view >= self._known.floor.view:
                self._show(self._others, certificate)

    def next_ms(self) -> int | None:
        """When `end_turn` has something to do."""
        times = [*self._greetings.values()] if self._greetings else []
        if self._deferred:
            times.append(self._deferred[0][0])
        if self._retry_ms is not None:
            times.append(self._retry_ms)
        return min(times) if times else None

    def prune(self, floor_view: int) -> None:
        """The floor moved: forget what is below, and begin to wait anew."""
        self._shown = {key: peers for key, peers in self._shown.items() if key[0] >= floor_view}
        self._deferred = [entry for entry in self._deferred if entry[1].view >= floor_view]
        self._retry_ms = None
