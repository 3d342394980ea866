"""The data folder: whose it is, and that one process uses it; and files written whole."""

import json
import os
import stat
from pathlib import Path

import pytest

from node.data_folder import DataFolder, NodeFile
from node.private_files import private_by_default, replace_file, write_new_file
from primitives.errors import Refused

CONTENT = NodeFile("Arden", "arden", "127.0.0.1:1", "127.0.0.1:2", "leveldb")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path)
    made.write(CONTENT)
    return made


def code_of(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return caught.value.code


def test_it_is_read_as_written(folder: DataFolder) -> None:
    assert folder.read() == CONTENT
    assert stat.S_IMODE(folder.file.stat().st_mode) == 0o600


def test_nothing_there(tmp_path: Path) -> None:
    assert code_of(DataFolder(tmp_path / "none").read) == "data_missing"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 2}, "data_of_newer_version"),
        ({"version": 0}, "data_malformed"),
        ({"version": "1"}, "data_malformed"),
        ({"kind": "card"}, "data_malformed"),
        ({"store": None}, "data_malformed"),
        ({"surplus": "x"}, "data_malformed"),
    ],
)
def test_what_cannot_be_read(folder: DataFolder, change: dict[str, object], code: str) -> None:
    content = json.loads(folder.file.read_bytes())
    folder.file.write_text(json.dumps(content | change))
    assert code_of(folder.read) == code


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b"[" * 10_000, b" " * 20_000])
def test_garbage(folder: DataFolder, raw: bytes) -> None:
    folder.file.write_bytes(raw)
    assert code_of(folder.read) == "data_malformed"


def test_the_first_start_binds_it(folder: DataFolder) -> None:
    one, other = bytes(32), bytes([1]) * 32
    folder.check(one, "simplex")
    folder.check(other, "simplex")
    assert folder.bind(one, "simplex").network_id == one.hex()
    assert folder.bind(one, "simplex").engine == "simplex"
    assert code_of(folder.bind, other, "simplex") == "data_of_other_network"
    assert code_of(folder.check, other, "simplex") == "data_of_other_network"
    assert code_of(folder.bind, one, "cometbft") == "engine_mismatch"
    assert folder.read().network_id == one.hex()


def test_two_do_not_use_it_at_once(folder: DataFolder) -> None:
    second = DataFolder(folder.root)
    folder.lock()
    assert code_of(second.lock) == "data_in_use"
    folder.unlock()
    second.lock()
    second.unlock()


def test_a_new_file_takes_no_other_place(tmp_path: Path) -> None:
    file = tmp_path / "key"
    write_new_file(file, b"one")
    with pytest.raises(FileExistsError) as caught:
        write_new_file(file, b"two")
    assert caught.value.filename == str(file)
    assert file.read_bytes() == b"one"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    replace_file(file, b"three")
    assert file.read_bytes() == b"three"
    assert os.listdir(tmp_path) == ["key"]


def test_a_disk_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    file = tmp_path / "key"
    write_new_file(file, b"one")
    assert file.read_bytes() == b"one"
    with pytest.raises(FileExistsError):
        write_new_file(file, b"two")
    assert file.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["key"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    replace_file(tmp_path / "old", b"old")
    monkeypatch.setattr(os, "fsync", full)
    for write in (write_new_file, replace_file):
        with pytest.raises(OSError, match="No space"):
            write(tmp_path / "old", b"new")
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_what_libraries_write_is_private_too(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with private_by_default():
            (tmp_path / "inside").write_text("x")
        (tmp_path / "after").write_text("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "inside").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "after").stat().st_mode) == 0o644
