"""`node init` and `network create`: what a town hall does before there is a network.

Nothing half-made stays: a data folder is built under another name and moved into place last; files
outside it are removed again when something fails.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.genesis import Genesis, Territory
from ledger.rules import PARAMETER_NAMES, Parameters
from node.cards import (
    CARD_FILE_MODE,
    Card,
    IssuerCard,
    card_to_json,
    currency_of,
    issuer_card_to_json,
    read_card,
    read_issuer_card,
    with_issuer,
)
from node.data_folder import DataFolder, NodeFile
from node.genesis_file import write_genesis
from node.keys import KeySource, write_key, write_transport_key
from node.peers.certificates import make_authority, make_transport
from node.private_files import PRIVATE_FOLDER_MODE, sync_folder, write_new_file
from node.territory import create_data
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.errors import Refused
from primitives.signatures import SigningKey

DEMO_QUOTAS = ("accounts_opened_per_day_max", "lines_per_day_max", "transactions_per_day_max")


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What `node init` is asked for."""

    data: Path
    name: str
    prefix: str
    currency: str
    peer: str
    http: str
    card: Path
    recovery_out: Path
    store: str
    issuer_card: Path | None
    demo_seed: str | None

    @property
    def issuer_file(self) -> Path:
        """Where a 1-of-1 issuer's key goes: beside the recovery key, never with the node."""
        return self.recovery_out.with_name(f"{self.recovery_out.stem}-issuer.json")


def init_node(plan: NodePlan, passphrase: str) -> Card:
    """Make a node's keys, journal and store, and hand over its public card.

    Raises FileExistsError, `Refused`: `genesis_invalid` for what no genesis would take,
    `card_malformed`.
    """
    for path in (plan.data, plan.card, plan.recovery_out):
        if path.exists():
            raise FileExistsError(17, "File exists", str(path))
    source = KeySource(plan.demo_seed)
    keys = {role: source.new_key(role) for role in ("voting", "signing", "recovery", "issuer")}
    authority = make_authority(keys["voting"])
    territory = Territory(
        name=plan.name,
        prefix=plan.prefix,
        currencies=(currency_of(plan.currency),),
        peer=plan.peer,
        http=plan.http,
        voting_key=keys["voting"].public_key,
        authority_der=authority,
        signing_keys=(keys["signing"].public_key,),
        signing_threshold=1,
        recovery_key=keys["recovery"].public_key,
        issuer_keys=(keys["issuer"].public_key,),
        issuer_threshold=1,
    )
    if plan.issuer_card is not None:
        territory = with_issuer(territory, read_issuer_card(plan.issuer_card))
    card = Card(territory, plan.demo_seed is not None)
    with _undone_on_failure() as made:
        _write_outside(plan.recovery_out, "recovery", keys["recovery"], passphrase, made)
        if plan.issuer_card is None:
            _write_outside(plan.issuer_file, "issuer", keys["issuer"], passphrase, made)
        building = plan.data.with_name(f".{plan.data.name}.new")
        made.append(building)
        _build_folder(building, plan, keys, passphrase)
        building.rename(plan.data)
        made.append(plan.data)
        sync_folder(plan.data.parent)
        write_new_file(plan.card, card_to_json(card, keys["voting"]).encode(), CARD_FILE_MODE)
    return card


def _build_folder(root: Path, plan: NodePlan, keys: dict[str, SigningKey], passphrase: str) -> None:
    folder = DataFolder(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    for path in (root, folder.keys, folder.audit):
        path.mkdir(mode=PRIVATE_FOLDER_MODE)
    voting, signing = keys["voting"], keys["signing"]
    write_key(folder.voting_file, "voting", voting, passphrase)
    write_key(folder.signing_file, "signing", signing, passphrase)
    key_pem, certificate_pem = make_transport(voting)
    write_transport_key(folder.transport_file, key_pem, passphrase)
    write_new_file(folder.certificate_file, certificate_pem)
    create_data(folder.journal, folder.store, plan.store)
    folder.write(NodeFile(plan.name, plan.prefix, plan.peer, plan.http, plan.store))


def _write_outside(
    path: Path, role: str, key: SigningKey, passphrase: str, made: list[Path]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_key(path, role, key, passphrase)
    made.append(path)


@contextlib.contextmanager
def _undone_on_failure() -> Iterator[list[Path]]:
    """Collects what is made; removes it when the block fails."""
    made: list[Path] = []
    try:
        yield made
    except BaseException:
        for path in reversed(made):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        raise


def make_issuer(
    currency: str,
    threshold: int,
    count: int,
    out: Path,
    card_file: Path,
    passphrase: str,
    demo_seed: str | None,
) -> IssuerCard:
    """Make an issuer's keys, one file each to be handed to its holder, and the public card.

    Raises FileExistsError, `Refused`: `genesis_invalid`.
    """
    currency_of(currency)
    if not 1 <= threshold <= count:
        raise Refused("threshold_invalid", f"{threshold} of {count} keys", field="threshold")
    source = KeySource(demo_seed)
    keys = [source.new_key(f"issuer {currency} {number}") for number in range(1, count + 1)]
    card = IssuerCard(
        currency, tuple([key.public_key for key in keys]), threshold, demo_seed is not None
    )
    with _undone_on_failure() as made:
        if not out.exists():
            out.mkdir(parents=True, mode=PRIVATE_FOLDER_MODE)
        for number, key in enumerate(keys, 1):
            file = out / f"issuer-{currency.lower()}-{number}.json"
            _write_outside(file, "issuer", key, passphrase, made)
        write_new_file(card_file, issuer_card_to_json(card, keys).encode(), CARD_FILE_MODE)
    return card


def create_network(
    out: Path, engine: str, card_files: Sequence[Path], demo: bool, figures: Sequence[str]
) -> Genesis:
    """Collect cards into a genesis. Raises `Refused`: `card_malformed`, `signature_invalid`,
    `genesis_invalid`, `demo_card`, `parameter_unknown`; FileExistsError."""
    if not card_files:
        raise Refused("genesis_invalid", "a network has at least one card", field="territories")
    cards = [(file, read_card(file)) for file in card_files]
    for file, card in cards:
        if card.demo and not demo:
            raise Refused("demo_card", card.territory.name, file=str(file))
    changes: dict[str, int] = dict.fromkeys(DEMO_QUOTAS, AMOUNT_MINOR_MAX) if demo else {}
    changes.update(_figure(text) for text in figures)
    genesis = Genesis(
        version=1,
        time_ms=time.time_ns() // 1_000_000,
        demo=demo,
        parameters=replace(Parameters(), **changes),
        territories=tuple([card.territory for _, card in cards]),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_genesis(out, genesis, engine)
    return genesis


def _figure(text: str) -> tuple[str, int]:
    name, _, figure = text.partition("=")
    if name not in PARAMETER_NAMES or not figure.isascii() or not figure.isdigit():
        raise Refused("parameter_unknown", text[:60], field=name[:40])
    return name, int(figure)
