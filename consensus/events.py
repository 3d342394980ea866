"""What happens to a replica. Time comes beside each event, never from a clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from consensus.certificates import Certificate
from consensus.header import Block, Header
from consensus.messages import Message


@dataclass(frozen=True, slots=True)
class Started:
    """The first event: recovery is over, peers may be there."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from an authenticated peer."""

    peer_key: bytes
    message: Message


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """A connection to a member is new."""

    peer_key: bytes


@dataclass(frozen=True, slots=True)
class WorkChanged:
    """Whether the mempool holds a transaction that could go into a block; and whether more comes
    than this member can look at in time, so that fewer and fuller blocks help everybody."""

    has_work: bool
    is_behind: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """The answer to `Build`: a block for that view, or None if there is nothing to propose now."""

    view: int
    block: Block | None


@dataclass(frozen=True, slots=True)
class Executed:
    """The answer to `Execute`: whether every transaction applies and the roots are right."""

    digest: bytes
    sound: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The driver brought the chain up to this final header by height; as `CatchUp` asked."""

    header: Header
    certificate: Certificate
    closing: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed: `next_deadline_ms` is reached."""


Event: TypeAlias = (
    Started | Received | PeerConnected | WorkChanged | Built | Executed | CaughtUp | Tick
)
