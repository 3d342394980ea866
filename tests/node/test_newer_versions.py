"""What a newer program left in a data folder is refused by its name, and left as it is."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from node.data_folder import DataFolder
from node.journal import Journal, create_journal
from node.keys import KEY_FILE_KIND, read_key
from node.office.office import REGISTRY_FILE
from node.registry.register import Registry
from primitives.errors import Refused
from primitives.keystore import seal
from tests.node.founding import PASSPHRASE
from tests.node.test_commands import Shell, _english, data, genesis, shell

__all__ = ["_english", "genesis", "shell"]
"""Fixtures."""


def _json_version(file: Path, newer: int = 2) -> None:
    text = file.read_text("utf-8")
    assert text.count('"version": 1') == 1
    file.write_text(text.replace('"version": 1', f'"version": {newer}'), "utf-8")


def _mark(file: Path) -> None:
    file.write_text(file.read_text("ascii").replace("journal 1 ", "journal 2 "), "ascii")


def _schema(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")


def _sealed_key(file: Path) -> None:
    """The envelope is as always; what is sealed in it is newer."""
    payload = (KEY_FILE_KIND, 2, "voting", bytes(32), "more")
    salt, nonce = bytes(16), bytes(24)
    file.write_bytes(
        seal(payload, PASSPHRASE, salt=salt, nonce=nonce, opslimit=1, memlimit_bytes=8_192)
    )


NEWER: list[tuple[str, Callable[[Path], None]]] = [
    ("node.json", _json_version),
    ("keys/voting.json", _json_version),
    ("keys/voting.json", _sealed_key),
    ("keys/signing.json", _json_version),
    ("keys/transport.json", _json_version),
    ("journal/MARK", _mark),
    (f"registry/{REGISTRY_FILE}", _schema),
]


def _contents(folder: Path) -> dict[str, bytes]:
    """Of every file but the locks, and the store's own, which is opened before the journal."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("lock", "keys.lock") and "store" not in path.parts
    }


@pytest.mark.parametrize(("name", "make_newer"), NEWER)
def test_a_node_does_not_start_with_it(
    name: str, make_newer: Callable[[Path], None], shell: Shell, genesis: Path
) -> None:
    folder = DataFolder(data(shell))
    Registry.open(folder.registry / REGISTRY_FILE, "arden").close()
    file = folder.root / name
    make_newer(file)
    words = shell.start_words(folder.root, genesis)
    before = _contents(folder.root)
    code, out, err = shell.run(*words, "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"], error["file"]) == (2, "data_of_newer_version", str(file)), err
    assert "error[data_of_newer_version]: " in err and "\nhint: " in err
    after = _contents(folder.root)
    after["node.json"] = before["node.json"]  # it may say by now which network it serves
    assert after == before


def test_public_keys_and_the_genesis(shell: Shell, genesis: Path) -> None:
    folder = DataFolder(data(shell))
    _json_version(folder.public_keys_file)
    words: list[str | Path] = ["node", "keys", "--data", folder.root]
    assert shell.refusal(2, *words) == "data_of_newer_version"
    _json_version(genesis, 9)
    _, out, _ = shell.run(*shell.start_words(folder.root, genesis), "--json")
    error = json.loads(out)["error"]
    assert (error["code"], error["file"]) == ("version_unknown", str(genesis))


def test_a_newer_card_is_not_joined_with(shell: Shell, genesis: Path) -> None:
    ports = ("127.0.0.1:1", "127.0.0.1:2")
    shell.json(*shell.init_words("brume", *ports))
    folder = DataFolder(shell.folder / "brume" / "data")
    _json_version(folder.card_file)
    words = [
        word if word != "start" else "join" for word in shell.start_words(folder.root, genesis)
    ]
    _, out, _ = shell.run(*words, "--from", "127.0.0.1:1", "--json")
    error = json.loads(out)["error"]
    assert (error["code"], error["file"]) == ("version_unknown", str(folder.card_file))


@pytest.mark.parametrize("version", ["2", "99", "123456789012345"])
def test_a_newer_journal_is_neither_lost_nor_begun_anew(version: str, tmp_path: Path) -> None:
    journal_id = create_journal(tmp_path)
    mark = tmp_path / "MARK"
    mark.write_text(f"democite-journal {version} {journal_id.hex()} more\n")
    with pytest.raises(Refused) as caught:
        Journal(tmp_path, journal_id, 0)
    assert (caught.value.code, caught.value.file) == ("data_of_newer_version", str(mark))
    mark.write_text(f"democite-journal x {journal_id.hex()}\n")
    assert Journal(tmp_path, journal_id, 0).lost_reason == "the journal is another node's"


def test_another_roles_key_stays_malformed(shell: Shell, genesis: Path) -> None:
    with pytest.raises(Refused) as caught:
        read_key(DataFolder(data(shell)).voting_file, "signing", PASSPHRASE)
    assert caught.value.code == "keystore_malformed"
