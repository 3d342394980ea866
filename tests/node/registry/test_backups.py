"""Backups: sealed, checked whole, restored where there is nothing; and the commands for it."""

import io
import stat
from functools import partial
from pathlib import Path

import pytest

from node.registry import Registry, backups, sealed_stream
from node.registry.database import Database
from node.registry.schema import STEPS, Step
from primitives.encoding import encode
from primitives.errors import Refused
from tests.node.registry.town_registry import (
    ACT,
    PERIOD,
    PLENTY,
    activity,
    consent,
    open_registry,
    pay,
    payroll,
    sha,
    wage,
)

PASSPHRASE = "un été à la campagne"
cheap_seal = partial(sealed_stream.seal, opslimit=1, memlimit_bytes=8_192)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "seal", cheap_seal)


def code_of(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return caught.value.code


def sealed(content: bytes) -> bytes:
    return b"".join(cheap_seal(content, PASSPHRASE, salt=bytes(16)))


def opened(raw: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return sealed_stream.unseal(io.BytesIO(raw), passphrase)


@pytest.mark.parametrize("size", [0, 1, sealed_stream.CHUNK_BYTES, sealed_stream.CHUNK_BYTES + 1])
def test_what_is_sealed_opens(size: int) -> None:
    content = bytes(size)
    assert opened(sealed(content)) == content


def test_the_passphrase_is_the_same_on_every_keyboard() -> None:
    assert opened(sealed(b"x"), "un e\u0301te\u0301 a\u0300 la campagne") == b"x"
    assert code_of(opened, sealed(b"x"), "autre") == "passphrase_wrong"
    assert code_of(lambda: list(cheap_seal(b"", "", salt=bytes(16)))) == "passphrase_empty"


def test_every_change_is_noticed() -> None:
    raw = sealed(bytes(10))
    assert all(
        code_of(opened, raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        in ("backup_malformed", "passphrase_wrong", "version_unknown")
        for place in range(len(raw))
    )
    assert all(code_of(opened, raw[:end]) == "backup_malformed" for end in range(len(raw)))
    assert code_of(opened, raw + b"x") == "backup_malformed"


def test_chunks_are_not_swapped_or_cut_off() -> None:
    chunk = sealed_stream.CHUNK_BYTES
    raw = sealed(bytes(3 * chunk))
    frame = chunk + 4 + 17
    head = len(raw) - 3 * frame
    first, second, third = (raw[head + n * frame : head + (n + 1) * frame] for n in range(3))
    start = raw[:head]
    assert opened(start + first + second + third) == bytes(3 * chunk)
    assert code_of(opened, start + first + third + second) == "backup_malformed"
    assert code_of(opened, start + first + second) == "backup_malformed"
    assert code_of(opened, start + first + third) == "backup_malformed"
    assert code_of(opened, start + second + first + third) == "passphrase_wrong"


@pytest.mark.parametrize("limits", [(9, 8_192), (0, 8_192), (1, 8_191), (1, 1 << 40)])
def test_what_a_file_asks_for_is_bounded(limits: tuple[int, int]) -> None:
    head = encode((sealed_stream.KIND, 1, *limits, bytes(16), bytes(24)))
    raw = sealed_stream.MAGIC + len(head).to_bytes(4, "big") + head
    assert code_of(opened, raw) == "backup_malformed"


def test_a_backup_from_end_to_end(registry: Registry, tmp_path: Path) -> None:
    registry.activities.import_activities(ACT, [activity(2, "P1")], sha("a"))
    (batch,) = registry.bulletins.prepare(ACT, PERIOD, PLENTY)
    consent(registry, "P1")
    run_id = pay(registry, payroll(wage(2, "P1")))
    out = tmp_path / "backup"
    made = backups.create(registry, ACT, out, PASSPHRASE)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert b"Martin" not in out.read_bytes()
    assert backups.verify(out, PASSPHRASE) == made
    assert (made.prefix, made.counts["residents"], made.counts["runs"]) == ("arden", 3, 1)
    path = tmp_path / "elsewhere" / "registry" / "registry.sqlite"
    assert backups.restore(out, PASSPHRASE, path, "arden") == made
    restored = open_registry(tmp_path / "elsewhere")
    assert restored.bulletins.batch(batch.id) == batch
    assert restored.payrolls.in_state("signed")[0].run_id == run_id
    assert restored.audit.listed(10_000)[-1].action == "backup"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    restored.close()
    with pytest.raises(FileExistsError):
        backups.create(registry, ACT, out, PASSPHRASE)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "elsewhere", "registry"]


def test_nothing_is_written_over(registry: Registry, tmp_path: Path) -> None:
    out = tmp_path / "backup"
    backups.create(registry, ACT, out, PASSPHRASE)
    path = tmp_path / "registry" / "registry.sqlite"
    before = path.read_bytes()
    assert code_of(backups.restore, out, PASSPHRASE, path, "arden") == "registry_exists"
    assert path.read_bytes() == before
    left = tmp_path / "new" / "registry.sqlite"
    left.parent.mkdir()
    left.with_name("registry.sqlite-wal").write_bytes(b"of another")
    assert code_of(backups.restore, out, PASSPHRASE, left, "arden") == "registry_exists"
    other = tmp_path / "brenta" / "registry.sqlite"
    found = code_of(backups.restore, out, PASSPHRASE, other, "brenta")
    assert found == "registry_of_other_territory"
    assert code_of(backups.restore, out, "wrong", other, "arden") == "passphrase_wrong"
    assert not other.exists()


def test_what_holds_no_registry(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    newer = Database(tmp_path / "newer.sqlite", "arden", (*STEPS, Step(3, ())))
    for content, code in (
        (b"", "backup_malformed"),
        (b"no database", "backup_malformed"),
        (newer.image(), "data_of_newer_version"),
        (newer.image()[:-4_096], "backup_malformed"),
    ):
        file.write_bytes(sealed(encode(("node_backup", 1, (), content))))
        assert code_of(backups.verify, file, PASSPHRASE) == code
    newer.close()
