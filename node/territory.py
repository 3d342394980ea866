"""One territory's node: the only door between the HTTP API and everything behind it.

All methods are called on the event loop's thread. Nothing here keeps a payment in a task or a
future of its own: submissions are gathered per turn of the loop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from consensus.header import Header
from ledger.genesis import Genesis
from ledger.objects import Account
from node.answers import (
    CertifiedHeader,
    FinalBlock,
    HistoryPage,
    LaneStatus,
    NodeStatus,
    ObjectWithProof,
    Submission,
    TransactionStatus,
)
from primitives.signatures import SigningKey


@dataclass(frozen=True, slots=True)
class TransportIdentity:
    """This node's TLS key and certificate, as `peers.certificates.make_transport` made them."""

    key_pem: bytes
    certificate_pem: bytes


@dataclass(frozen=True, slots=True)
class TerritoryOptions:
    """What a territory's node is started with.

    `peer_bind` None listens on the genesis's own `peer` address. `peer_addresses` overrides where
    other members (by voting key) are looked for. `observe_only` follows without voting.
    `data_of_other_network` and friends are refused by `start`.
    """

    journal_folder: Path
    store_folder: Path
    store_kind: str
    genesis: Genesis
    engine: str
    voting_key: SigningKey
    transport: TransportIdentity
    peer_bind: tuple[str, int] | None = None
    peer_addresses: dict[bytes, tuple[str, int]] | None = None
    observe_only: bool = False


def create_data(journal_folder: Path, store_folder: Path, store_kind: str) -> None:
    """Make an empty journal and store that belong together; `node init` calls this once.

    A node whose journal is not the one made here only observes.
    """
    raise NotImplementedError


class TerritoryNode:
    """See the module's docstring. `start` raises Refused (`journal_corrupt`, `state_root_differs`,
    `data_of_other_network`, `store_of_other_kind`, `port_in_use`) and leaves nothing open then."""

    def __init__(self, options: TerritoryOptions) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Open the data, rebuild and check the state, listen, and begin to take part."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Close everything in order; what was accepted and not final is gone, as after a crash."""
        raise NotImplementedError

    async def wait_stopped(self) -> str | None:
        """Until the node stopped: None after `stop`, else the reason it stopped itself."""
        raise NotImplementedError

    async def wait_ready(self) -> None:
        """Until `status().ready`."""
        raise NotImplementedError

    # -- transactions in ---------------------------------------------------------------------

    def submit(self, raw: bytes, on_done: Callable[[Submission], None]) -> None:
        """Hand in one transaction's bytes; `on_done` is called once, in a later turn of the loop.

        The fast way for sockets: no task, no future, verified in a group with its neighbours.
        """
        raise NotImplementedError

    async def submit_many(self, raws: Sequence[bytes]) -> list[Submission]:
        """Hand in several; answers in the same order."""
        raise NotImplementedError

    # -- what became final -------------------------------------------------------------------

    def on_final(self, callback: Callable[[FinalBlock], None]) -> Callable[[], None]:
        """Call back for every block once it is final and on disk; returns the way to stop that."""
        raise NotImplementedError

    async def wait_final(self, transaction_id: bytes, timeout_ms: int) -> TransactionStatus:
        """The status once final or refused, or as it stands when the time is over."""
        raise NotImplementedError

    # -- reads, all as of what is final -------------------------------------------------------

    @property
    def latest_final_height(self) -> int:
        """0 before the first block."""
        raise NotImplementedError

    def certified(self, height: int | None = None) -> CertifiedHeader | None:
        """The final header at a height (None: the newest), or None if there is none."""
        raise NotImplementedError

    def account(self, account_id: bytes) -> Account | None:
        """The account as of the newest final block, without proof (for entitlements)."""
        raise NotImplementedError

    def account_with_proof(
        self, account_id: bytes, height: int | None = None
    ) -> ObjectWithProof | None:
        """Proved against the header at `height` (None: the newest); None if that can't be proved
        here any more (older than the last 64 blocks), or no block is final yet."""
        raise NotImplementedError

    def currency_with_proof(self, code: str) -> ObjectWithProof | None:
        """A currency's totals object, or its absence, against the newest final header."""
        raise NotImplementedError

    def transaction_status(self, transaction_id: bytes) -> TransactionStatus:
        """Where it stands; with proofs when final."""
        raise NotImplementedError

    def transaction_raw(self, transaction_id: bytes) -> bytes | None:
        """The signed bytes, of a final or pending transaction."""
        raise NotImplementedError

    def transaction_accounts(self, transaction_id: bytes) -> frozenset[bytes]:
        """The accounts a final or pending transaction concerns (who may read it)."""
        raise NotImplementedError

    def inclusion_proof(self, transaction_id: bytes) -> bytes | None:
        """Encoded, under the transaction root of the header at its height."""
        raise NotImplementedError

    def receipt_proof(self, number: int) -> tuple[bytes, int] | None:
        """(encoded receipt proof, height of the header whose state root it leads to)."""
        raise NotImplementedError

    def history(self, account_id: bytes, before: int | None, limit: int) -> HistoryPage:
        """Final transactions of an account with receipt numbers below `before`, newest first."""
        raise NotImplementedError

    def lane(self, account_id: bytes, device: bytes, number: int) -> LaneStatus:
        """What a number of a device's lane was used for."""
        raise NotImplementedError

    # -- the node itself ----------------------------------------------------------------------

    def status(self) -> NodeStatus:
        """For `node status` and health."""
        raise NotImplementedError

    def counters(self) -> dict[str, float]:
        """Monotonic counters and gauges by plain name, for metrics."""
        raise NotImplementedError

    def header_before(self, header: Header) -> Header | None:
        """The final parent header, for callers that walk back."""
        raise NotImplementedError
