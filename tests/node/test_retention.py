"""How long blocks are kept: chosen by command, read again by a running node, never too short."""

import json
from pathlib import Path

import pytest

from clients.cli import main
from ledger.rules import Parameters
from node.data_folder import DataFolder, NodeFile
from node.retention import RETENTION_FILE, Retention, days_min, read_days
from primitives.errors import Refused

DAY_MS = 86_400_000


def test_everything_is_kept_until_somebody_chooses(tmp_path: Path) -> None:
    retention = Retention(tmp_path / RETENTION_FILE)
    assert retention.days() is None
    other = Retention(tmp_path / RETENTION_FILE)
    other.keep(90)
    assert retention.days() == 90
    other.keep(61)
    assert retention.days() == 61
    other.keep(None)
    assert retention.days() is None
    (tmp_path / RETENTION_FILE).unlink()
    assert retention.days() is None


def test_what_refunds_and_lookups_need_is_the_least() -> None:
    assert days_min(Parameters()) == Parameters().refund_days_max == 60
    assert days_min(Parameters(refund_days_max=1)) == 30
    assert days_min(Parameters(refund_days_max=1, valid_for_cosigned_ms_max=DAY_MS + 1)) == 2


@pytest.mark.parametrize(
    ("days", "code"),
    [(59, "retention_too_short"), (0, "retention_too_short"), (36_501, "retention_malformed")],
)
def test_other_numbers_are_refused(days: int, code: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        Retention(tmp_path / RETENTION_FILE).keep(days)
    assert caught.value.code == code
    assert not (tmp_path / RETENTION_FILE).exists()


@pytest.mark.parametrize("word", ["", "-1", "1.5", "everything", "٣", "9" * 30, " 60"])
def test_words_that_are_no_number(word: str) -> None:
    with pytest.raises(Refused, match="retention_malformed"):
        read_days(word)
    assert (read_days("all"), read_days("90")) == (None, 90)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[" * 3_000,
        b"null",
        b'{"kind": "retention", "version": 2, "days": 90}',
        b'{"kind": "retention", "version": 1, "days": true}',
        b'{"kind": "retention", "version": 1, "days": 90.0}',
        b'{"kind": "retention", "version": 1, "days": -1}',
        b'{"kind": "retention", "version": 1}',
        b'{"kind": "retention", "version": 1, "days": 90}' + b" " * 5_000,
    ],
)
def test_a_file_that_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / RETENTION_FILE).write_bytes(content)
    retention = Retention(tmp_path / RETENTION_FILE)
    for _ in range(2):
        with pytest.raises(Refused, match="retention_malformed"):
            retention.days()
    retention.keep(90)
    assert retention.days() == 90


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = DataFolder(tmp_path)
    words = ["node", "keep", "--data", str(tmp_path), "--json"]

    def run(*more: str) -> tuple[int, object]:
        code = main.run([*words, *more])
        told = json.loads(capsys.readouterr().out)
        return code, told.get("days", None) if code == 0 else told["error"]["code"]

    assert run("--days", "90") == (2, "data_missing")
    folder.write(NodeFile("Arden", "arden", "127.0.0.1:1", "127.0.0.1:2", "leveldb"))
    assert run() == (0, None)
    assert run("--days", "90") == run() == (0, 90)
    assert run("--days", "59") == (4, "retention_too_short")
    assert run("--days", "some") == (2, "retention_malformed")
    assert run() == (0, 90)
    assert run("--days", "all") == run() == (0, None)
