"""Where passphrases come from."""

import io
import sys
from pathlib import Path

import pytest

from terminal.errors import CommandError
from terminal.passphrases import ENVIRONMENT_NAME, read_passphrase


class _Stdin(io.TextIOWrapper):
    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_NAME, raising=False)


def test_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_bytes("mot de passe é \r\nsecond line".encode())
    assert read_passphrase(file) == "mot de passe é "


def test_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Stdin(b"one\ntwo\n"))
    assert read_passphrase(Path("-")) == "one"


def test_from_the_file_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "p"
    file.write_text("x\n")
    monkeypatch.setenv(ENVIRONMENT_NAME, str(file))
    assert read_passphrase(None) == "x"


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "passphrase_empty"), (b"\n", "passphrase_empty"), (b"a" * 5000, "passphrase_missing")],
)
def test_none_worth_the_name(tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "p"
    file.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        read_passphrase(file)
    assert (caught.value.code, caught.value.exit_code) == (code, 5)


def test_without_file_and_terminal_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Stdin(b""))
    with pytest.raises(CommandError) as caught:
        read_passphrase(None)
    assert (caught.value.code, caught.value.exit_code) == ("passphrase_missing", 5)
