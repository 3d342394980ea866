"""What a territory's node is started with, and the empty data that it starts from."""

from dataclasses import dataclass, field
from pathlib import Path

from ledger.founders import Territory
from ledger.genesis import Genesis
from node.addresses import parse_host_port
from node.chain_beginnings import mark_store
from node.comet_keys import CometKeys
from node.data_folder import COMETBFT_FOLDER, OBSERVERS_FOLDER, SIGNED_LAST_FILE
from node.evidence_book import EVIDENCE_FOLDER
from node.journal import create_journal
from node.key_ring import KeyRing, NodeKeys, TransportIdentity
from node.mempool import MempoolBounds
from node.retention import RETENTION_FILE
from node.snapshots.shelf import SNAPSHOT_MS
from node.store import open_store
from node.tree_images import TreeImages
from primitives.errors import Refused
from primitives.signatures import SigningKey

SYNC_BEHIND_BLOCKS = 1_000
"""About a day of an idle network: fetching and executing these takes seconds."""


@dataclass(frozen=True, slots=True)
class TerritoryOptions:
    """What a territory's node is started with.

    `peer_bind` None listens on the genesis's own `peer` address. `peer_addresses` overrides where
    other members (by voting key) are looked for. `observe_only` follows without voting.
    `join_from` is where some member is, whichever. An empty node that is more than
    `sync_behind_blocks` behind begins with a snapshot, unless it is to have the `full_history`; one
    is made every `snapshot_ms` of block time. `checkpoint` is an epoch and the digest of the block
    that it begins above, as the operator heard from somebody trusted.
    `key_ring` holds, beside the two keys given, those that are to take their place.
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
    join_from: tuple[str, int] | None = None
    snapshot_ms: int = SNAPSHOT_MS
    sync_behind_blocks: int = SYNC_BEHIND_BLOCKS
    full_history: bool = False
    checkpoint: tuple[int, bytes] | None = None
    mempool_bounds: MempoolBounds = field(default_factory=MempoolBounds)
    key_ring: KeyRing | None = None
    cometbft_key: SigningKey | None = None
    """The voting key of the other engine, where that is the one."""
    comet_keys: CometKeys | None = None
    """That key, and the one that is to take its place."""

    def keys(self) -> KeyRing:
        """The key ring; one with the two keys alone where none was given."""
        return self.key_ring or KeyRing(NodeKeys(self.voting_key, self.transport))

    def keys_for_cometbft(self) -> CometKeys:
        """Those; the key alone where no more was given. Raises `Refused("engine_keys_missing")`."""
        if self.comet_keys is not None:
            return self.comet_keys
        if self.cometbft_key is None:
            raise Refused("engine_keys_missing", "this node has no voting key for CometBFT")
        return CometKeys(self.cometbft_key)

    @property
    def snapshots_folder(self) -> Path:
        """Where snapshots for others are kept."""
        return self.store_folder.with_name("snapshots")

    @property
    def cometbft_folder(self) -> Path:
        """Where CometBFT's own files are, if it is the engine."""
        return self.journal_folder.with_name(COMETBFT_FOLDER)

    @property
    def signed_last_file(self) -> Path:
        """What the node's first key signed last for CometBFT. It is made once, at the first start,
        and is never taken from a backup: a key that forgot could sign twice."""
        return self.journal_folder.with_name(SIGNED_LAST_FILE)

    @property
    def retention_file(self) -> Path:
        """What says how long blocks are kept: beside the journal."""
        return self.journal_folder.parent / RETENTION_FILE

    @property
    def tree_images(self) -> TreeImages:
        """Where a start leaves what spares the next one some hashing."""
        folder = self.store_folder.with_name("tree")
        return TreeImages(folder, self.genesis.network_id, self.voting_key)

    @property
    def evidence_folder(self) -> Path:
        """Where evidence of double votes is kept: beside the journal."""
        return self.journal_folder.parent / EVIDENCE_FOLDER

    @property
    def observers_folder(self) -> Path:
        """Where the cards of observers are: beside it."""
        return self.journal_folder.parent / OBSERVERS_FOLDER


def create_data(journal_folder: Path, store_folder: Path, store_kind: str) -> None:
    """Make an empty journal and store that belong together; `node init` calls this once.

    A node whose journal is not the one made here only observes. Refuses `file_exists`.
    """
    store = open_store(store_folder, store_kind)
    try:
        mark_store(store, create_journal(journal_folder))
    finally:
        store.close()


def own_address(genesis: Genesis, own_key: bytes) -> tuple[str, int]:
    """Where the genesis says that this member listens. Refuses `genesis_without_us`."""
    territory: Territory | None = next(
        (each for each in genesis.territories if each.voting_key == own_key), None
    )
    if territory is None:
        raise Refused("genesis_without_us", "this node's voting key is not in the genesis")
    return parse_host_port(territory.peer, "peer")
