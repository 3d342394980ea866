"""What a territory's node answers: the plain types between `node.territory` and the HTTP API.

Bytes are bytes, amounts are minor units, times are milliseconds since 1970. Proofs are in their
wire form (`docs/protocol.md` §3), ready to be sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from consensus.certificates import Certificate
from consensus.cometbft.certified import CertifiedHeader as CometCertifiedHeader
from consensus.header import Header
from primitives.errors import Refused

SubmissionState = Literal["accepted", "known", "refused", "busy"]
TransactionState = Literal["final", "pending", "refused", "unknown"]
LaneState = Literal["free", "pending", "final", "unknown"]


class Submission(NamedTuple):
    """What became of one transaction handed in.

    `id` is over the bytes as they came, also for bytes that are no transaction. `refusal` is
    present for `refused` (the rule's code) and `busy` (`mempool_full`, try again in a second).
    `known` means held already, or final already.
    """

    id: bytes
    state: SubmissionState
    refusal: Refused | None = None


@dataclass(frozen=True, slots=True)
class CertifiedHeader:
    """A final header: `certificate` finalizes the last of `between`, or `header` if there is none.

    `between` holds the headers after this one, ascending, each the parent of the next.
    """

    height: int
    header: Header
    certificate: Certificate
    between: tuple[Header, ...] = ()


FinalHeader = CertifiedHeader | CometCertifiedHeader
"""Either engine's."""


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """One block that became final and is on disk."""

    height: int
    certified: FinalHeader
    transaction_ids: tuple[bytes, ...]
    first_number: int
    touched: Mapping[bytes, tuple[int, ...]]
    """Account id to the positions in `transaction_ids` that concern it."""


@dataclass(frozen=True, slots=True)
class ObjectWithProof:
    """An object of the state, or its absence, proved against the header at `header_height`.

    `raw` is None for absence; `proof` is the encoded state proof or absence proof.
    """

    raw: bytes | None
    proof: bytes
    header_height: int


@dataclass(frozen=True, slots=True)
class TransactionStatus:
    """Where a transaction stands. `code` only for `refused`; the proofs only for `final`.

    `receipt` is None while no final header's state root holds this transaction yet; `height` and
    `inclusion` are None where the block is kept no longer.
    """

    id: bytes
    state: TransactionState
    code: str | None = None
    height: int | None = None
    number: int | None = None
    inclusion: bytes | None = None
    receipt: bytes | None = None
    receipt_height: int | None = None


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """What a device's number was used for, as of the final header at `header_height`.

    `final` without `id` means used too long ago for its transaction to be looked up by number;
    `unknown`, that it is no longer usable and that this node's blocks do not reach back so far.
    """

    state: LaneState
    header_height: int
    header_time_ms: int
    id: bytes | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One final transaction of an account's history.

    `amount_minor` is signed as this account saw it (negative when money left it); `time_ms` is its
    block's. `counterparty` is an account id, or None when there is none or are many.
    """

    number: int
    id: bytes
    height: int
    kind: str
    time_ms: int
    amount_minor: int
    counterparty: bytes | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class BlocksKept:
    """The oldest block that this node keeps, and its time; 0 before the first block."""

    first_height: int
    first_time_ms: int


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Newest first. `next_before` continues the listing, None at its end. `cut` where there is, or
    may have been, more in blocks that this node keeps no longer: where its blocks begin."""

    items: tuple[HistoryItem, ...]
    next_before: int | None
    cut: BlocksKept | None = None


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """One other node: whether it is connected now, and where we look for it. An observer has no
    vote."""

    voting_key: bytes
    prefix: str
    address: str
    connected: bool
    is_observer: bool = False


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """The node at one glance. `observing` means it follows but never votes; `members` are those of
    the present epoch. `rule_version_unknown` was voted or is proposed, and this program does not
    know it."""

    network_id: bytes
    engine: str
    epoch: int
    height: int
    view: int
    state_root: bytes
    header_time_ms: int
    peers: tuple[PeerStatus, ...]
    mempool_transactions: int
    mempool_bytes: int
    ready: bool
    observing: bool
    observing_reason: str | None
    catching_up: bool
    members: int
    epoch_ends_ms: int
    rule_version: int
    rule_version_unknown: int | None
    first_height: int
    """The oldest block that is kept."""
    keep_days: int | None
    """How long blocks are kept; None for ever."""
    missing_height: int | None
    """The block that a node with the full history needs, and that nobody connected keeps."""
