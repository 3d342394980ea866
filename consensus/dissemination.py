"""Passing on, sending again, asking and answering: all that makes views heal.

Nothing here is needed for safety. Everything is bounded: by rate, by count, and by what the rules
ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from consensus.certificates import Certificate
from consensus.config import ReplicaConfig
from consensus.knowledge import Knowledge
from consensus.messages import (
    BlockResponse,
    CertificateMessage,
    FetchBlock,
    FetchView,
    Message,
    Proposal,
    VoteMessage,
)
from consensus.turn import Turn
from consensus.votes import FINALIZE, NOTARIZE

_Key = TypeVar("_Key")

OwnMessages = Sequence[Proposal | VoteMessage]

_RESENT_MAX = 192  # messages in one burst: certificates of a full window, then votes
_ANSWER_INTERVAL_MS = 200  # per peer, for messages of older views


class Dissemination:
    """Shares the turn and the knowledge of its replica."""

    def __init__(self, config: ReplicaConfig, turn: Turn, known: Knowledge) -> None:
        self._config = config
        self._turn = turn
        self._known = known
        self._others = tuple(
            member.voting_key
            for member in config.members.members
            if member.voting_key != config.own_key
        )
        self._shown: dict[tuple[int, int], set[bytes]] = {}
        self._deferred: list[tuple[int, Certificate]] = []
        self._asked_views: dict[tuple[int, int], int] = {}
        self._asked_blocks: dict[bytes, int] = {}
        self._answered_ms: dict[bytes, int] = {}
        self._retry_ms: int | None = None

    # -- passing on -------------------------------------------------------------------------

    def shown(self, peer: bytes, view: int, kind: int) -> None:
        """`peer` has this certificate."""
        if view > self._known.floor.view:
            self._shown.setdefault((view, kind), set()).add(peer)

    def pass_on(self, certificate: Certificate, now_ms: int) -> None:
        """To the next leader and f + 1 others at once, to the rest after Δ/2."""
        members = self._config.members
        following = members.leader(certificate.epoch, certificate.view + 1)
        first = certificate.view % max(len(self._others), 1)
        turned = self._others[first:] + self._others[:first]
        for peer in {following, *turned[: members.faults + 1]} - {self._config.own_key}:
            self._show(peer, certificate)
        if any(not self._has_shown(peer, certificate) for peer in self._others):
            due = now_ms + self._config.timing.delta_ms // 2
            self._deferred.append((due, certificate))

    def _has_shown(self, peer: bytes, certificate: Certificate) -> bool:
        return peer in self._shown.get((certificate.view, certificate.kind), ())

    def _show(self, peer: bytes, certificate: Certificate) -> None:
        if not self._has_shown(peer, certificate):
            self._turn.send(peer, self._message_of(certificate))
            self.shown(peer, certificate.view, certificate.kind)

    def _message_of(self, certificate: Certificate) -> CertificateMessage:
        return CertificateMessage(certificate, self._known.header(certificate.digest))

    # -- sending again ----------------------------------------------------------------------

    def resend(self, own: OwnMessages, now_ms: int) -> None:
        """Tell everybody where this replica stands."""
        for message in self._standing(own):
            self._turn.broadcast(message)
        self._retry_ms = now_ms + self._config.timing.retry_ms

    def resend_to(self, peer: bytes, own: OwnMessages) -> None:
        """Tell one member."""
        for message in self._standing(own):
            self._turn.send(peer, message)

    def _standing(self, own: OwnMessages) -> list[Message]:
        messages: list[Message] = []
        floor = self._known.floor
        if floor.certificate is not None:
            messages.append(CertificateMessage(floor.certificate, floor.header))
        messages += [self._message_of(c) for c in self._known.certificates()]
        messages += own
        return messages[:_RESENT_MAX]

    def end_turn(self, now_ms: int, has_duty: bool, own: Callable[[], OwnMessages]) -> None:
        """Do what time asks for: deferred certificates, and sending again while nothing moves."""
        if self._deferred and self._deferred[0][0] <= now_ms:
            due = [certificate for at, certificate in self._deferred if at <= now_ms]
            self._deferred = [entry for entry in self._deferred if entry[0] > now_ms]
            for certificate in due:
                if certificate.view >= self._known.floor.view:
                    for peer in self._others:
                        self._show(peer, certificate)
        if not has_duty:
            self._retry_ms = None
        elif self._retry_ms is None:
            self._retry_ms = now_ms + self._config.timing.retry_ms
        elif self._retry_ms <= now_ms:
            self.resend(own(), now_ms)

    def next_ms(self) -> int | None:
        """When `end_turn` has something to do."""
        times = [self._deferred[0][0]] if self._deferred else []
        if self._retry_ms is not None:
            times.append(self._retry_ms)
        return min(times, default=None)

    # -- asking -----------------------------------------------------------------------------

    def fetch_view(self, view: int, kind: int, now_ms: int, prefer: bytes | None) -> None:
        """Ask for a certificate: `prefer` first, everybody when that did not help."""
        self._ask(self._asked_views, (view, kind), FetchView(view, kind), now_ms, prefer)

    def fetch_block(self, digest: bytes, now_ms: int, prefer: bytes | None) -> None:
        """Ask for a block: `prefer` first, everybody when that did not help."""
        self._ask(self._asked_blocks, digest, FetchBlock(digest), now_ms, prefer)

    def _ask(
        self, asked: dict[_Key, int], key: _Key, message: Message, now_ms: int, prefer: bytes | None
    ) -> None:
        last = asked.get(key)
        if last is not None and now_ms - last < self._config.timing.retry_ms:
            return
        asked[key] = now_ms
        if last is None and prefer is not None and prefer != self._config.own_key:
            self._turn.send(prefer, message)
        else:
            self._turn.broadcast(message)

    def was_asked(self, digest: bytes) -> bool:
        """Whether a block with this digest is awaited."""
        return digest in self._asked_blocks

    def got_block(self, digest: bytes) -> None:
        """It came."""
        self._asked_blocks.pop(digest, None)

    # -- answering --------------------------------------------------------------------------

    def answer_view(self, peer: bytes, view: int, kind: int) -> None:
        """What is asked for, or the floor's F for what was pruned."""
        floor = self._known.floor
        if view <= floor.view:
            if floor.certificate is not None:
                self._turn.send(peer, CertificateMessage(floor.certificate, floor.header))
            return
        found = self._known.get(view, kind)
        if found is None and kind == NOTARIZE:
            found = self._known.get(view, FINALIZE)
        if found is not None:
            self._turn.send(peer, self._message_of(found))

    def answer_block(self, peer: bytes, digest: bytes) -> None:
        """The block, if it is above the floor; older ones are the driver's to answer."""
        block = self._known.blocks.get(digest)
        if block is not None:
            self._turn.send(peer, BlockResponse(block))

    def answer_old(self, peer: bytes, now_ms: int) -> None:
        """Somebody is behind: the newest certificates, at a bounded rate."""
        last = self._answered_ms.get(peer)
        if last is not None and now_ms - last < _ANSWER_INTERVAL_MS:
            return
        self._answered_ms[peer] = now_ms
        floor = self._known.floor
        if floor.certificate is not None:
            self._turn.send(peer, CertificateMessage(floor.certificate, floor.header))
        newest = self._known.certificates()
        if newest:
            self._turn.send(peer, self._message_of(newest[0]))

    def prune(self, floor_view: int, now_ms: int) -> None:
        """The floor moved: forget what is below, and begin to wait anew."""
        self._shown = {key: peers for key, peers in self._shown.items() if key[0] > floor_view}
        self._asked_views = {k: at for k, at in self._asked_views.items() if k[0] > floor_view}
        self._asked_blocks = {
            digest: at
            for digest, at in self._asked_blocks.items()
            if now_ms - at < 10 * self._config.timing.retry_ms and digest not in self._known.blocks
        }
        self._retry_ms = None
