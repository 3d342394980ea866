"""What must hold after every step, whatever was injected."""

from __future__ import annotations

from collections.abc import Callable

from consensus.certificates import Certificate, verify_certificate
from consensus.effects import Evidence
from consensus.evidence import DoubleVote
from consensus.header import Block, genesis_digest
from consensus.journal_records import position
from consensus.members import MemberSet
from consensus.messages import CertificateMessage, EpochEnd, Message, Proposal, VoteMessage
from consensus.simulation.toy_ledger import payments_in
from consensus.votes import FINALIZE, NULLIFY, Verifier, Vote
from primitives.errors import Refused

_CERTIFIED = (CertificateMessage, EpochEnd)
_VOTED = (VoteMessage, Proposal)


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
        is_change: Callable[[int], bool] = lambda number: False,
    ) -> None:
        self._network_id = network_id
        self._sets: dict[int, MemberSet] = {0: members}
        self._honest = honest
        self._verify = verify
        self._payments = payments
        self._is_change = is_change
        self._final: dict[int, Block] = {}
        self._left_out: set[int] = set()
        """Views below a final block whose blocks, if there are any, are not among its ancestors.
        Views are told by their positions, since each epoch counts its own."""
        self._certified: dict[int, bytes] = {}
        self._nullified: set[int] = set()
        self._final_views: set[int] = set()
        self._looked_at: tuple[bytes, Message | None] = b"", None
        self._signed: dict[tuple[bytes, int, int], bytes] = {}
        self._shown: set[Certificate] = set()
        self._heights: dict[bytes, int] = {}
        self._boundaries: dict[int, bytes] = {}
        """By the epoch that each began: the next set's hash in its header."""

    def sent(self, member: bytes, message: Message, is_durable: Callable[[Vote], bool]) -> None:
        """An honest member sent this: it must not contradict anything it ever signed, and it must
        be written down. What goes to all is looked at once."""
        if message is self._looked_at[1] and member == self._looked_at[0]:
            return
        self._looked_at = member, message
        if isinstance(message, _CERTIFIED):
            self._certificate(message.certificate)
        elif isinstance(message, _VOTED) and message.vote.signer == member:
            self._vote(member, message.vote)
            if not is_durable(message.vote):
                raise Violation("an honest member sent a vote that its disk may forget")

    def _vote(self, member: bytes, vote: Vote) -> None:
        at = position(vote.epoch, vote.view)
        signed = self._signed.setdefault((member, at, vote.kind), vote.digest)
        if signed != vote.digest:
            raise Violation(f"an honest member signed two votes of kind {vote.kind} in a view")
        other = {FINALIZE: NULLIFY, NULLIFY: FINALIZE}.get(vote.kind)
        if other is not None and (member, at, other) in self._signed:
            raise Violation("an honest member signed FINALIZE and NULLIFY of one view")
        if vote.epoch in self._sets and member not in self._sets[vote.epoch].index:
            raise Violation("an honest member voted in an epoch that it is no member of")

    def _certificate(self, certificate: Certificate) -> None:
        if certificate in self._shown:
            return
        self._shown.add(certificate)
        members = self._sets.get(certificate.epoch)
        if members is not None:
            try:
                verify_certificate(certificate, members, self._network_id, self._verify)
            except Refused as refusal:
                raise Violation(f"an honest member passed on a false certificate: {refusal}") from (
                    refusal
                )
        at = position(certificate.epoch, certificate.view)
        if certificate.kind == NULLIFY:
            self._nullified.add(at)
        else:
            self._one_digest(at, certificate.digest)
        if certificate.kind == FINALIZE:
            self._final_views.add(at)
        if at in self._nullified and at in self._final_views:
            raise Violation(f"view {certificate.view} is final and nullified")
        self._nothing_undone()

    def began(self, epoch: int, members: MemberSet) -> None:
        """An honest host is in this epoch, with these members: all must name the same ones, and
        the boundary that commits to them must be final."""
        if self._sets.setdefault(epoch, members).hash() != members.hash():
            raise Violation(f"two member sets in epoch {epoch}")
        if epoch and self._boundaries.get(epoch) != members.hash():
            raise Violation(f"epoch {epoch} began, and no boundary that names its set is final")

    def _one_digest(self, at: int, digest: bytes) -> None:
        if self._certified.setdefault(at, digest) != digest:
            raise Violation(f"two digests are certified in view {at}")

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
        if below is not None:
            ended = below.header.next_set_hash is not None
            if header.epoch != below.header.epoch + ended:
                raise Violation(f"the block at height {header.height} is of a wrong epoch")
        if header.closing:
            raise Violation("a closing block is in the chain")
        if not all(
            0 <= number < self._payments or self._is_change(number)
            for number in payments_in(block.body)
        ):
            raise Violation(f"nobody made a payment that is final at height {header.height}")
        self._final[header.height] = block
        if header.next_set_hash is not None:
            self._boundaries[header.epoch + 1] = header.next_set_hash
        self._one_digest(position(header.epoch, header.view), header.digest)
        between = range(header.parent_view + 1, header.view)
        self._left_out.update(position(header.epoch, view) for view in between)
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
        members = self._sets[evidence.first.epoch]
        try:
            shown.check(self._network_id, members.index, self._verify)
        except Refused as refusal:
            raise Violation(f"evidence that proves nothing: {refusal}") from refusal

    def stopped(self, reason: str) -> None:
        """An honest member stopped itself."""
        raise Violation(f"an honest member stopped: {reason}")

    @property
    def height(self) -> int:
        """The highest final height."""
        return max(self._final, default=0)
