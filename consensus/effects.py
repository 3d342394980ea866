"""What a replica wants done, in this order. The driver does it; the replica never waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from consensus.certificates import Certificate
from consensus.header import Block, Header
from consensus.messages import Message
from consensus.votes import Vote


@dataclass(frozen=True, slots=True)
class Append:
    """Put a record at the end of the journal. It may be pruned once the floor reaches `position`
    (`journal_records.position`)."""

    record: bytes
    position: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Everything appended is durable before what follows in this list is done."""


@dataclass(frozen=True, slots=True)
class Send:
    """To one member; lost if there is no connection."""

    peer_key: bytes
    message: Message


@dataclass(frozen=True, slots=True)
class Broadcast:
    """To every other member."""

    message: Message


@dataclass(frozen=True, slots=True)
class Build:
    """Make a block for `view` on `parent` (None: on the genesis) and answer with `Built`.

    The header needs view, parent_view = parent's view (0 where the parent is the boundary that
    began this epoch), parent digest, height + 1 and time_ms = max(parent time + 1, own clock).
    Whether the block ends the epoch is the driver's to say. A `closing` one is empty, and has its
    parent's height.
    """

    view: int
    parent: Header | None
    closing: bool = False


@dataclass(frozen=True, slots=True)
class Execute:
    """Execute a block on its parent (executed before) and answer with `Executed`."""

    block: Block


@dataclass(frozen=True, slots=True)
class Commit:
    """Blocks that became final, ancestors first; the certificate finalizes the last of them. Those
    that the driver caught up with meanwhile may stand among them.

    Where the last one is the epoch's boundary, the replica has `ended`; the certificate is then its
    own, or that of the last of the `closing` headers above it. Once the boundary is on disk, with
    those and the certificate, the driver makes the next epoch's replica.
    """

    blocks: tuple[Block, ...]
    certificate: Certificate
    closing: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class CatchUp:
    """This header is final and its ancestors are not at hand: fetch the chain by height, up to
    this header and no further (the F of a newer one is not in the journal), commit it, then say
    `CaughtUp`. Asked again, perhaps with newer headers, while the gap is there. The certificate is
    the header's, or that of the last of the `closing` headers above it."""

    header: Header
    certificate: Certificate
    from_peer: bytes | None
    closing: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class Prune:
    """Journal records up to this position, but for those appended last, are not needed."""

    floor_position: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two votes that no honest member signs both."""

    first: Vote
    second: Vote


@dataclass(frozen=True, slots=True)
class StopVoting:
    """This replica only observes from now on, also after restarts: its journal lacks something
    that it signed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A broken promise: a bug, or more than f faulty. The node must stop."""

    reason: str


Effect: TypeAlias = (
    Append | Sync | Send | Broadcast | Build | Execute | Commit | CatchUp | Prune | Evidence
    | StopVoting | Stop
)  # fmt: skip
