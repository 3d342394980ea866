"""`democite verify FILE` for evidence of a double vote (`democite network evidence --out`)."""

import json
from pathlib import Path

from consensus.epoch_starts import EPOCHS_FOLLOWED_MAX, read_epochs
from consensus.evidence import FILE_KIND, KIND_NAMES, LED_FILE_BYTES_MAX, DoubleVote
from ledger.genesis import Genesis
from primitives.errors import Refused
from primitives.signatures import verify as verify_signature
from terminal.languages import text
from terminal.results import Result
from wallet.light.trust import TrustedNetwork
from wallet.setup import require_genesis


def is_evidence(file: Path) -> bool:
    """Whether the file says that it is; only its reading tells whether it proves anything."""
    return _content(file).get("kind") == FILE_KIND


def _content(file: Path) -> dict[str, object]:
    with file.open("rb") as stream:
        raw = stream.read(LED_FILE_BYTES_MAX + 1)
    try:
        content = json.loads(raw) if len(raw) <= LED_FILE_BYTES_MAX else None
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def verify(file: Path, genesis_file: Path | None) -> Result:
    """Check that a member signed both votes, with nothing but the genesis.

    Of a file without epochs the genesis's keys are taken; `member_of_epoch` is then null where the
    votes are of a later epoch.

    Raises `Refused`: `evidence_malformed`, `evidence_invalid`.
    """
    genesis = require_genesis(genesis_file)
    try:
        found = DoubleVote.from_json(_content(file))
        voters = _voters(found, genesis)
        found.check(genesis.network_id, voters.keys(), verify_signature)
    except Refused as refusal:
        refusal.file = str(file)
        raise
    prefix, name = voters[found.signer], voters[found.signer]
    for territory in genesis.territories:
        if territory.prefix == prefix:
            name = territory.name
    is_led = bool(found.epochs) or found.first.epoch == genesis.first_epoch
    kinds = [KIND_NAMES[vote.kind] for vote in (found.first, found.second)]
    data: dict[str, object] = {
        "valid": True,
        "kind": FILE_KIND,
        "territory": prefix,
        "signer": found.signer.hex(),
        "epoch": found.first.epoch,
        "view": found.view,
        "votes": kinds,
        "member_of_epoch": is_led or None,
    }
    told = text(
        f"Preuve valable : le nœud de {name} a signé {kinds[0]} et {kinds[1]} à la vue "
        f"{found.view}, ce qu'aucun nœud honnête ne fait.",
        f"Valid evidence: the node of {name} signed {kinds[0]} and {kinds[1]} in view "
        f"{found.view}, which no honest node does.",
    )
    if not is_led:
        doubt = text(
            f"Le fichier ne montre pas que cette clé, de la genèse, votait encore à l'époque "
            f"{found.first.epoch} ; « democite network evidence --out » en fait un qui le montre.",
            f"The file does not show that this key of the genesis still voted in epoch "
            f"{found.first.epoch}; 'democite network evidence --out' makes one that does.",
        )
        told = f"{told}\n{doubt}"
    return Result(data, told)


def _voters(found: DoubleVote, genesis: Genesis) -> dict[bytes, str]:
    """Short names by voting key: of the epoch's set where the file leads there, else of the
    genesis's. Raises `Refused("evidence_invalid")`."""
    network = TrustedNetwork(genesis)
    epoch = found.first.epoch
    if not found.epochs:
        return {one.voting_key: one.prefix for one in network.members.members}
    try:
        starts = read_epochs(found.epochs, count_max=EPOCHS_FOLLOWED_MAX)
        members = network.led_on(starts).members_of(epoch).members
    except Refused as refusal:
        raise Refused("evidence_invalid", str(refusal), field="epochs") from None
    return {one.voting_key: one.prefix for one in members}
