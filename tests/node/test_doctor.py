"""The doctor finds each usual mistake, says what to do, and changes nothing."""

import contextlib
import dataclasses
import os
import shutil
import socket
import sqlite3
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.founders import Territory
from ledger.genesis import Genesis
from node.chain_records import FORMAT, META_KEY
from node.clock import now_ms
from node.data_folder import DataFolder
from node.doctor import folder as doctor_folder
from node.doctor.examination import examine
from node.doctor.finding import BAD, GOOD, WARNING, Finding
from node.doctor.folder import look_at_backup, look_at_rules
from node.doctor.machine import look_at_clock, look_at_disk
from node.doctor.others import (
    Seen,
    look_at_archives,
    look_at_networks,
    look_at_peers,
    see,
)
from node.founding import create_network
from node.key_files import KeyFiles
from node.key_renewal import keep_voting, renew_voting
from node.keys import read_key
from node.peers.certificates import make_authority, make_transport
from node.peers.tls import server_context
from node.registry import REGISTRY_FILE, Registry
from node.retention import Retention
from node.store import open_store
from primitives.signatures import SigningKey
from tests.node.founding import PASSPHRASE, make_card, make_sealing_fast
from tests.ports import free_ports

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def founded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A founded network of two, none of which runs: the first one's data, and the genesis."""
    make_sealing_fast(monkeypatch)
    ports = free_ports(4)
    cards = [
        make_card(tmp_path, prefix, port)
        for prefix, port in (("arden", ports[0]), ("brume", ports[2]))
    ]
    genesis = tmp_path / "genesis.json"
    create_network(genesis, "simplex", cards, False, [])
    return tmp_path / "arden" / "data", genesis


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def snapshot(root: Path) -> dict[Path, tuple[int, int]]:
    """Every file of the folder but the lock, with size and time of change."""
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
        and path.name not in ("lock", "LOCK", "LOG", "LOG.old")
        and "store" not in path.parts
    }


def test_a_sound_node_that_stands_still(founded: tuple[Path, Path]) -> None:
    data, genesis = founded
    before = snapshot(data)
    found = by_check(examine(data, genesis))
    assert snapshot(data) == before
    good = {name for name, finding in found.items() if finding.state == GOOD}
    assert good >= {"data", "permissions", "keys", "peer port", "store", "format"}
    assert found["peers"].state == BAD  # of two members both are needed, and one is away
    assert found["peer"].hint
    assert all(finding.hint for finding in found.values() if finding.state == BAD)


def test_another_networks_genesis(
    founded: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, genesis = founded
    network_id = Genesis.from_json(genesis.read_text("utf-8")).network_id
    DataFolder(data).bind(network_id, "simplex")
    make_sealing_fast(monkeypatch)
    other = tmp_path / "other.json"
    create_network(other, "simplex", [make_card(tmp_path / "other", "celle", 7_400)], False, [])
    found = by_check(examine(data, other))
    assert found["data"].state == BAD
    assert "data_of_other_network" in found["data"].told


def test_a_key_that_the_genesis_does_not_name(
    founded: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_sealing_fast(monkeypatch)
    other = tmp_path / "other.json"
    create_network(other, "simplex", [make_card(tmp_path / "other", "celle", 7_400)], False, [])
    assert by_check(examine(founded[0], other))["keys"].state == WARNING


def test_keys_that_others_can_read(founded: tuple[Path, Path]) -> None:
    data, genesis = founded
    (data / "keys" / "voting.json").chmod(0o644)
    finding = by_check(examine(data, genesis))["permissions"]
    assert finding.state == BAD
    assert "voting.json" in finding.told
    assert finding.hint.startswith("chmod")


def test_a_port_that_is_taken(founded: tuple[Path, Path]) -> None:
    data, genesis = founded
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        free = f"127.0.0.1:{free_ports(1)[0]}"
        found = by_check(examine(data, genesis, peer_listen=address, http_listen=free))
    assert found["peer port"].state == BAD
    assert found["http port"].state == GOOD


def test_a_damaged_store(founded: tuple[Path, Path]) -> None:
    data, genesis = founded
    (data / "store" / "KIND").write_bytes(b"\0\0")
    assert by_check(examine(data, genesis))["store"].state == BAD


def _newer_store(folder: DataFolder) -> None:
    store = open_store(folder.store, folder.read().store)
    raw = store.get(META_KEY)
    assert raw is not None
    newer = raw.replace(b"chain" + bytes([FORMAT]), b"chain\x63", 1)
    assert newer != raw
    store.write([(META_KEY, newer)], sync=True)
    store.close()


def _newer_journal(folder: DataFolder) -> None:
    mark = folder.journal / "MARK"
    mark.write_text(mark.read_text("ascii").replace("journal 1", "journal 2"), "ascii")


def _newer_registry(folder: DataFolder) -> None:
    file = folder.registry / REGISTRY_FILE
    Registry.open(file, "arden").close()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")


def _newer_public_keys(folder: DataFolder) -> None:
    file = folder.public_keys_file
    file.write_text(file.read_text("utf-8").replace('"version": 1', '"version": 2'), "utf-8")


@pytest.mark.parametrize(
    ("make_newer", "check"),
    [
        (_newer_store, "store"),
        (_newer_journal, "format"),
        (_newer_registry, "format"),
        (_newer_public_keys, "keys"),
    ],
)
def test_what_a_newer_program_left(
    make_newer: Callable[[DataFolder], None], check: str, founded: tuple[Path, Path]
) -> None:
    data, genesis = founded
    make_newer(DataFolder(data))
    finding = by_check(examine(data, genesis))[check]
    assert (finding.state, "data_of_newer_version" in finding.told) == (BAD, True), finding
    assert finding.hint


def test_a_program_that_does_not_know_the_rules_that_come() -> None:
    sound = {"rule_version": 2, "rule_version_unknown": None}
    assert look_at_rules(sound).state == GOOD
    finding = look_at_rules({**sound, "rule_version_unknown": 3})
    assert (finding.check, finding.state) == ("version", BAD)
    assert "3" in finding.told and finding.hint


def test_keys_that_are_gone(founded: tuple[Path, Path]) -> None:
    data, genesis = founded
    shutil.rmtree(data / "keys")
    assert by_check(examine(data, genesis))["keys"].state == BAD


@pytest.mark.parametrize(
    ("offsets", "state"),
    [
        ([], WARNING),
        ([0.4, -0.3, 0.9], GOOD),
        ([3.0, 3.2, 2.9], WARNING),
        ([-3600.0, -3599.0, -3601.0], BAD),
        ([0.1, 0.2, 3600.0], GOOD),
    ],
)
def test_the_clock_is_held_against_the_median(offsets: list[float], state: str) -> None:
    finding = look_at_clock(offsets)
    assert finding.state == state
    assert bool(finding.hint) == (state != GOOD)


@pytest.mark.parametrize(
    ("free", "state"), [(10 << 30, GOOD), (1 << 30, WARNING), (100 << 20, BAD)]
)
def test_a_disk_that_fills(
    free: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(1 << 40, 0, free))
    found = look_at_disk(tmp_path)
    assert (found.state, bool(found.hint)) == (state, state != GOOD)


def _backed_up(file: Path, time_ms: int | None) -> Path:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE audit (time_ms, action)")
        if time_ms is not None:
            connection.execute("INSERT INTO audit VALUES (?, 'backup')", (time_ms,))
    connection.close()
    return file


@pytest.mark.parametrize(("days", "state"), [(None, WARNING), (1, GOOD), (30, WARNING)])
def test_backups_that_were_forgotten(days: int | None, state: str, tmp_path: Path) -> None:
    time_ms = None if days is None else now_ms() - days * doctor_folder.MS_PER_DAY
    file = _backed_up(tmp_path / "registry.sqlite", time_ms)
    assert look_at_backup(file, now_ms()).state == state
    assert look_at_backup(tmp_path / "none", now_ms()).state == WARNING


# -- the others -------------------------------------------------------------------------------


class Listener:
    """A member's peer port, once: it shows its certificate and wants one, as nodes do."""

    def __init__(self, voting_key: SigningKey) -> None:
        key, certificate = make_transport(voting_key)
        self._context = server_context(key, certificate, [make_authority(voting_key)])
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        try:
            with self._context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)
        except OSError:
            pass

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._thread.join(5)


def _territory(founded: tuple[Path, Path], **changes: Any) -> tuple[Territory, SigningKey]:
    data, genesis = founded
    territory = Genesis.from_json(genesis.read_text("utf-8")).territories[0]
    key = read_key(data / "keys" / "voting.json", "voting", PASSPHRASE)
    return dataclasses.replace(territory, **changes), key


def test_whose_node_listens_is_seen_in_its_certificate(founded: tuple[Path, Path]) -> None:
    _, key = _territory(founded)
    with Listener(key) as own:
        assert see(_territory(founded, peer=own.address)[0]).peer_problem == ""
    stranger = SigningKey.from_seed(os.urandom(32))
    with Listener(stranger) as other:
        assert see(_territory(founded, peer=other.address)[0]).peer_problem


def test_what_is_no_node_is_named_so(founded: tuple[Path, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        address = f"127.0.0.1:{plain.getsockname()[1]}"

        def hang_up() -> None:
            connection, _ = plain.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        seen = see(_territory(founded, peer=address)[0])
        thread.join(5)
    assert seen.peer_problem
    assert seen.offset_seconds is None


_OK = b"HTTP/1.1 200 OK\r\n"
_NETWORK = b'Content-Length: 21\r\n\r\n{"network_id":"abcd"}'


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        _OK + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        _OK + b"X: a\r\n" * 200 + b"\r\n",
        _OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        _OK + b"Content-Length: 100\r\n\r\n{}",
        _OK + b"Date: yesterday\r\n" + _NETWORK,
        _OK + _NETWORK,
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
    ],
)
def test_whatever_answers_in_the_place_of_a_node_is_no_bug(
    founded: tuple[Path, Path], answer: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as wrong:

        def say() -> None:
            connection, _ = wrong.accept()
            with connection:
                connection.recv(4_096)
                connection.sendall(answer)

        thread = threading.Thread(target=say)
        thread.start()
        address = f"127.0.0.1:{wrong.getsockname()[1]}"
        seen = see(_territory(founded, http=address, peer="127.0.0.1:9")[0])
        thread.join(5)
    assert (seen.offset_seconds, seen.network_id) == (None, None)


def test_a_member_without_a_place_is_away(founded: tuple[Path, Path]) -> None:
    """Where it is reached is a member's own word, and any text."""
    for place in ("nowhere", "a..b:7000", "é" * 70 + ":1", f"{'a' * 70}.b:7000"):
        seen = see(_territory(founded, http=place, peer=place)[0])
        assert seen.peer_problem
        assert (seen.offset_seconds, seen.network_id) == (None, None)


def test_how_many_are_needed() -> None:
    there = Seen("a", "a:1", "", 0.0, "ab")
    away = Seen("b", "b:1", "refused", None, None)
    assert by_check(look_at_peers([there, there, away], 3))["peers"].state == GOOD
    assert by_check(look_at_peers([there, away, away], 3))["peers"].state == BAD
    assert len([f for f in look_at_peers([there, away, away], 3) if f.check == "peer"]) == 2


def test_others_that_serve_another_network() -> None:
    own = Seen("a", "a:1", "", 0.0, "ab")
    other = Seen("b", "b:1", "", 0.0, "cd")
    silent = Seen("c", "c:1", "", None, None)
    assert look_at_networks([own, silent], "ab").state == GOOD
    assert look_at_networks([silent], "ab").state == WARNING
    finding = look_at_networks([own, other], "ab")
    assert finding.state == BAD
    assert "b" in finding.told


def test_somebody_should_keep_every_block(tmp_path: Path) -> None:
    retention = Retention(tmp_path / "retention.json")
    archive = Seen("a", "a:1", "", 0.0, "ab", True)
    prunes, silent = Seen("b", "b:1", "", 0.0, "ab", False), Seen("c", "c:1", "", None, None)
    assert look_at_archives(retention, [prunes]).state == GOOD
    retention.keep(90)
    assert look_at_archives(retention, [prunes, archive]).state == GOOD
    for seen in ([], [prunes], [silent], [prunes, silent]):
        assert look_at_archives(retention, seen).state == WARNING
    (tmp_path / "retention.json").write_text("{")
    assert look_at_archives(retention, [archive]).state == WARNING


def test_a_renewed_voting_key_is_no_fault(founded: tuple[Path, Path], tmp_path: Path) -> None:
    data, genesis = founded
    files = KeyFiles(DataFolder(data))
    renew_voting(data, tmp_path / "renewed.card", PASSPHRASE, again=False)
    pending = files.read_pending(PASSPHRASE)
    assert pending is not None
    keep_voting(files, pending)
    finding = by_check(examine(data, genesis))["keys"]
    assert finding.state == GOOD and pending.voting_key.hex()[:16] in finding.told
