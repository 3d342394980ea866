"""A store that is damaged is made again from the other members, by command and never by itself.

The damaged store is moved aside and kept. The new one is empty: at its next start the node takes
from its peers what any new node takes, a snapshot or every block, and checks all of it.

Whether it votes then is decided by its journal. Where the damaged store can still say how far it
had seen the journal, that is carried over, and a journal that reaches so far is whole. Where it
can't, nobody knows whether the journal's end is missing, and a node that may have forgotten what
it signed only observes.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

from node.chain_records import META_KEY, RESTORED, Meta
from node.data_folder import DataFolder
from node.journal import JOURNAL_ID_BYTES, Journal
from node.private_files import private_by_default, sync_folder
from node.store import Change, open_store
from primitives.errors import Refused
from terminal.languages import text


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What `rebuild_store` did."""

    kept: Path
    """Where the old store is now."""
    lost_reason: str | None
    """Why the node will only observe; None if it will vote."""


def rebuild_store(data: Path) -> Rebuilt:
    """Move the store aside and make an empty one that belongs to the same journal.

    Raises `Refused`: `data_in_use`, `data_missing`, `journal_corrupt`.
    """
    folder = DataFolder(data)
    kind = folder.read().store
    folder.lock()
    try:
        with private_by_default():
            known, restored = _known_of_journal(folder, kind)
            meta, lost_reason = _meta_of_new(folder, known)
            changes: list[Change] = [(META_KEY, meta.encode())]
            if restored is not None:
                # Its journal was begun anew: it may not vote sooner for being made again.
                changes.append((RESTORED, restored))
                lost_reason = lost_reason or "the journal was lost, and begun anew"
            kept = _free_name(folder.store)
            if folder.store.exists():
                folder.store.rename(kept)
            store = open_store(folder.store, kind)
            try:
                store.write(changes, sync=True)
            finally:
                store.close()
            sync_folder(folder.root)
    finally:
        folder.unlock()
    return Rebuilt(kept, lost_reason)


def _known_of_journal(folder: DataFolder, kind: str) -> tuple[Meta | None, bytes | None]:
    """What the old store says of itself, and until when it is to observe, if it can be read."""
    if not folder.store.exists():
        return None, None
    try:
        store = open_store(folder.store, kind)
    except Refused as refusal:
        if refusal.code == "data_in_use":
            raise
        return None, None
    try:
        raw, restored = store.get(META_KEY), store.get(RESTORED)
        return (None if raw is None else Meta.decode(raw)), restored
    except Refused:
        return None, None
    finally:
        store.close()


def _meta_of_new(folder: DataFolder, known: Meta | None) -> tuple[Meta, str | None]:
    if known is None:
        # An id that no journal has: the node takes its own for another's, and only observes.
        strange = Meta(secrets.token_bytes(JOURNAL_ID_BYTES))
        return strange, "the old store can't say how far the journal went"
    meta = Meta(known.journal_id, journal_sequence=known.journal_sequence)
    journal = Journal(folder.journal, meta.journal_id, meta.journal_sequence)
    journal.close()
    return meta, journal.lost_reason


def _free_name(store: Path) -> Path:
    number = 1
    while (name := store.with_name(f"{store.name}.damaged-{number}")).exists():
        number += 1
    return name


def rebuilt_lines(done: Rebuilt) -> str:
    """What to tell the operator."""
    told = text(
        f"L'ancien magasin est dans {done.kept}. Démarrez le nœud : il reprend la chaîne chez les "
        "autres (un instantané et ses suites ; tout avec --full-history) et la vérifie.",
        f"The old store is in {done.kept}. Start the node: it fetches the chain from the others (a "
        "snapshot and what follows; all of it with --full-history) and checks it.",
    )
    if done.lost_reason is not None:
        told += text(
            "\nSon journal n'est pas sûr d'être entier : le nœud observera, et votera de nouveau "
            "deux époques après celle que connaissent les autres.",
            "\nIts journal can't be shown to be whole: the node will observe, and vote again two "
            "epochs after the one that the others know.",
        )
    return told
