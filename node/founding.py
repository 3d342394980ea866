"""`node init`, `network issuer` and `network create`: what is done before there is a network.

Nothing half-made stays: a data folder is built under another name and moved into place last; files
outside it are removed again when something fails.
"""

import errno
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.founders import TWO_SIGNERS_ABOVE_MINOR, WAGE_CAP_BPS_MAX, Territory
from ledger.genesis import Genesis
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
from node.genesis_file import COMETBFT, write_genesis
from node.keys import KeySource, write_key, write_public_keys, write_transport_key
from node.peers.certificates import make_authority, make_transport, public_key_of
from node.private_files import (
    PRIVATE_FOLDER_MODE,
    private_by_default,
    sync_folder,
    write_new_file,
)
from node.territory_options import create_data
from node.undo import Undo, undone_on_failure
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.errors import Refused
from primitives.signatures import SigningKey

FIGURE_DIGITS_MAX = 16
STAFF_ROLES = ("staff-1", "staff-2")
"""Two, so that what needs two signatures can be signed from the first day."""
ROLES = ("voting", "cometbft", "signing", "recovery", "issuer", *STAFF_ROLES)
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
    staff_keys: tuple[bytes, ...] = ()
    """Public keys that staff made themselves; without any, two are made."""
    wage_cap_bps: int = WAGE_CAP_BPS_MAX
    two_signers_above_minor: int = TWO_SIGNERS_ABOVE_MINOR

    @property
    def key_files(self) -> dict[str, Path]:
        """Where the keys go that never stand with the node, by role."""
        stem = self.recovery_out.stem
        files = {"recovery": self.recovery_out}
        if self.issuer_card is None:
            files["issuer"] = self.issuer_file
        if not self.staff_keys:
            files |= {
                role: self.recovery_out.with_name(f"{stem}-{role}.json") for role in STAFF_ROLES
            }
        return files

    @property
    def issuer_file(self) -> Path:
        """Where a 1-of-1 issuer's key goes: beside the recovery key, never with the node."""
        return self.recovery_out.with_name(f"{self.recovery_out.stem}-issuer.json")


def init_node(plan: NodePlan, passphrase: str) -> Card:
    """Make a node's keys, journal and store, and hand over its public card.

    Raises FileExistsError, `Refused`: `genesis_invalid` for what no genesis would take,
    `card_malformed`, `usage` for a recovery key that would stand with the node.
    """
    _check_places(plan)
    source = KeySource(plan.demo_seed)
    keys = {role: source.new_key(f"{role} {plan.prefix}") for role in ROLES}
    card = _card(plan, keys)
    with undone_on_failure() as undo:
        for role, path in plan.key_files.items():
            _write_outside(path, role, keys[role], passphrase, undo)
        undo.make_folder(plan.data.parent)
        building = plan.data.with_name(f".{plan.data.name}.{secrets.token_hex(6)}")
        undo.tree(building)
        with private_by_default():
            _build_folder(building, plan, keys, passphrase)
            write_new_file(
                DataFolder(building).card_file, card_to_json(card, keys["voting"]).encode()
            )
        undo.make_folder(plan.card.parent)
        building.rename(plan.data)
        undo.tree(plan.data)
        sync_folder(plan.data.parent)
        write_new_file(plan.card, card_to_json(card, keys["voting"]).encode(), CARD_FILE_MODE)
    return card


def read_staff_keys(words: Sequence[str]) -> tuple[bytes, ...]:
    """Public keys as people hand them over, in hex. Raises `Refused("key_invalid")`."""
    keys: list[bytes] = []
    for word in words:
        try:
            keys.append(bytes.fromhex(word))
        except ValueError:
            raise Refused("key_invalid", word[:80], field="--staff-key") from None
    return tuple(keys)


def _check_places(plan: NodePlan) -> None:
    files = [plan.card, *plan.key_files.values()]
    for path in files:
        if os.path.lexists(path):
            raise _exists(path)
    if os.path.lexists(plan.data) and not _is_empty_folder(plan.data):
        raise _exists(plan.data)
    data = plan.data.resolve()
    for path in files[1:]:
        if data in path.resolve().parents:
            raise Refused(
                "usage",
                "recovery, issuer and staff keys never stand in the node's data",
                field="--recovery-out",
            )


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _card(plan: NodePlan, keys: dict[str, SigningKey]) -> Card:
    territory = Territory(
        name=plan.name,
        prefix=plan.prefix,
        currencies=(currency_of(plan.currency),),
        peer=plan.peer,
        http=plan.http,
        voting_key=keys["voting"].public_key,
        authority_der=make_authority(keys["voting"]),
        signing_keys=plan.staff_keys or tuple(keys[role].public_key for role in STAFF_ROLES),
        signing_threshold=1,
        recovery_key=keys["recovery"].public_key,
        issuer_keys=(keys["issuer"].public_key,),
        issuer_threshold=1,
        node_key=keys["signing"].public_key,
        cometbft_key=keys["cometbft"].public_key,
        wage_cap_bps=plan.wage_cap_bps,
        two_signers_above_minor=plan.two_signers_above_minor,
    )
    is_demo = plan.demo_seed is not None
    if plan.issuer_card is not None:
        issuer = read_issuer_card(plan.issuer_card)
        territory = with_issuer(territory, issuer)
        # Whoever knows the seed could issue money: no less a demo than with a node's own keys.
        is_demo = is_demo or issuer.demo
    return Card(territory, is_demo)


def _build_folder(root: Path, plan: NodePlan, keys: dict[str, SigningKey], passphrase: str) -> None:
    folder = DataFolder(root)
    for path in (root, folder.keys, folder.audit):
        path.mkdir(mode=PRIVATE_FOLDER_MODE)
    voting, signing, cometbft = keys["voting"], keys["signing"], keys["cometbft"]
    write_key(folder.voting_file, "voting", voting, passphrase)
    write_key(folder.cometbft_file, "cometbft", cometbft, passphrase)
    write_key(folder.signing_file, "signing", signing, passphrase)
    key_pem, certificate_pem = make_transport(voting)
    write_transport_key(folder.transport_file, key_pem, passphrase)
    write_new_file(folder.certificate_file, certificate_pem)
    public = {
        "voting": voting.public_key.hex(),
        "cometbft": cometbft.public_key.hex(),
        "signing": signing.public_key.hex(),
        "transport": public_key_of(certificate_pem).hex(),
    }
    write_public_keys(folder.public_keys_file, public)
    create_data(folder.journal, folder.store, plan.store)
    folder.write(NodeFile(plan.name, plan.prefix, plan.peer, plan.http, plan.store))


def _write_outside(path: Path, role: str, key: SigningKey, passphrase: str, undo: Undo) -> None:
    undo.make_folder(path.parent, PRIVATE_FOLDER_MODE)
    write_key(path, role, key, passphrase)
    undo.file(path)


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

    Raises FileExistsError, `Refused`: `genesis_invalid`, `threshold_invalid`.
    """
    currency_of(currency)
    if not 1 <= threshold <= count:
        raise Refused("threshold_invalid", f"{threshold} of {count} keys", field="threshold")
    source = KeySource(demo_seed)
    keys = [source.new_key(f"issuer {currency} {number}") for number in range(1, count + 1)]
    card = IssuerCard(
        currency, tuple([key.public_key for key in keys]), threshold, demo_seed is not None
    )
    with undone_on_failure() as undo:
        for number, key in enumerate(keys, 1):
            file = out / f"issuer-{currency.lower()}-{number}.json"
            _write_outside(file, "issuer", key, passphrase, undo)
        undo.make_folder(card_file.parent)
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
    _check_keys(cards)
    if engine == COMETBFT:
        _check_cometbft_keys(cards)
    changes: dict[str, int] = dict.fromkeys(DEMO_QUOTAS, AMOUNT_MINOR_MAX) if demo else {}
    changes.update(_figure(text) for text in figures)
    genesis = Genesis(
        version=1,
        time_ms=time.time_ns() // 1_000_000,
        demo=demo,
        parameters=replace(Parameters(), **changes),
        territories=tuple([card.territory for _, card in cards]),
    )
    with undone_on_failure() as undo:
        undo.make_folder(out.parent)
        write_genesis(out, genesis, engine)
    return genesis


def _check_keys(cards: Sequence[tuple[Path, Card]]) -> None:
    """No key and no address of the network stands twice: one theft must not become two."""
    seen: set[bytes | str] = set()
    for file, card in cards:
        one = card.territory
        parts: dict[str, Sequence[bytes | str]] = {
            "prefix": [f"prefix {one.prefix}"],
            "currency": [f"currency {currency.code}" for currency in one.currencies],
            "peer": [one.peer],
            "http": [one.http],
            "voting_key": [one.voting_key],
            "cometbft_key": [] if one.cometbft_key is None else [one.cometbft_key],
            "recovery_key": [one.recovery_key],
            "signing_keys": one.signing_keys,
            "node_key": [one.node_key],
            "issuer_keys": one.issuer_keys,
        }
        for field, values in parts.items():
            for value in values:
                if value in seen:
                    named = value.hex()[:16] if isinstance(value, bytes) else value
                    raise Refused(
                        "genesis_invalid", f"{named} stands twice", file=str(file), field=field
                    )
                seen.add(value)


def _check_cometbft_keys(cards: Sequence[tuple[Path, Card]]) -> None:
    """Cards of before `node init` made such a key have none, and can't vote under this engine."""
    for file, card in cards:
        if card.territory.cometbft_key is None:
            raise Refused("engine_keys_missing", card.territory.name, file=str(file))


def _figure(text: str) -> tuple[str, int]:
    name, _, figure = text.partition("=")
    is_figure = figure.isascii() and figure.isdigit() and len(figure) <= FIGURE_DIGITS_MAX
    if name not in PARAMETER_NAMES or not is_figure:
        raise Refused("parameter_unknown", text[:60], field=name[:40])
    return name, int(figure)
