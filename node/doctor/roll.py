"""Who the members are by now: their voting keys, and where they are reached.

The genesis names those of the beginning. Since then keys were renewed, and territories joined and
left, by vote: a node that runs is asked on its own address, the store of one that stands still is
read. Either may lag behind the network, and then another member's unknown key proves nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from ledger.genesis import Genesis
from node.chain import Chain
from node.data_folder import DataFolder
from node.doctor.finding import GOOD, WARNING, Finding
from node.epoch_book import EpochBook
from node.remote import fetch_epoch, fetch_network, fetch_status
from node.store import open_store
from primitives.errors import InvariantBroken, Refused
from terminal.languages import text

_KEY_BYTES = 32


class Listed(NamedTuple):
    """A member that votes on blocks. `peer` and `http` are host:port."""

    prefix: str
    voting_key: bytes
    peer: str
    http: str


@dataclass(frozen=True, slots=True)
class Roll:
    """The members of one epoch. `is_current`: the network is in that epoch still, as far as one
    can know. `told` says in the reader's language where this comes from; `problem` why nothing
    later than the genesis could be read, empty where it could."""

    members: tuple[Listed, ...]
    told: str
    is_current: bool = False
    problem: str = ""

    def others(self, prefix: str) -> list[Listed]:
        """Everybody but the territory with this short name."""
        return [one for one in self.members if one.prefix != prefix]

    def finding(self) -> Finding:
        """What the other findings rest on."""
        if not self.problem:
            return Finding("members", GOOD, self.told)
        hint = text(
            "une clé renouvelée ou un membre arrivé depuis n'est pas connu ici : sans le nœud, "
            "comparez avec un autre territoire (GET /v1/epochs/N)",
            "a key renewed or a member that joined since is not known here: without the node, "
            "compare with another territory (GET /v1/epochs/N)",
        )
        return Finding("members", WARNING, f"{self.told} ({self.problem})", hint)


def read_roll(folder: DataFolder, genesis: Genesis, http: str) -> Roll:
    """What the node in this folder knows, running or not; else what the genesis says.

    `http`: where it serves, as HOST:PORT or URL.
    """
    try:
        folder.lock()
    except Refused:
        url = http if "://" in http else f"http://{http}"
        try:
            return _asked(url, genesis)
        except Refused as refusal:
            return _of_genesis(genesis, f"{url}: {refusal.code}")
    try:
        return _stored(folder, genesis)
    except Refused as refusal:
        return _of_genesis(genesis, refusal.code)
    except InvariantBroken as broken:
        return _of_genesis(genesis, broken.reason)
    finally:
        folder.unlock()


def _of_genesis(genesis: Genesis, problem: str) -> Roll:
    members = tuple(
        [Listed(one.prefix, one.voting_key, one.peer, one.http) for one in genesis.territories]
    )
    told = text(f"{len(members)}, selon la genèse seule", f"{len(members)}, by the genesis alone")
    return Roll(members, told, problem=problem)


def _stored(folder: DataFolder, genesis: Genesis) -> Roll:
    store = open_store(folder.store, folder.read().store)
    try:
        epoch = EpochBook(Chain(store), genesis).current
    finally:
        store.close()
    members = tuple(
        [Listed(one.prefix, one.voting_key, one.peer, one.http) for one in epoch.terms.active]
    )
    began = datetime.fromtimestamp(epoch.time_ms / 1000, UTC).strftime("%Y-%m-%d")
    told = text(
        f"{len(members)} à l'époque {epoch.number} ({began}), selon ce dossier",
        f"{len(members)} in epoch {epoch.number} ({began}), by this folder",
    )
    return Roll(members, told)


def _asked(url: str, genesis: Genesis) -> Roll:
    """Raises `Refused`: `node_unreachable`, `node_answer_malformed`."""
    is_ready = fetch_status([url])["ready"] is True
    network = fetch_network([url])
    number = network["epoch"]
    if network["network_id"] != genesis.network_id.hex() or type(number) is not int:
        raise Refused("node_answer_malformed", url)
    places = {row["prefix"]: row for row in _rows(network)}
    members: list[Listed] = []
    for row in _rows(fetch_epoch([url], number)):
        place = places.get(row["prefix"], {})
        members.append(_listed(row, place))
    told = text(
        f"{len(members)} à l'époque {number}, selon ce nœud",
        f"{len(members)} in epoch {number}, by this node",
    )
    return Roll(tuple(members), told, is_current=is_ready)


def _rows(content: Mapping[str, object]) -> list[dict[str, str]]:
    """The members in an answer, their fields of text."""
    rows = content["members"]
    found: list[dict[str, str]] = []
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or not isinstance(row.get("prefix"), str):
            raise Refused("node_answer_malformed", "members")
        found.append({name: field for name, field in row.items() if isinstance(field, str)})
    return found


def _listed(row: Mapping[str, str], place: Mapping[str, str]) -> Listed:
    try:
        voting_key = bytes.fromhex(row.get("voting_key", ""))
    except ValueError:
        voting_key = b""
    if len(voting_key) != _KEY_BYTES:
        raise Refused("node_answer_malformed", "voting_key")
    return Listed(row["prefix"], voting_key, place.get("peer", ""), place.get("http", ""))
