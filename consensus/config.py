"""What a replica is told once, at its start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from consensus.certificates import Certificate
from consensus.header import Header, genesis_digest
from consensus.members import MemberSet
from consensus.votes import Signer, Verifier


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations and windows, from the genesis but for the pace, which binds nobody but the leader.
    No rule of safety depends on any of them."""

    delta_ms: int = 500
    delta_max_ms: int = 30_000
    retry_ms: int = 1_000
    silent_ms: int = 10_000
    heartbeat_ms: int = 60_000
    clock_drift_ms_max: int = 10_000
    view_window: int = 64
    candidates_max: int = 16
    pace_ms: int = 20
    """A leader lets so much time pass after its vote for the block before, at most Δ/8,"""
    pace_microseconds_per_transaction: int = 125
    """and so much more for each transaction in that block: about what members need for one."""

    def pace_after_ms(self, transactions_count: int, *, is_behind: bool) -> int:
        """How long a block with so many transactions stands alone: at most Δ/2, and that while the
        next leader is behind with looking at what comes."""
        if is_behind:
            return self.delta_ms // 2
        pace_ms = min(self.pace_ms, self.delta_ms // 8)
        work_ms = transactions_count * self.pace_microseconds_per_transaction // 1000
        return min(pace_ms + work_ms, self.delta_ms // 2)


@dataclass(frozen=True, slots=True)
class Final:
    """The floor: a final block. For the genesis block there is neither header nor certificate; for
    the boundary that began this epoch no certificate, since it is one of the epoch before."""

    digest: bytes
    view: int
    height: int
    time_ms: int
    header: Header | None = None
    certificate: Certificate | None = None

    @staticmethod
    def genesis(network_id: bytes, time_ms: int) -> Final:
        """The floor of a network without blocks."""
        return Final(genesis_digest(network_id), 0, 0, time_ms)

    @staticmethod
    def boundary(header: Header) -> Final:
        """The floor at the beginning of an epoch: its view 0 is the block that ended the one
        before, which must be final and on disk."""
        return Final(header.digest, 0, header.height, header.time_ms, header)

    @staticmethod
    def of(header: Header, certificate: Certificate) -> Final:
        """The floor at a block with its certificate."""
        return Final(header.digest, header.view, header.height, header.time_ms, header, certificate)


@dataclass(frozen=True, slots=True)
class ReplicaConfig:
    """`own_key` is this member's voting key; with `observe_only`, or for a key that is not in the
    set, it follows and never signs; nor in epochs below `observe_until_epoch`, for a member that
    lost its journal. `members` and `rule_version` are the epoch's. `floor` is the newest block that
    the chain has committed. `ends_ms` (Unix time) is when the epoch's end is due.
    `body_matches` says whether a body is the one that a header commits to."""

    network_id: bytes
    members: MemberSet
    own_key: bytes
    signer: Signer
    verify: Verifier
    body_matches: Callable[[Header, bytes], bool]
    floor: Final
    timing: Timing = Timing()
    epoch: int = 0
    rule_version: int = 1
    ends_ms: int | None = None
    observe_only: bool = False
    observe_until_epoch: int = 0
