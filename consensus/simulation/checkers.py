"""What must hold after every step, whatever was injected."""

from __future__ import annotations

from collections.abc import Callable

from consensus.effects import Evidence
from consensus.header import Block
from consensus.messages import CertificateMessage, Message, Proposal, VoteMessage
from consensus.votes import FINALIZE, NOTARIZE, NULLIFY, Vote


class Violation(Exception):
    """A promise was broken in this run."""


class Checkers:
    """Sees everything that honest members send and commit, across their restarts."""

    def __init__(self, honest: frozenset[bytes]) -> None:
        self._honest = honest
        self._final: dict[int, Block] = {}
        self._certified: dict[int, bytes] = {}
        self._nullified: set[int] = set()
        self._final_views: set[int] = set()
        self._signed: dict[tuple[bytes, int, int], bytes] = {}
        self._heights: dict[bytes, int] = {}

    def sent(self, member: bytes, message: Message, is_durable: Callable[[Vote], bool]) -> None:
        """An honest member sent this: it must not contradict anything it ever signed, and it must
        be written down."""
        if isinstance(message, CertificateMessage):
            self._certificate(message)
        elif isinstance(message, Proposal | VoteMessage) and message.vote.signer == member:
            self._vote(member, message.vote)
            if not is_durable(message.vote):
                raise Violation("an honest member sent a vote that its disk may forget")

    def _vote(self, member: bytes, vote: Vote) -> None:
        signed = self._signed.setdefault((member, vote.view, vote.kind), vote.digest)
        if signed != vote.digest:
            raise Violation(f"an honest member signed two votes of kind {vote.kind} in a view")
        other = {FINALIZE: NULLIFY, NULLIFY: FINALIZE}.get(vote.kind)
        if other is not None and (member, vote.view, other) in self._signed:
            raise Violation("an honest member signed FINALIZE and NULLIFY of one view")

    def _certificate(self, message: CertificateMessage) -> None:
        certificate = message.certificate
        if certificate.kind == NULLIFY:
            self._nullified.add(certificate.view)
        else:
            known = self._certified.setdefault(certificate.view, certificate.digest)
            if known != certificate.digest:
                raise Violation(f"two digests are certified in view {certificate.view}")
        if certificate.kind == FINALIZE:
            self._final_views.add(certificate.view)
        if certificate.view in self._nullified & self._final_views:
            raise Violation(f"view {certificate.view} is final and nullified")

    def committed(self, member: bytes, block: Block, *, sound: bool) -> None:
        """An honest member committed this block on top of its chain."""
        height = block.header.height
        if not sound:
            raise Violation(f"a block that does not hold is final at height {height}")
        if height != self._heights.get(member, 0) + 1:
            raise Violation(f"committed height {height} after {self._heights.get(member, 0)}")
        self._heights[member] = height
        standing = self._final.setdefault(height, block)
        if standing.digest != block.digest:
            raise Violation(f"two blocks are final at height {height}")

    def restarted(self, member: bytes, height: int) -> None:
        """A member came back with a chain of this height."""
        self._heights[member] = height

    def chain_ahead(self) -> None:
        """An honest member commits what its journal may forget."""
        raise Violation("a block was committed before its F was durable")

    def busy(self) -> None:
        """An honest member waits for what is past already, so it would spin."""
        raise Violation("a deadline is not ahead")

    def votes_after_loss(self) -> None:
        """An honest member whose journal was set back did not notice."""
        raise Violation("a member with an old copy of its journal would vote")

    def accused(self, evidence: Evidence) -> None:
        """Evidence came up: its signer must be guilty, and it must be evidence."""
        first, second = evidence.first, evidence.second
        if first.signer in self._honest or first.signer != second.signer:
            raise Violation("evidence against an honest member")
        differs = first.kind == second.kind != NULLIFY and first.digest != second.digest
        if not differs and {first.kind, second.kind} != {FINALIZE, NULLIFY}:
            raise Violation("evidence of nothing forbidden")
        if first.view != second.view or (NOTARIZE in (first.kind, second.kind) and not differs):
            raise Violation("evidence of nothing forbidden")

    def stopped(self, reason: str) -> None:
        """An honest member stopped itself."""
        raise Violation(f"an honest member stopped: {reason}")

    @property
    def height(self) -> int:
        """The highest final height."""
        return max(self._final, default=0)
