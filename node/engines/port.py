"""What a territory's node asks of an engine and the parts that it drives, whichever it is.

Two answer to it: `node.engines.simplex_node` and `node.engines.cometbft.comet_node`. What became
final they tell through `Told`, in order, once it is on disk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from consensus.cometbft.certified import SetChange
from consensus.evidence import DoubleVote
from node.answers import FinalBlock, FinalHeader, NodeStatus
from node.chain import Chain
from node.epoch_book import EpochBook
from node.executor import Executor
from node.intake import Intake
from node.key_ring import NodeKeys
from node.reads import Reads
from primitives.errors import Refused


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what. `on_settled`: ids that are final now, or refused; `on_final`: a block with
    what makes it final, perhaps a little later; `on_synced`: another store took the place of this
    one's, so that all begins anew; `on_fatal`: why the node must stop."""

    on_settled: Callable[[Sequence[bytes]], None]
    on_final: Callable[[FinalBlock], None]
    on_synced: Callable[[], None]
    on_fatal: Callable[[str | Refused], None]


@dataclass(frozen=True, slots=True)
class NewcomerTold:
    """Who is told what by a node that takes a snapshot. `on_synced`: a store waits to be taken
    over; `on_none`: no snapshot could be had; `on_fatal`: why the node can't go on."""

    on_synced: Callable[[], None]
    on_none: Callable[[], None]
    on_fatal: Callable[[str | Refused], None]


class WithoutState(Protocol):
    """A node that has no state yet, and is getting one."""

    async def start(self) -> None:
        """Begin. Raises `Refused`; everything is closed then."""

    async def stop(self) -> None:
        """Leave it, and close the data."""


class EngineNode(Protocol):
    """See the module's docstring."""

    chain: Chain
    executor: Executor
    epochs: EpochBook
    intake: Intake
    reads: Reads
    peer_port: int
    """The port that members are listened to on."""

    async def start(self) -> None:
        """Listen and begin to take part. Raises `Refused`; everything is closed then."""

    async def stop(self) -> None:
        """Take part no more, let what is being written finish, and close the data."""

    def check(self, raw: bytes) -> None:
        """Whether these bytes would apply on the newest state. Raises `Refused`."""

    def is_current(self) -> bool:
        """Whether this node's state is the network's, as far as enough members say."""

    def is_ready(self) -> bool:
        """Whether it is, and enough members are connected."""

    async def certified(self, height: int | None) -> FinalHeader | None:
        """The final header at a height (None: the newest) with what makes it final, or None."""

    def set_changes(self, above: int) -> list[SetChange]:
        """See `TerritoryNode.set_changes`."""

    def epoch_proofs(self, first: int) -> bytes:
        """See `TerritoryNode.epoch_proofs`."""

    def snapshot_heights(self) -> list[int]:
        """See `TerritoryNode.snapshot_heights`."""

    def status(self) -> NodeStatus:
        """For `node status` and health."""

    def counters(self) -> dict[str, float]:
        """Monotonic counters and gauges by plain name, for metrics."""

    def double_votes(self) -> list[DoubleVote]:
        """Double votes that this node has seen, in our own form, by member and view."""

    def renew_keys(self, current: NodeKeys, pending: NodeKeys | None) -> None:
        """The keys on disk are these now. Refuses `keystore_malformed`."""
