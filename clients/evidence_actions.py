"""`democite verify FILE` for evidence of a double vote (`democite network evidence --out`)."""

import json
from pathlib import Path

from consensus.evidence import FILE_BYTES_MAX, FILE_KIND, KIND_NAMES, DoubleVote
from primitives.errors import Refused
from primitives.signatures import verify as verify_signature
from terminal.languages import text
from terminal.results import Result
from wallet.setup import require_genesis


def is_evidence(file: Path) -> bool:
    """Whether the file says that it is; only its reading tells whether it proves anything."""
    return _content(file).get("kind") == FILE_KIND


def _content(file: Path) -> dict[str, object]:
    with file.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
    try:
        content = json.loads(raw) if len(raw) <= FILE_BYTES_MAX else None
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def verify(file: Path, genesis_file: Path | None) -> Result:
    """Check that a member signed both votes, with nothing but the genesis.

    Raises `Refused`: `evidence_malformed`, `evidence_invalid`.
    """
    genesis = require_genesis(genesis_file)
    names = {each.voting_key: each for each in genesis.territories}
    try:
        found = DoubleVote.from_json(_content(file))
        found.check(genesis.network_id, names.keys(), verify_signature)
    except Refused as refusal:
        refusal.file = str(file)
        raise
    territory = names[found.signer]
    kinds = [KIND_NAMES[vote.kind] for vote in (found.first, found.second)]
    data: dict[str, object] = {
        "valid": True,
        "kind": FILE_KIND,
        "territory": territory.prefix,
        "signer": found.signer.hex(),
        "epoch": found.first.epoch,
        "view": found.view,
        "votes": kinds,
    }
    told = text(
        f"Preuve valable : le nœud de {territory.name} a signé {kinds[0]} et {kinds[1]} à la vue "
        f"{found.view}, ce qu'aucun nœud honnête ne fait.",
        f"Valid evidence: the node of {territory.name} signed {kinds[0]} and {kinds[1]} in view "
        f"{found.view}, which no honest node does.",
    )
    return Result(data, told)
