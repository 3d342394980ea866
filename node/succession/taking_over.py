"""From a data folder of the old network to one of the new, by `democite node succeed`.

The new store is built beside the old one, everything in it checked: the state after the last block
must have the root that the genesis names, each receipt's id must be under it, all balances must add
up. Then a few renames, each of which leaves something that the same command goes on from:

    .succeeding/      being built; of no use if it is found
    succeeding/       whole: from here on the folder is the new network's
    predecessor-…/    the old store, journal and `node.json`: a data folder that `node verify` reads

What the node promised the old network does not bind it in the new one, where every vote is over
another network id: its journal begins anew, or, where CometBFT orders the new network, the file of
what was signed last for it. So it must not be begun twice: see `again`. A node of
the new network whose store was emptied (`node rebuild`) or came from a backup gets the first state
put back, beside the journal that it has.
"""

import os
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from consensus.cometbft.headers import Header as CometBftHeader
from ledger.genesis import Genesis
from node.chain import Chain
from node.chain_records import RESTORED, Meta
from node.cometbft_start import begin_signing
from node.data_folder import (
    COMETBFT_FOLDER,
    SUCCEEDING_FOLDER,
    DataFolder,
    NodeFile,
    predecessor_folder,
)
from node.genesis_file import COMETBFT, read_genesis
from node.journal import JOURNAL_ID_BYTES, create_journal
from node.migration import open_current_store
from node.office.office import REGISTRY_FILE
from node.private_files import PRIVATE_FOLDER_MODE, private_by_default, sync_folder, write_new_file
from node.registry.register import Registry
from node.state_sync.adoption import adopt
from node.store import STORE_KINDS, Store, open_store
from node.succession.comet_end import check_end_held
from node.succession.drafting import header_of
from node.succession.endorsing import check_not_above
from node.succession.successor_store import build
from primitives.errors import Refused

_BUILDING = f".{SUCCEEDING_FOLDER}"
_NETWORK_FILE = "network"
_SOURCE = "source"
_FIRST, _REFILLED = "first", "refilled"
_SIGNS, _SILENT = "signs", "silent"
"""Whether a new `signed-last` was made: what stands there else is the old network's."""


@dataclass(frozen=True, slots=True)
class TakingOver:
    """What `node succeed` is asked for. `store_from`: a copy of another node's store, where this
    one's lacks blocks. `again`: this voting key's node was in the new network before and lost its
    journal, so it only observes until the rule for that lets it vote."""

    data: Path
    genesis: Path
    predecessor: Path
    store_from: Path | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What it did. `kept` is where the old data is; `is_news` is false where it was done before."""

    genesis: Genesis
    kept: Path
    is_news: bool


def take_over(plan: TakingOver) -> TakenOver:
    """Do it, or go on with it.

    Raises `Refused`: `succession_none`, `data_of_other_network`, `data_in_use`,
    `succession_behind`, `succession_conflict`, `succession_lacks_blocks`, `succession_differs`,
    `member_key_used`, `state_root_differs`, `store_corrupt`; `engine_keys_missing` where this node
    has no voting key for the new network's engine; of a network that CometBFT ordered what
    `check_end_held` raises.
    """
    genesis, engine = read_genesis(plan.genesis)
    old, _ = read_genesis(plan.predecessor)
    succession = genesis.succession
    if succession is None:
        raise Refused("succession_none")
    if old.network_id != succession.predecessor:
        raise Refused("data_of_other_network", old.network_id.hex(), file=str(plan.predecessor))
    folder = DataFolder(plan.data)
    kept = predecessor_folder(folder.root, old.network_id)
    folder.lock()
    try:
        with private_by_default():
            content = folder.read()
            if folder.succeeding.exists():
                _check_same_network(folder, genesis)
            else:
                begun = _begun(folder, content, genesis)
                if begun is not None and begun.network_id is not None:
                    return TakenOver(genesis, kept, is_news=False)
                _prepare(plan, folder, content, (old, genesis), engine, kept, begun)
            _put_in_place(folder, kept, content, genesis, engine)
    finally:
        folder.unlock()
    return TakenOver(genesis, kept, is_news=True)


def _begun(folder: DataFolder, content: NodeFile, genesis: Genesis) -> Meta | None:
    """What the store says of itself in a folder that is the new network's already."""
    if content.network_id != genesis.network_id.hex():
        return None
    adopt(folder.store, content.store)
    store = open_current_store(folder.store, content.store)
    try:
        return Chain(store).meta
    finally:
        store.close()


def _check_same_network(folder: DataFolder, genesis: Genesis) -> None:
    found = (folder.succeeding / _NETWORK_FILE).read_text("ascii").split()[0]
    if found != genesis.network_id.hex():
        raise Refused("data_of_other_network", found, file=str(folder.succeeding))


def _prepare(
    plan: TakingOver,
    folder: DataFolder,
    content: NodeFile,
    networks: tuple[Genesis, Genesis],
    engine: str,
    kept: Path,
    begun: Meta | None,
) -> None:
    """Everything of the new network's, whole and checked, under its final name. With `begun`, the
    journal stays."""
    old, genesis = networks
    if begun is None and content.network_id not in ("", old.network_id.hex()):
        raise Refused("data_of_other_network", content.network_id, file=str(folder.file))
    if not content.network_id:
        # A node that never ran: its registry begins now, as at a first start.
        Registry.open(folder.registry / REGISTRY_FILE, content.prefix).close()
    building = folder.root / _BUILDING
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(PRIVATE_FOLDER_MODE)
    signs = _SILENT
    if begun is None:
        begun = Meta(create_journal(building / folder.journal.name))
        mode = _FIRST
        if plan.again:
            # An id that no journal has: the node takes its own for another's, and only observes.
            begun = Meta(secrets.token_bytes(JOURNAL_ID_BYTES))
        elif engine == COMETBFT:
            # Without this file, as with `again`, its key signs nothing: it could sign twice.
            begin_signing(folder, genesis.network_id, building / folder.signed_last_file.name)
            signs = _SIGNS
    else:
        mode = _REFILLED
    source = _source(plan, folder, content, networks, building, kept, is_first=mode == _FIRST)
    try:
        target = open_store(building / folder.store.name, content.store)
        try:
            build(source, target, old, genesis, begun)
            if mode == _REFILLED:
                _carry_restored(folder, content, target)
        finally:
            target.close()
    finally:
        source.close()
    shutil.rmtree(building / _SOURCE, ignore_errors=True)
    words = f"{genesis.network_id.hex()} {mode} {signs}\n"
    write_new_file(building / _NETWORK_FILE, words.encode("ascii"))
    building.rename(folder.succeeding)
    sync_folder(folder.root)


def _carry_restored(folder: DataFolder, content: NodeFile, target: Store) -> None:
    """It may not vote sooner for having its state put back."""
    own = open_store(folder.store, content.store)
    try:
        restored = own.get(RESTORED)
    finally:
        own.close()
    if restored is not None:
        target.write([(RESTORED, restored)], sync=True)


def _source(
    plan: TakingOver,
    folder: DataFolder,
    content: NodeFile,
    networks: tuple[Genesis, Genesis],
    building: Path,
    kept: Path,
    *,
    is_first: bool,
) -> Store:
    """The store that holds the old network's last block: this node's own, or the one named."""
    old, genesis = networks
    last = header_of(genesis)
    # Also where a crash left the fetched store alone: a later start would put it in place of this.
    adopt(folder.store, content.store)
    if folder.store.exists():
        own = open_current_store(folder.store, content.store)
        try:
            height = check_not_above(Chain(own), genesis)
            if is_first and isinstance(last, CometBftHeader):
                check_end_held(folder, own, Chain(own), old, last)
            if height == last.height:
                return own
        except BaseException:
            own.close()
            raise
        own.close()
    store_from = plan.store_from or kept / folder.store.name
    if not store_from.exists():
        raise Refused("succession_lacks_blocks", f"height {last.height}")
    # A copy: whoever handed it over finds it as it was.
    shutil.copytree(store_from, building / _SOURCE)
    named = _opened(building / _SOURCE, store_from)
    try:
        if check_not_above(Chain(named), genesis) == last.height:
            return named
        raise Refused("succession_lacks_blocks", file=str(store_from))
    except BaseException:
        named.close()
        raise


def _opened(copy: Path, named: Path) -> Store:
    for kind in STORE_KINDS:
        if (copy / kind).is_dir():
            return open_current_store(copy, kind)
    raise Refused("store_corrupt", "this is no copy of a node's store folder", file=str(named))


def _put_in_place(
    folder: DataFolder, kept: Path, content: NodeFile, genesis: Genesis, engine: str
) -> None:
    """The renames; whatever they were interrupted by, they go on from there."""
    words = (folder.succeeding / _NETWORK_FILE).read_text("ascii").split()
    is_first = words[1] == _FIRST
    if is_first:
        kept.mkdir(PRIVATE_FOLDER_MODE, exist_ok=True)
        if not (kept / folder.file.name).exists():
            write_new_file(kept / folder.file.name, folder.file.read_bytes())
    for place in (folder.store, folder.journal, folder.signed_last_file):
        new = folder.succeeding / place.name
        if not new.exists():
            continue  # it is in its place
        if is_first and place.exists():
            os.rename(place, kept / place.name)
        # Else it never began, and holds nothing.
        shutil.rmtree(place, ignore_errors=True)
        os.rename(new, place)
        sync_folder(folder.root)
    if is_first:
        _keep_engine_files(folder, kept, signs=_SIGNS in words)
    # Of the old network's state, and of no use to the new one's members.
    shutil.rmtree(folder.root / "snapshots", ignore_errors=True)
    folder.write(replace(content, network_id=genesis.network_id.hex(), engine=engine))
    shutil.rmtree(folder.succeeding)
    sync_folder(folder.root)


def _keep_engine_files(folder: DataFolder, kept: Path, *, signs: bool) -> None:
    """CometBFT's own files are of one network's chain, and so is what was signed last in it: the
    new one begins without. With `signs` the new `signed-last` is in its place already."""
    comet = folder.root / COMETBFT_FOLDER
    if comet.exists() and not (kept / COMETBFT_FOLDER).exists():
        os.rename(comet, kept / COMETBFT_FOLDER)
    signed, kept_signed = folder.signed_last_file, kept / folder.signed_last_file.name
    if not signs and signed.exists() and not kept_signed.exists():
        os.rename(signed, kept_signed)
    sync_folder(kept)
    sync_folder(folder.root)
