"""A store that is made from the parts of a snapshot, beside the one in use.

STORE.syncing   parts come in, then blocks are executed on it: the proof that it can go on
STORE.synced    CometBFT has a block above the snapshot too: the next start takes it over
cometbft/syncing   CometBFT's own files are those of a sync that is not at its end

Between the two CometBFT could not be started again: it has a state and no block. So whatever is
killed before both sides have that block begins anew, with neither side's files, and the store in
use is what it was. `settle` does that at a start, and takes over what is whole.
"""

import shutil
from dataclasses import replace
from pathlib import Path

from consensus.cometbft.headers import Header
from node.chain_records import (
    BASE,
    CHUNK,
    EPOCH,
    META_KEY,
    SET_CHANGE,
    Base,
    Meta,
    number_key,
)
from node.engines.cometbft.epoch_proofs import ProvedEpochs, set_of
from node.engines.cometbft.proof_book import proof_entry
from node.private_files import replace_file, sync_folder
from node.retention import Retention
from node.snapshots.manifest import Manifest
from node.state_sync.adoption import adopt
from node.state_sync.staging import add_up, part_changes, staging_folder, synced_folder
from node.store import Change, Store, open_store
from node.territory_options import TerritoryOptions
from primitives.encoding import encode
from primitives.errors import InvariantBroken, Refused

MARK_FILE = "syncing"


def settle(options: TerritoryOptions) -> None:
    """Before anything is opened: take over a store that was made, or remove all that a sync left
    which did not come to its end. Refuses what `adopt` does."""
    mark = options.cometbft_folder / MARK_FILE
    if synced_folder(options.store_folder).exists():
        mark.unlink(missing_ok=True)
        keeps_all = Retention(options.retention_file).keeps_all()
        adopt(options.store_folder, options.store_kind, keeps_all=keeps_all)
        return
    if mark.exists():
        remove_unfinished(options)
        mark.unlink()


def remove_unfinished(options: TerritoryOptions) -> None:
    """Forget all that a sync fetched, on either side."""
    shutil.rmtree(options.cometbft_folder / "data", ignore_errors=True)
    shutil.rmtree(staging_folder(options.store_folder), ignore_errors=True)


def mark_begun(options: TerritoryOptions) -> None:
    """From now on CometBFT's files are those of a sync."""
    options.cometbft_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_file(options.cometbft_folder / MARK_FILE, b"")


class SnapshotStore:
    """The store that is made; see the module's docstring. Slow, so for a thread."""

    def __init__(self, options: TerritoryOptions) -> None:
        self._options = options
        self._folder = staging_folder(options.store_folder)
        self._store: Store | None = None
        self._manifest: Manifest | None = None
        self._missing: set[int] = set()

    @property
    def missing(self) -> int:
        """How many parts have not come."""
        return len(self._missing)

    @property
    def trial_options(self) -> TerritoryOptions:
        """To execute blocks on the finished store."""
        return replace(self._options, store_folder=self._folder)

    def begin(self, manifest: Manifest) -> None:
        """Make it from this snapshot, whose roots give a verified state root."""
        self.throw_away()
        self._store = open_store(self._folder, self._options.store_kind)
        self._manifest = manifest
        self._missing = set(range(manifest.parts))

    def put(self, part: int, content: bytes) -> None:
        """Check a part and keep it. Refuses `peer_malformed` and `snapshot_wrong`."""
        manifest, store = self._being_made()
        if not 0 <= part < manifest.parts:
            raise Refused("snapshot_wrong", f"it has no part {part}")
        store.write(part_changes(manifest, part, content, store.get), sync=False)
        self._missing.discard(part)

    def finish(self, header: Header, proved: ProvedEpochs) -> None:
        """Make it whole: a chain that begins above the block below this header, which was verified.

        Refuses `store_corrupt`, raises `InvariantBroken` where balances do not add up.
        """
        manifest, store = self._being_made()
        if self._missing or header.state_root != manifest.root:
            raise InvariantBroken("a snapshot is finished without all its parts")
        add_up(store)
        old = self._old_meta()
        first, epoch = proved.epochs[0].number, proved.epoch_of(header.height).number
        base = Base(header.height - 1, manifest.receipts, manifest.root, epoch)
        meta = Meta(
            old.journal_id,
            self._options.genesis.network_id,
            height=header.height - 1,
            slots=manifest.slots,
            receipts=manifest.receipts,
            journal_sequence=old.journal_sequence,
            first_height=header.height,
            first_number=manifest.receipts,
        )
        changes: list[Change] = [
            (number_key(CHUNK, index), root) for index, root in enumerate(manifest.receipt_roots)
        ]
        for place in range(1, epoch - first + 1):
            changes += _epoch_entries(proved, place)
        store.write([*changes, (BASE, base.encode()), (META_KEY, meta.encode())], sync=True)
        self.close()

    def keep(self) -> None:
        """Both sides can go on from here: the next start takes it over."""
        synced = synced_folder(self._options.store_folder)
        shutil.rmtree(synced, ignore_errors=True)
        self._folder.rename(synced)
        sync_folder(synced.parent)

    def throw_away(self) -> None:
        """Forget what was fetched."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._manifest, self._missing = None, set()

    def close(self) -> None:
        """Let the folder go."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _being_made(self) -> tuple[Manifest, Store]:
        if self._manifest is None or self._store is None:
            raise InvariantBroken("no snapshot is being fetched")
        return self._manifest, self._store

    def _old_meta(self) -> Meta:
        old = open_store(self._options.store_folder, self._options.store_kind)
        try:
            raw = old.get(META_KEY)
        finally:
            old.close()
        if raw is None:
            raise Refused("store_corrupt", "the store was not made by `node init`")
        return Meta.decode(raw)


def is_empty(options: TerritoryOptions) -> bool:
    """Whether neither side has anything yet that it could go on from."""
    if _has_files(options.cometbft_folder / "data" / "blockstore.db"):
        return False
    store = open_store(options.store_folder, options.store_kind)
    try:
        raw = store.get(META_KEY)
    finally:
        store.close()
    return raw is not None and Meta.decode(raw).height <= options.genesis.height


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _epoch_entries(proved: ProvedEpochs, place: int) -> list[Change]:
    """How the epoch at this place of the list began, and what proves that to others."""
    epoch, proof = proved.epochs[place], proved.proofs[place - 1]
    if epoch.record is None:
        raise InvariantBroken("only the first epoch has no record")
    entries = [(number_key(EPOCH, epoch.number), epoch.record.encode())]
    changes: list[Change] = [*entries, proof_entry(epoch.number, proof)]
    change = proof.set_change(set_of(epoch.terms))
    if change is not None:
        height = change.header.height
        changes.append((number_key(SET_CHANGE, height), encode(change.value())))
    return changes
