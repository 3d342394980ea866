"""The file: whose it is, its versions, and transactions that happen whole or not at all."""

import sqlite3
import stat
from pathlib import Path

import pytest

from node.registry import Registry
from node.registry.database import Database, copy_path
from node.registry.schema import STEPS, Step
from primitives.errors import InvariantBroken, Refused
from tests.node.registry.town_registry import ACT, open_registry, resident

NEXT = Step(3, ("ALTER TABLE residents ADD COLUMN phone TEXT NOT NULL DEFAULT ''",))
ADD_LEVEL = "INSERT INTO levels (level, rate_per_hour_minor) VALUES (?, 1)"


def path_in(folder: Path) -> Path:
    return folder / "registry" / "registry.sqlite"


def count(database: Database) -> int:
    return int(database.one("SELECT COUNT(*) FROM levels")[0])


def test_every_file_is_its_owners_alone(tmp_path: Path) -> None:
    registry = open_registry(tmp_path)
    registry.people.import_residents(ACT, [resident(2, "P1")])
    files = list(path_in(tmp_path).parent.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path_in(tmp_path).parent.stat().st_mode) == 0o700
    registry.close()


def test_what_is_written_is_synced(tmp_path: Path) -> None:
    database = Database(path_in(tmp_path), "arden")
    assert database.one("PRAGMA synchronous") == (2,)
    assert database.one("PRAGMA journal_mode") == ("wal",)
    assert database.one("PRAGMA foreign_keys") == (1,)
    assert database.one("PRAGMA secure_delete") == (1,)
    database.close()


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    first = Database(path_in(tmp_path), "arden")
    first.close()
    again = Database(path_in(tmp_path), "arden")
    assert again.secret == first.secret
    again.close()
    elsewhere = Database(path_in(tmp_path / "other"), "arden")
    assert elsewhere.secret != first.secret
    elsewhere.close()


def test_another_territorys(tmp_path: Path) -> None:
    open_registry(tmp_path).close()
    with pytest.raises(Refused) as caught:
        Registry.open(path_in(tmp_path), "brenta")
    assert caught.value.code == "registry_of_other_territory"


@pytest.mark.parametrize("raw", [b"x" * 4_096, b"SQLite format 3\x00" + b"\xff" * 4_080])
def test_what_is_no_registry(tmp_path: Path, raw: bytes) -> None:
    path_in(tmp_path).parent.mkdir()
    path_in(tmp_path).write_bytes(raw)
    with pytest.raises(Refused) as caught:
        open_registry(tmp_path)
    assert caught.value.code == "registry_unreadable"
    assert path_in(tmp_path).read_bytes() == raw


def test_a_newer_version_is_left_as_it_is(tmp_path: Path) -> None:
    Database(path_in(tmp_path), "arden", (*STEPS, NEXT)).close()
    before = path_in(tmp_path).read_bytes()
    with pytest.raises(Refused) as caught:
        open_registry(tmp_path)
    assert caught.value.code == "data_of_newer_version"
    assert path_in(tmp_path).read_bytes() == before


def test_an_older_version_is_copied_and_migrated(tmp_path: Path) -> None:
    older = open_registry(tmp_path)
    older.people.import_residents(ACT, [resident(2, "P1")])
    older.close()
    newer = Database(path_in(tmp_path), "arden", (*STEPS, NEXT))
    assert newer.one("PRAGMA user_version") == (3,)
    assert newer.all("SELECT person, phone FROM residents") == [("P1", "")]
    newer.close()
    copy = copy_path(path_in(tmp_path), 2)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    kept = Registry.open(copy, "arden")
    assert kept.people.resident(ACT, "P1").person == "P1"
    kept.close()


def test_lanes_come_with_the_second_version(tmp_path: Path) -> None:
    """Operations of before keep their numbers; on another lane a number may stand again."""
    older = Database(path_in(tmp_path), "arden", STEPS[:1])
    row = (
        "INSERT INTO operations (id, kind, amount_minor, number, body, state, valid_until_ms{0})"
        " VALUES (?, 'programme.fund', 1, ?, x'00', 'waiting', 1{1})"
    )
    with older.transaction():
        older.execute(row.format("", ""), (bytes(16), 7))
    older.close()
    newer = Database(path_in(tmp_path), "arden")
    assert newer.all("SELECT number, lane FROM operations") == [(7, b"")]
    with newer.transaction():
        newer.execute(row.format(", lane", ", x'01'"), (bytes([1]) * 16, 7))
    with pytest.raises(sqlite3.IntegrityError), newer.transaction():
        newer.execute(row.format(", lane", ", x'01'"), (bytes([2]) * 16, 7))
    newer.close()


def test_a_step_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    older = open_registry(tmp_path)
    older.people.import_residents(ACT, [resident(2, "P1")])
    older.close()
    broken = Step(3, (*NEXT.statements, "CREATE TABLE residents (x)"))
    with pytest.raises(sqlite3.OperationalError):
        Database(path_in(tmp_path), "arden", (*STEPS, broken))
    again = Database(path_in(tmp_path), "arden")
    assert again.one("PRAGMA user_version") == (2,)
    assert len(again.all("SELECT person FROM residents")) == 1
    again.close()


def test_all_or_nothing(tmp_path: Path) -> None:
    database = Database(path_in(tmp_path), "arden")
    with pytest.raises(RuntimeError), database.transaction():
        database.execute(ADD_LEVEL, ("one",))
        raise RuntimeError
    assert count(database) == 0
    with pytest.raises(InvariantBroken):
        database.execute(ADD_LEVEL, ("one",))
    with database.transaction():
        database.execute(ADD_LEVEL, ("one",))
        with pytest.raises(RuntimeError), database.all_or_none():
            database.execute(ADD_LEVEL, ("two",))
            raise RuntimeError
        with pytest.raises(InvariantBroken), database.transaction():
            pass
    assert count(database) == 1
    database.close()


def test_a_full_disk_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    database = Database(path_in(tmp_path), "arden")
    pages = database.one("PRAGMA page_count")[0]
    database.one(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Refused) as caught, database.transaction():
        for number in range(10_000):
            database.execute(ADD_LEVEL, (f"{number:060}",))
    assert caught.value.code == "disk_full"
    assert count(database) == 0
    database.close()


def test_the_audit_log_is_kept(registry: Registry) -> None:
    entry = registry.audit.listed(1)[0]
    assert (entry.action, entry.subject) == ("import", "resident P1")
    assert registry.audit.listed(1, entry.id)[0].id > entry.id
    database = registry._database
    for change in ("DELETE FROM audit", "UPDATE audit SET reason = ''"):
        with pytest.raises(sqlite3.IntegrityError), database.transaction():
            database.execute(change)
