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
    """The territories' names by voting key, once everything was checked: a node may lie."""
    names = {territory.voting_key: territory.prefix for territory in genesis.territories}
    for each in found:
        each.check(genesis.network_id, names.keys(), verify)
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
    lines = [
        text(
            f"{names.get(each.signer, name_of(each.signer))} : double vote à la vue {each.view}",
            f"{names.get(each.signer, name_of(each.signer))}: double vote in view {each.view}",
        )
        for each in found
    ]
    return "\n".join(lines)
