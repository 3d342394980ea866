"""`democite node backup` as one types it."""

import json
from functools import partial
from pathlib import Path

import pytest

from clients.cli import main
from node.data_folder import DataFolder, NodeFile
from node.registry import REGISTRY_FILE, Registry, backups, sealed_stream
from node.registry.schema import STEPS
from tests.node.registry.town_registry import ACT, PREFIX, resident


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node's folder with a registry of one resident, and a passphrase file beside it."""
    monkeypatch.setenv("DEMOCITE_LANG", "en")
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("open\n")
    monkeypatch.setenv("DEMOCITE_PASSPHRASE_FILE", str(passphrase))
    monkeypatch.setattr(
        backups, "seal", partial(sealed_stream.seal, opslimit=1, memlimit_bytes=8_192)
    )
    folder = _folder(tmp_path / "data")
    registry = Registry.open(folder.registry / REGISTRY_FILE, PREFIX)
    registry.people.import_residents(ACT, [resident(2, "P1")])
    registry.close()
    return folder.root


def _folder(root: Path) -> DataFolder:
    root.mkdir()
    folder = DataFolder(root)
    folder.write(NodeFile("Arden", PREFIX, "127.0.0.1:1", "127.0.0.1:2", "leveldb"))
    return folder


def told(capture: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, object]]:
    capture.readouterr()
    code = main.run(["node", "backup", *(str(word) for word in words), "--json"])
    content = json.loads(capture.readouterr().out)
    assert isinstance(content, dict)
    return code, content


def test_create_verify_restore(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "backup"
    # The node may run meanwhile.
    running = DataFolder(data)
    running.lock()
    registry = Registry.open(running.registry / REGISTRY_FILE, PREFIX)
    assert told(capsys, "create", "--data", data, "--out", out)[0] == 0
    assert registry.people.resident(ACT, "P1").person == "P1"
    registry.close()
    running.unlock()
    code, content = told(capsys, "verify", out)
    assert (code, content["prefix"], content["version"]) == (0, PREFIX, len(STEPS))
    empty = _folder(tmp_path / "empty")
    assert told(capsys, "restore", out, "--data", empty.root)[0] == 0
    restored = Registry.open(empty.registry / REGISTRY_FILE, PREFIX)
    assert restored.people.resident(ACT, "P1").name == "Martin"
    restored.close()


def test_what_is_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def code(*words: str | Path) -> str:
        exit_code, content = told(capsys, *words)
        assert exit_code != 0
        error = content["error"]
        assert isinstance(error, dict)
        assert error["hint"]
        return str(error["code"])

    out = tmp_path / "backup"
    assert told(capsys, "create", "--data", data, "--out", out)[0] == 0
    assert code("create", "--data", data, "--out", out) == "file_exists"
    assert code("restore", out, "--data", data) == "registry_exists"
    empty = _folder(tmp_path / "empty")
    assert code("create", "--data", empty.root, "--out", tmp_path / "x") == "data_missing"
    empty.lock()
    assert code("restore", out, "--data", empty.root) == "data_in_use"
    empty.unlock()
    assert code("verify", tmp_path / "passphrase") == "backup_malformed"
    (tmp_path / "passphrase").write_text("other\n")
    assert code("verify", out) == "passphrase_wrong"
