"""The outbox: no lane number twice, no wish twice, nothing lost when a process dies."""

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from primitives.errors import Refused
from wallet.outbox import Outbox
from wallet.outbox_entry import Entry, entry_from_json, idempotency_hash, intent_hash


def _entry(number: int, *, intent: str = "a", idempotency: str = "", salt: str = "") -> Entry:
    return Entry(
        number=number,
        kind="payment.pay",
        body=f"body {number} {intent} {salt}".encode(),
        raw=f"raw {number} {intent} {salt}".encode(),
        id=intent_hash(number, intent, salt).encode(),
        created_ms=1_000,
        valid_until_ms=2_000,
        intent=intent_hash(intent),
        idempotency=idempotency_hash(idempotency),
        private={"note": "é"},
    )


def _prepare(
    outbox: Outbox,
    *,
    intent: str = "a",
    idempotency: str = "",
    high: int = 0,
    used: frozenset[int] = frozenset(),
    since_ms: int = 0,
    salt: str = "",
) -> tuple[Entry, bool]:
    return outbox.prepare(
        idempotency=idempotency_hash(idempotency),
        intent=intent_hash(intent),
        lane_high=high,
        is_used=lambda number: number in used,
        build=lambda number: _entry(number, intent=intent, idempotency=idempotency, salt=salt),
        unanswered_since_ms=since_ms,
    )


def test_an_entry_survives_its_file() -> None:
    entry = _entry(7, idempotency="k").changed(state="final", height=3, receipt_number=9)
    assert entry_from_json(entry.to_json(), "x") == entry


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"kind": "outbox_entry"}', b"\xff"])
def test_a_damaged_file_is_named(raw: bytes) -> None:
    with pytest.raises(Refused) as caught:
        entry_from_json(raw, "x")
    assert (caught.value.code, caught.value.file) == ("outbox_malformed", "x")


def test_numbers_follow_each_other_and_the_network(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    assert _prepare(outbox, intent="a")[0].number == 1
    assert _prepare(outbox, intent="b")[0].number == 2
    assert _prepare(outbox, intent="c", high=40)[0].number == 41


def test_files_are_private(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    entry, _ = _prepare(outbox)
    file = tmp_path / "o" / "pending" / entry.name
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "o").stat().st_mode) == 0o700


def test_the_entry_is_on_disk_before_prepare_returns(tmp_path: Path) -> None:
    entry, _ = _prepare(Outbox(tmp_path / "o"))
    assert Outbox(tmp_path / "o").pending() == [entry]


def test_no_number_is_taken_without_an_entry_when_signing_fails(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")

    def fail(number: int) -> Entry:
        raise Refused("encoding_not_canonical")

    with pytest.raises(Refused):
        outbox.prepare(idempotency="", intent="x", lane_high=0, is_used=lambda _: False, build=fail)
    assert _prepare(outbox)[0].number == 1


def test_a_living_process_pays_twice_if_asked_twice(tmp_path: Path) -> None:
    """Two tills that take the same amount from the same wallet at once mean two payments."""
    first, second = Outbox(tmp_path / "o"), Outbox(tmp_path / "o")
    one, _ = _prepare(first)
    two, new = _prepare(second)
    assert (one.number, two.number, new) == (1, 2, True)


def test_what_a_dead_process_left_is_taken_up(tmp_path: Path) -> None:
    left = _die_after_prepare(tmp_path / "o")
    entry, new = _prepare(Outbox(tmp_path / "o"), salt="signed anew")
    assert (entry, new) == (left, False)


def test_looking_at_an_orphan_does_not_make_it_owned(tmp_path: Path) -> None:
    left = _die_after_prepare(tmp_path / "o")
    looking = Outbox(tmp_path / "o")
    assert looking.orphans() == [left]
    entry, new = _prepare(Outbox(tmp_path / "o"))
    assert (entry, new) == (left, False)


def test_another_wish_is_another_payment(tmp_path: Path) -> None:
    _die_after_prepare(tmp_path / "o")
    entry, new = _prepare(Outbox(tmp_path / "o"), intent="b")
    assert (entry.number, new) == (2, True)


@pytest.mark.parametrize("reported", ["", "unknown"])
@pytest.mark.parametrize("state", ["pending", "final"])
def test_an_unanswered_payment_is_not_made_again(tmp_path: Path, reported: str, state: str) -> None:
    outbox = Outbox(tmp_path / "o")
    entry, _ = _prepare(outbox)
    saved = outbox.save(entry.changed(state=state, reported=reported))
    outbox.let_go(saved)
    assert _prepare(Outbox(tmp_path / "o")) == (saved, False)


def test_an_answered_payment_may_be_made_again(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    pending, _ = _prepare(outbox)
    outbox.save(pending.changed(reported="pending"))
    outbox.let_go(pending)
    final, _ = _prepare(outbox)
    outbox.save(final.changed(state="final", reported="final"))
    third, new = _prepare(outbox)
    assert ([pending.number, final.number, third.number], new) == ([1, 2, 3], True)


def test_a_final_payment_nobody_asked_about_for_long_is_no_retry(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    entry, _ = _prepare(outbox)
    outbox.let_go(outbox.save(entry.changed(state="final")))
    assert _prepare(outbox, since_ms=2_000)[1] is False
    outbox.let_go(entry)
    assert _prepare(outbox, since_ms=2_001)[1] is True


def test_an_idempotency_key_gives_the_same_transaction_for_ever(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    entry, _ = _prepare(outbox, idempotency="k")
    assert _prepare(outbox, idempotency="k") == (entry, False)
    done = outbox.save(entry.changed(state="final", reported="final"))
    assert _prepare(Outbox(tmp_path / "o"), idempotency="k", high=1) == (done, False)
    assert _prepare(outbox, idempotency="other", high=1)[1] is True


def test_an_idempotency_key_is_not_lent_to_another_wish(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    _prepare(outbox, idempotency="k")
    with pytest.raises(Refused) as caught:
        _prepare(outbox, idempotency="k", intent="b")
    assert caught.value.code == "idempotency_key_reused"


def test_a_refused_payment_gives_its_number_to_the_next(tmp_path: Path) -> None:
    """So that a node that lied about a refusal can bring through one of the two at most."""
    outbox = Outbox(tmp_path / "o")
    entry, _ = _prepare(outbox)
    outbox.save(entry.changed(state="refused", code="balance_insufficient", reported="refused"))
    again, new = _prepare(outbox, salt="again")
    assert (again.number, new) == (1, True)
    outbox.save(again.changed(state="final", reported="final"))
    assert _prepare(outbox, high=1, used=frozenset({1}))[0].number == 2


def test_a_number_that_the_network_has_used_is_not_given_again(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    entry, _ = _prepare(outbox)
    outbox.save(entry.changed(state="refused", code="balance_insufficient", reported="refused"))
    assert _prepare(outbox, high=1, used=frozenset({1}))[0].number == 2


def test_a_lane_that_is_full_says_so(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    for index in range(64):
        _prepare(outbox, intent=str(index))
    with pytest.raises(Refused) as caught:
        _prepare(outbox, intent="one more")
    assert caught.value.code == "number_out_of_window"


def test_a_move_that_was_cut_short_counts_as_done(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    entry, _ = _prepare(outbox)
    left = (tmp_path / "o" / "pending" / entry.name).read_bytes()
    outbox.save(entry.changed(state="final", reported="final"))
    (tmp_path / "o" / "pending" / entry.name).write_bytes(left)
    assert Outbox(tmp_path / "o").pending() == []
    assert [found.state for found in Outbox(tmp_path / "o").all()] == ["final"]


def test_many_processes_never_share_a_number(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        numbers = pool.map(_prepare_in_process, [(str(tmp_path / "o"), i) for i in range(24)])
    assert sorted(numbers) == list(range(1, 25))


def _prepare_in_process(argument: tuple[str, int]) -> int:
    folder, index = argument
    return _prepare(Outbox(Path(folder)), intent=str(index))[0].number


def _die_after_prepare(folder: Path) -> Entry:
    """A process that is killed once its entry is on disk."""
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.wallet.test_outbox import _prepare; from wallet.outbox import Outbox\n"
        "_prepare(Outbox(Path(sys.argv[1]))); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    (entry,) = Outbox(folder).pending()
    return entry
