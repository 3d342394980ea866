"""What must hold after every step, whatever was injected."""

from __future__ import annotations

from collections.abc import Callable

from consensus.effects import Evidence
from consensus.evidence import DoubleVote
from consensus.header import Block, genesis_digest
from consensus.members import MemberSet
from consensus.messages import CertificateMessage, Message, Proposal, VoteMessage
from consensus.simulation.toy_ledger import payments_in
from consensus.votes import FINALIZE, NULLIFY, Verifier, Vote
from primitives.errors import Refused


class Violation(Exception):
    """A promise was broken in this run."""


class Checkers:
    """Sees everything that honest members send and commit, across their restarts.

    `payments` is how many are made in this run: they are numbered from 0.
    """

    def __init__(
        self,
        network_id: bytes,
        members: MemberSet,
        honest: frozenset[bytes],
        verify: Verifier,
        payments: int,
    ) -> None:
        self._network_id = network_id
        self._members = members
        self._honest = honest
        self._verify = verify
        self._payments = payments
        self._final: dict[int, Block] = {}
        self._left_out: set[int] = set()
        """Views below a final block whose blocks, if there are any, are not among its ancestors."""
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
            self._one_digest(certificate.view, certificate.digest)
        if certificate.kind == FINALIZE:
            self._final_views.add(certificate.view)
        if certificate.view in self._nullified & self._final_views:
            raise Violation(f"view {certificate.view} is final and nullified")
        self._nothing_undone()

    def _one_digest(self, view: int, digest: bytes) -> None:
        if self._certified.setdefault(view, digest) != digest:
            raise Violation(f"two digests are certified in view {view}")

    def _nothing_undone(self) -> None:
        undone = self._final_views & self._left_out
        if undone:
            raise Violation(f"what was final in view {min(undone)} is not in the chain")

    def committed(self, member: bytes, block: Block, *, sound: bool) -> None:
        """An honest member committed this block on top of its chain."""
        height = block.header.height
        if not sound:
            raise Violation(f"a block that does not hold is final at height {height}")
        if height != self._heights.get(member, 0) + 1:
            raise Violation(f"committed height {height} after {self._heights.get(member, 0)}")
        self._heights[member] = height
        standing = self._final.get(height)
        if standing is None:
            self._first(block)
        elif standing.digest != block.digest:
            raise Violation(f"two blocks are final at height {height}")

    def _first(self, block: Block) -> None:
        """Nobody committed this height before."""
        header = block.header
        below = self._final.get(header.height - 1)
        parent = genesis_digest(self._network_id) if below is None else below.digest
        if header.parent_digest != parent or (below and header.time_ms <= below.header.time_ms):
            raise Violation(f"the block at height {header.height} does not follow its parent")
        if not all(0 <= number < self._payments for number in payments_in(block.body)):
            raise Violation(f"nobody made a payment that is final at height {header.height}")
        self._final[header.height] = block
        self._one_digest(header.view, header.digest)
        self._left_out.update(range(header.parent_view + 1, header.view))
        self._nothing_undone()

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
        """Evidence came up: its signer must be guilty, and whoever has the genesis must see it."""
        if {evidence.first.signer, evidence.second.signer} & self._honest:
            raise Violation("evidence against an honest member")
        shown = DoubleVote(self._network_id, evidence.first, evidence.second)
        try:
            shown.check(self._network_id, self._members.index, self._verify)
        except Refused as refusal:
            raise Violation(f"evidence that proves nothing: {refusal}") from refusal

    def stopped(self, reason: str) -> None:
        """An honest member stopped itself."""
        raise Violation(f"an honest member stopped: {reason}")

    @property
    def height(self) -> int:
        """The highest final height."""
        return max(self._final, default=0)
