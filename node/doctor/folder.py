"""The data folder: whose it is, whether it fits the genesis, what a running node says of itself."""

import contextlib
import socket
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from ledger.genesis import Genesis
from node.addresses import parse_host_port
from node.chain_records import META_KEY, Meta
from node.data_folder import DataFolder
from node.doctor.finding import BAD, GOOD, WARNING, Finding
from node.doctor.roll import Roll
from node.journal_mark import check_version
from node.keys import read_public_keys
from node.registry import REGISTRY_FILE
from node.registry.database import version_of
from node.registry.schema import STEPS
from node.remote import fetch_status
from node.store import open_store
from primitives.errors import Refused
from terminal import catalogue
from terminal.languages import text

BACKUP_WARNED_DAYS = 8
MS_PER_DAY = 86_400_000
_PROBE_SECONDS = 3.0


def refusal_found(check: str, refusal: Refused) -> Finding:
    """A refusal, as a finding."""
    told = f"[{refusal.code}] {catalogue.message(refusal.code)}"
    if refusal.detail:
        told = f"{told}: {refusal.detail}"
    return Finding(check, BAD, told, catalogue.hint(refusal.code))


def look_at_folder(folder: DataFolder, genesis: Genesis, engine: str) -> Finding:
    """`node.json`, and that this folder serves the network and engine of the genesis."""
    try:
        content = folder.check(genesis.network_id, engine)
    except Refused as refusal:
        return refusal_found("data", refusal)
    return Finding("data", GOOD, f"{content.name} ({content.prefix}), {content.store}")


def look_at_keys(folder: DataFolder, roll: Roll) -> Finding:
    """Whether the network knows this node's voting key."""
    try:
        voting = read_public_keys(folder.public_keys_file)["voting"]
    except (OSError, KeyError, Refused) as error:
        if isinstance(error, Refused) and error.code == "data_of_newer_version":
            return refusal_found("keys", error)
        told = text("les clés du nœud manquent", "the node's keys are missing")
        hint = text(
            "restaurez-les : democite node backup restore",
            "restore them: democite node backup restore",
        )
        return Finding("keys", BAD, told, hint)
    prefix, shown = folder.read().prefix, f"{voting[:16]}…"
    for member in roll.members:
        if member.voting_key.hex() == voting:
            return Finding("keys", GOOD, f"{member.prefix}: {shown}")
    if any(member.prefix == prefix for member in roll.members):
        # The vote for a renewed key, and the epoch in which it counts, may still be to come.
        told = text(
            f"{prefix} : {shown}, renouvelée, ou pas encore votée",
            f"{prefix}: {shown}, renewed, or not voted yet",
        )
        if not roll.is_current:
            return Finding("keys", GOOD, told)
        hint = text(
            "le nœud vote-t-il ? democite node status --node URL ; sinon restaurez ses clés : "
            "democite node backup restore",
            "does the node vote? democite node status --node URL; if not, restore its keys: "
            "democite node backup restore",
        )
        return Finding("keys", WARNING, told, hint)
    told = text(
        f"la clé de vote {shown} n'est celle d'aucun membre connu ici ({roll.told})",
        f"the voting key {shown} is no member's that is known here ({roll.told})",
    )
    hint = text(
        "ce territoire n'a-t-il pas encore rejoint le réseau, ou l'a-t-il quitté ? sinon, c'est "
        "une autre genèse",
        "has this territory not joined the network yet, or left it? if neither, it is another "
        "genesis",
    )
    return Finding("keys", WARNING, told, hint)


def look_at_node(folder: DataFolder, peer: str, http: str) -> list[Finding]:
    """The node, if it runs; else whether it could listen, and whether its store opens."""
    try:
        folder.lock()
    except Refused:
        return _running(http)
    try:
        return [_port("peer", peer), _port("http", http), _store(folder)]
    finally:
        folder.unlock()


def _running(http: str) -> list[Finding]:
    """What it says of itself, and whether its program knows the rules that come."""
    url = http if "://" in http else f"http://{http}"
    try:
        status = fetch_status([url])
    except Refused as refusal:
        away = Finding(
            "node",
            BAD,
            text(
                f"il tourne, mais {url} ne répond pas ({refusal.code})",
                f"it runs, but {url} does not answer ({refusal.code})",
            ),
            text(
                "regardez son journal : journalctl -u democite-node",
                "see its log: journalctl -u democite-node",
            ),
        )
        return [away]
    return [_state_of(status), look_at_rules(status)]


def look_at_rules(status: Mapping[str, object]) -> Finding:
    """Whether the running program knows the rules in force and those that are asked for."""
    unknown = status.get("rule_version_unknown")
    if not unknown:
        told = text(
            f"ce programme connaît les règles en vigueur ({status.get('rule_version')})",
            f"this program knows the rules in force ({status.get('rule_version')})",
        )
        return Finding("version", GOOD, told)
    told = text(
        f"les règles {unknown} sont proposées ou votées, et ce programme ne les connaît pas",
        f"rules {unknown} are proposed or voted, and this program does not know them",
    )
    hint = text(
        "mettez le programme à jour maintenant : sinon le nœud s'arrête quand elles commencent",
        "update the program now: else the node stops when they begin",
    )
    return Finding("version", BAD, told, hint)


def _state_of(status: Mapping[str, object]) -> Finding:
    place = text(
        f"il tourne, hauteur {status['height']}, {status['peers']} pairs",
        f"it runs, height {status['height']}, {status['peers']} peers",
    )
    if status.get("observing"):
        told = text(
            f"{place} ; il observe et ne vote pas", f"{place}; it observes and does not vote"
        )
        hint = text(
            "voir « observe seulement » dans docs/operating.md",
            "see “observes only” in docs/operating.md",
        )
        return Finding("node", WARNING, told, hint)
    if not status["ready"]:
        told = text(f"{place} ; il n'est pas prêt", f"{place}; it is not ready")
        hint = text(
            "il rattrape son retard, ou trop peu d'autres sont là",
            "it is catching up, or too few others are there",
        )
        return Finding("node", WARNING, told, hint)
    return Finding("node", GOOD, place)


def _port(check: str, address: str) -> Finding:
    """Whether this machine has the address, and the port is free."""
    try:
        host, port = parse_host_port(address, check)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except (OSError, Refused) as error:
        return Finding(
            f"{check} port",
            BAD,
            f"{address}: {error}",
            text(
                "un autre programme l'occupe (ss -ltnp), ou l'adresse n'est pas à cette machine : "
                f"--{check}-listen",
                "another program holds it (ss -ltnp), or the address is not this machine's: "
                f"--{check}-listen",
            ),
        )
    return Finding(f"{check} port", GOOD, text(f"{address} est libre", f"{address} is free"))


def _store(folder: DataFolder) -> Finding:
    try:
        store = open_store(folder.store, folder.read().store)
        try:
            raw = store.get(META_KEY)
        finally:
            store.close()
        if raw is not None:
            Meta.decode(raw)
    except Refused as refusal:
        return refusal_found("store", refusal)
    return Finding("store", GOOD, text("il s'ouvre", "it opens"))


def look_at_versions(folder: DataFolder) -> Finding:
    """Whether a newer program wrote the journal or the registry; both are only read."""
    try:
        check_version(folder.journal)
        registry = folder.registry / REGISTRY_FILE
        with contextlib.suppress(sqlite3.Error), contextlib.closing(_read_only(registry)) as opened:
            version = version_of(opened)
            if version > STEPS[-1].version:
                raise Refused("data_of_newer_version", f"version {version}", file=str(registry))
    except Refused as refusal:
        return refusal_found("format", refusal)
    told = text("ce programme connaît ces données", "this program knows these data")
    return Finding("format", GOOD, told)


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=_PROBE_SECONDS)


def look_at_backup(registry_file: Path, now_ms: int) -> Finding:
    """When the registry was last backed up, as its own audit log says."""
    hint = "democite node backup create --data DIR --out FILE"
    newest_ms: int | None = None
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(_read_only(registry_file)) as connection,
    ):
        row = connection.execute(
            "SELECT MAX(time_ms) FROM audit WHERE action = 'backup'"
        ).fetchone()
        newest_ms = row[0]
    if newest_ms is None:
        told = text("il n'y en a pas encore", "there is none yet")
        return Finding("backup", WARNING, told, hint)
    days = (now_ms - newest_ms) // MS_PER_DAY
    told = text(f"la dernière a {days} jours", f"the newest is {days} days old")
    if days > BACKUP_WARNED_DAYS:
        return Finding("backup", WARNING, told, hint)
    return Finding("backup", GOOD, told)
