"""What `democite network evidence` collects, writes out and says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from consensus.epoch_starts import (
    EPOCHS_BYTES_MAX,
    EPOCHS_FOLLOWED_MAX,
    EpochStart,
    read_epochs,
    sets_led_to,
    write_epochs,
)
from consensus.evidence import DoubleVote
from consensus.members import Member, MemberSet
from ledger.genesis import Genesis
from node.chain import Chain
from node.data_folder import DataFolder
from node.epoch_book import EpochBook, start_of
from node.evidence_book import EVIDENCE_FOLDER, name_of, read_evidence
from node.private_files import replace_file
from node.remote import fetch_epoch_starts, fetch_evidence
from node.store import open_store
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import verify
from terminal.languages import text

PUBLIC_FILE_MODE = 0o644


def collect(data: Path | None, urls: Sequence[str]) -> list[DoubleVote]:
    """From a node's data folder, running or not, else from a node that runs.

    Raises `Refused`: `data_missing`, `node_unreachable`, `node_answer_malformed`.
    """
    if data is not None:
        DataFolder(data).read()
        return read_evidence(data / EVIDENCE_FOLDER)
    found: list[DoubleVote] = []
    for item in fetch_evidence(urls):
        try:
            if not isinstance(item, Mapping):
                raise Refused("evidence_malformed")
            found.append(DoubleVote.from_json(item))
        except Refused as refusal:
            raise Refused("node_answer_malformed", str(refusal)) from None
    return found


def lead(
    found: Sequence[DoubleVote], genesis: Genesis, data: Path | None, urls: Sequence[str]
) -> list[DoubleVote]:
    """The same evidence, each with what leads from the genesis to its epoch, where it is to be had
    here; a node that can't be asked leaves it as it is."""
    first, newest = genesis.first_epoch, max([one.first.epoch for one in found], default=0)
    if newest <= first:
        return list(found)
    try:
        starts = _starts(genesis, data, urls, newest)
    except (Refused, InvariantBroken):
        return list(found)
    led: list[DoubleVote] = []
    for one in found:
        # What is not led there whole proves nothing more.
        way = starts[: one.first.epoch - first] if first < one.first.epoch <= newest else ()
        is_whole = bool(way) and way[-1].epoch == one.first.epoch
        epochs = write_epochs(way) if is_whole else one.epochs
        led.append(replace(one, epochs=epochs if len(epochs) <= EPOCHS_BYTES_MAX else b""))
    return led


def _starts(
    genesis: Genesis, data: Path | None, urls: Sequence[str], newest: int
) -> tuple[EpochStart, ...]:
    """Up to the epoch `newest`: from the nodes, else from the folder or its running node."""
    if data is not None and not urls:
        folder = DataFolder(data)
        try:
            folder.lock()
        except Refused:
            urls = [f"http://{folder.read().http}"]
        else:
            try:
                return _stored_starts(folder, genesis, newest)
            finally:
                folder.unlock()
    starts: list[EpochStart] = []
    size_bytes = 0
    # `newest` is anybody's word: what is asked for ends with what a file may carry.
    while len(starts) < EPOCHS_FOLLOWED_MAX and size_bytes < EPOCHS_BYTES_MAX:
        wanted = genesis.first_epoch + 1 + len(starts)
        more = fetch_epoch_starts(urls, wanted) if wanted <= newest else ()
        if not more:
            break
        starts += more
        size_bytes += len(write_epochs(more))
    return tuple(starts[:EPOCHS_FOLLOWED_MAX])


def _stored_starts(folder: DataFolder, genesis: Genesis, newest: int) -> tuple[EpochStart, ...]:
    store = open_store(folder.store, folder.read().store)
    try:
        book = EpochBook(Chain(store), genesis)
        epochs = range(book.first + 1, min(newest, book.current.number) + 1)
        return tuple([start_of(book.epoch(one), book.epoch(one - 1)) for one in epochs])
    finally:
        store.close()


def check_all(found: Sequence[DoubleVote], genesis: Genesis) -> dict[bytes, str]:
    """The territories' names by voting key, once everything was checked: a node may lie.

    What leads to its epoch must be signed by a member of it. Else a key that the genesis does not
    name signed both votes all the same, and gets no name: whether it was a member's is said by the
    epoch's members. Raises `Refused`: `evidence_invalid`, `evidence_malformed`.
    """
    names = {territory.voting_key: territory.prefix for territory in genesis.territories}
    named, sets = dict(names), {b"": {genesis.first_epoch: _first_set(genesis)}}
    for each in found:
        if each.epochs not in sets:
            sets[each.epochs] = _sets_of(each, genesis)
        members = sets[each.epochs].get(each.first.epoch)
        if members is None:
            each.check(genesis.network_id, {*names, each.signer}, verify)
            continue
        voters = {member.voting_key: member.prefix for member in members.members}
        each.check(genesis.network_id, voters, verify)
        named[each.signer] = voters[each.signer]
    return named


def _first_set(genesis: Genesis) -> MemberSet:
    return MemberSet.of(
        Member(one.voting_key, one.recovery_key, one.prefix) for one in genesis.territories
    )


def _sets_of(found: DoubleVote, genesis: Genesis) -> dict[int, MemberSet]:
    first, network_id = genesis.first_epoch, genesis.network_id
    try:
        starts = read_epochs(found.epochs, count_max=EPOCHS_FOLLOWED_MAX)
        return sets_led_to(first, _first_set(genesis), network_id, starts, verify)
    except Refused as refusal:
        raise Refused("evidence_invalid", str(refusal), field="epochs") from None


def write_out(found: Sequence[DoubleVote], folder: Path) -> None:
    """Each as a file of its own, to be handed on."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in found:
        content = json.dumps(each.to_json(), indent=1).encode() + b"\n"
        replace_file(folder / f"{name_of(each.signer)}-{each.view}.json", content, PUBLIC_FILE_MODE)


def evidence_lines(found: Sequence[DoubleVote], names: Mapping[bytes, str]) -> str:
    """A line for each."""
    if not found:
        return text("Aucun double vote connu.", "No double vote known.")
    return "\n".join(_line(each, names) for each in found)


def _line(found: DoubleVote, names: Mapping[bytes, str]) -> str:
    name, epoch, view = names.get(found.signer), found.first.epoch, found.view
    if name is None and names:
        key = found.signer.hex()
        return text(
            f"{key} : double vote à la vue {view} ; la genèse ne nomme pas cette clé, comparez "
            f"avec les membres de l'époque {epoch} (GET /v1/epochs/{epoch})",
            f"{key}: double vote in view {view}; the genesis does not name this key, compare "
            f"with the members of epoch {epoch} (GET /v1/epochs/{epoch})",
        )
    who = name or name_of(found.signer)
    return text(f"{who} : double vote à la vue {view}", f"{who}: double vote in view {view}")
