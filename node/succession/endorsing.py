"""Recovery keys under a draft: each signs where it is kept, and the files are brought together."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from consensus.cometbft.headers import Header as CometBftHeader
from ledger.genesis import DRAFT_KIND, Genesis
from ledger.succession import Endorsement, endorse, endorsements_from_json
from node.cards import CARD_FILE_MODE
from node.chain import Chain
from node.data_folder import DataFolder
from node.genesis_file import COMETBFT, read_genesis, read_genesis_alone, write_genesis
from node.keys import read_key
from node.migration import open_current_store
from node.private_files import write_new_file
from node.start import load_ledger
from node.succession.comet_end import check_end_held
from node.succession.drafting import header_of
from node.succession.lineage import check_lineage, is_same
from node.undo import undone_on_failure
from primitives.encoding import encode
from primitives.errors import Refused
from primitives.versions import check_version

ENDORSEMENT_KIND = "succession_endorsement"
ENDORSEMENT_VERSION = 1
ENDORSEMENT_BYTES_MAX = 16_384


def read_draft(file: Path) -> Genesis:
    """A draft, with the proof of the old network's last block checked. Raises what
    `read_genesis_alone` raises, and `succession_none`."""
    draft = read_genesis_alone(file, DRAFT_KIND)
    header_of(draft)
    return draft


def endorse_draft(draft: Genesis, keystore: Path, passphrase: str, out: Path) -> str:
    """Sign it and write the endorsement to a new file; whose it is.

    Raises `Refused`: `passphrase_wrong`, `keystore_malformed`, `recovery_key_unknown`;
    FileExistsError.
    """
    if draft.succession is None:
        raise Refused("succession_none")
    key = read_key(keystore, "recovery", passphrase)
    names = {member.recovery_key: member.prefix for member in draft.succession.members}
    prefix = names.get(key.public_key)
    if prefix is None:
        raise Refused("recovery_key_unknown", key.public_key.hex(), file=str(keystore))
    made = endorse(key, draft.network_id, encode(draft.value()))
    content = {
        "kind": ENDORSEMENT_KIND,
        "version": ENDORSEMENT_VERSION,
        "network_id": draft.network_id.hex(),
        "prefix": prefix,
        "recovery_key": made.recovery_key.hex(),
        "signature": made.signature.hex(),
    }
    write_new_file(out, (json.dumps(content, indent=1) + "\n").encode(), CARD_FILE_MODE)
    return prefix


def check_own_chain(draft: Genesis, data: Path, predecessor: Path) -> bool:
    """That the node in this folder holds no later final block than the draft, and after that block
    the state and the sets that the draft names. False where it lacks the block, and so can't say.

    No certificate covers the state after a last block: whoever drafts alone could name any, and
    hand it to all whose disks are gone. Raises `Refused`: `succession_behind`,
    `succession_conflict`, `succession_differs`, `data_of_other_network`, `store_corrupt`.
    """
    succession = draft.succession
    if succession is None:
        raise Refused("succession_none")
    old, engine = read_genesis(predecessor)
    folder = DataFolder(data)
    kind = folder.check(old.network_id, engine).store
    folder.lock()
    try:
        store = open_current_store(folder.store, kind)
        try:
            chain = Chain(store)
            own_height = check_not_above(chain, draft)
            last = header_of(draft)
            if isinstance(last, CometBftHeader):
                check_end_held(folder, store, chain, old, last)
            if own_height < succession.height:
                return False
            executor = load_ledger(chain, old).executor
            check_lineage(store, chain, old, succession)
            if executor.commitment.root_after(executor.state.tip) != succession.state_root:
                raise Refused("succession_differs", "the state after the last block is another")
            return True
        finally:
            store.close()
    finally:
        folder.unlock()


def check_not_above(chain: Chain, successor: Genesis) -> int:
    """The same for a chain that is open."""
    last, succession = header_of(successor), successor.succession
    if succession is None:
        raise Refused("succession_none")
    if chain.meta.network_id not in (None, succession.predecessor):
        raise Refused("data_of_other_network", (chain.meta.network_id or b"").hex())
    if chain.height > last.height:
        count = chain.meta.receipts - _receipts_at(chain, last.height)
        raise Refused(
            "succession_behind",
            f"height {chain.height} is final here, not {last.height}: {count} transactions more",
        )
    if chain.stored_header(last.height) is not None and not is_same(chain, last):
        raise Refused("succession_conflict", f"height {last.height}")
    return chain.height


def _receipts_at(chain: Chain, height: int) -> int:
    """How many receipts there are after the block at a height; of those that are kept."""
    above = chain.stored_header(height + 1)
    return chain.meta.first_number if above is None else above.first_number


def finish(draft_file: Path, files: Sequence[Path], out: Path, engine: str) -> Genesis:
    """Put the endorsements under the draft and write the new genesis, which `engine` orders: that
    of the old network or the other one.

    Raises `Refused`: `endorsement_malformed`, `endorsement_invalid`, `endorsements_insufficient`,
    `engine_keys_missing` where a member has no voting key for the engine; FileExistsError.
    """
    draft = read_draft(draft_file)
    if engine == COMETBFT:
        for territory in draft.territories:
            if territory.cometbft_key is None:
                raise Refused("engine_keys_missing", territory.name, file=str(draft_file))
    endorsements: list[Endorsement] = []
    for file in files:
        network_id, endorsement = read_endorsement(file)
        if network_id != draft.network_id:
            raise Refused("endorsement_invalid", "it is for another draft", file=str(file))
        endorsements.append(endorsement)
    genesis = replace(draft, endorsements=tuple(sorted(endorsements)))
    genesis.endorsed_by()
    with undone_on_failure() as undo:
        undo.make_folder(out.parent)
        write_genesis(out, genesis, engine)
    return genesis


def read_endorsement(file: Path) -> tuple[bytes, Endorsement]:
    """An endorsement, and the network id it is for. Raises `Refused`: `endorsement_malformed`,
    `version_unknown`."""
    with file.open("rb") as stream:
        raw = stream.read(ENDORSEMENT_BYTES_MAX + 1)
    try:
        content = json.loads(raw.decode("utf-8-sig")) if len(raw) <= ENDORSEMENT_BYTES_MAX else None
        if not isinstance(content, dict) or content.get("kind") != ENDORSEMENT_KIND:
            raise ValueError("not an endorsement")
        check_version(content.get("version"), ENDORSEMENT_VERSION)
        (endorsement,) = endorsements_from_json([content])
        network_id = bytes.fromhex(str(content.get("network_id")))
    except (ValueError, RecursionError):
        raise Refused("endorsement_malformed", "it can't be read", file=str(file)) from None
    except Refused as refusal:
        code = "endorsement_malformed" if refusal.code == "genesis_malformed" else refusal.code
        raise Refused(code, refusal.detail, file=str(file), field=refusal.field) from None
    return network_id, endorsement
