"""What `democite network evidence` collects, writes out and says."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from consensus.evidence import DoubleVote
from ledger.genesis import Genesis
from node.data_folder import DataFolder
from node.evidence_book import EVIDENCE_FOLDER, name_of, read_evidence
from node.private_files import replace_file
from node.remote import fetch_evidence
from primitives.errors import Refused
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


def check_all(found: Sequence[DoubleVote], genesis: Genesis) -> dict[bytes, str]:
    """The territories' names by voting key, once everything was checked: a node may lie.

    A key that the genesis does not name signed both votes all the same, and gets no name: whether
    it was a member's is said by the epoch's members. Raises `Refused("evidence_invalid")`.
    """
    names = {territory.voting_key: territory.prefix for territory in genesis.territories}
    for each in found:
        each.check(genesis.network_id, {*names, each.signer}, verify)
    return names


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
