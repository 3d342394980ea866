"""Bulletins: what a month gives, batches, and that no activity is credited twice."""

from pathlib import Path

import pytest

from ledger.line_commitments import ActivityLine, BulletinContent, bulletin_commitment
from node.registry import Registry
from node.registry.records import LevelRow
from node.registry.refusals import BulletinRefusal, BulletinsRefused
from primitives.errors import Refused
from tests.node.registry.town_registry import (
    ACT,
    PERIOD,
    PLENTY,
    account,
    activity,
    open_registry,
    operation_for,
    settle,
    sha,
    signed_batch,
)


def register(registry: Registry, *rows: object, file: str = "a") -> None:
    registry.activities.import_activities(ACT, rows, sha(file))  # type: ignore[arg-type]


def test_a_preview_adds_up_and_says_what_is_kept_back(registry: Registry) -> None:
    register(
        registry,
        activity(2, "P1", "2026-01-31"),
        activity(3, "P1", "2026-02-01", minutes=50, level="odd"),
        activity(4, "P1", "2026-02-28", minutes=70, level="odd"),
        activity(5, "P1", "2026-02-28", programme="visits"),
        activity(6, "P2", "2026-02-03", confirmed_by=""),
        activity(7, "P3", "2026-02-03"),
        activity(8, "P3", "2026-02-04"),
        activity(9, "P1", "2026-03-01"),
    )
    preview = registry.bulletins.preview(ACT, PERIOD, PLENTY)
    # (50 + 70) × 7,33 / 60 = 14,66: rounded once, not 6,10 + 8,55.
    assert preview.lines == (("P1", "garden", 120, 1_466), ("P1", "visits", 60, 1_000))
    assert (preview.residents, preview.minutes, preview.amount_minor) == (1, 180, 2_466)
    assert [(one.code, one.person, one.activity) for one in preview.refusals] == [
        ("activity_unconfirmed", "P2", 5),
        ("account_unknown", "P3", None),
    ]
    only = registry.bulletins.preview(ACT, PERIOD, PLENTY, ["visits"])
    assert [line.programme for line in only.lines] == ["visits"]


@pytest.mark.parametrize(
    ("period", "days"), [("2024-02", ["2024-02-28", "2024-02-29"]), ("2026-02", ["2026-02-28"])]
)
def test_february_ends_when_it_ends(registry: Registry, period: str, days: list[str]) -> None:
    outside = [activity(2, "P1", f"{period[:4]}-01-31"), activity(3, "P1", f"{period[:4]}-03-01")]
    register(registry, *outside, *(activity(line, "P1", day) for line, day in enumerate(days, 4)))
    preview = registry.bulletins.preview(ACT, period, PLENTY)
    assert preview.minutes == 60 * len(days)


def test_the_budget_is_kept_with_what_is_under_way(registry: Registry) -> None:
    register(registry, activity(2, "P1"), activity(3, "P2"))
    exact, short = {"garden": 2_000}, {"garden": 1_999}
    assert not registry.bulletins.preview(ACT, PERIOD, exact).refusals
    expected = BulletinRefusal("programme_budget_exceeded", None, "garden", None, "", 1_999)
    assert registry.bulletins.preview(ACT, PERIOD, short).refusals == (expected,)
    closed = registry.bulletins.preview(ACT, PERIOD, {}).refusals
    assert closed == (BulletinRefusal("programme_not_open", None, "garden"),)
    with pytest.raises(BulletinsRefused) as caught:
        registry.bulletins.prepare(ACT, PERIOD, short)
    assert caught.value.code == "programme_budget_exceeded"
    registry.bulletins.prepare(ACT, PERIOD, exact)
    register(registry, activity(2, "P1", "2026-02-11"), file="b")
    (pending,) = registry.bulletins.preview(ACT, PERIOD, exact).refusals
    assert pending.allowed_minor == 0


def test_unconfirmed_hours_stop_the_month_unless_skipped(registry: Registry) -> None:
    register(registry, activity(2, "P1"), activity(3, "P2", confirmed_by=""))
    with pytest.raises(BulletinsRefused) as caught:
        registry.bulletins.prepare(ACT, PERIOD, PLENTY)
    assert caught.value.code == "activity_unconfirmed"
    assert registry.bulletins.preview(ACT, PERIOD, PLENTY).residents == 1
    (batch,) = registry.bulletins.prepare(ACT, PERIOD, PLENTY, skip_unconfirmed=True)
    assert [line.person for line in batch.lines] == ["P1"]


def test_a_batch_commits_to_what_its_people_did(registry: Registry) -> None:
    register(registry, activity(2, "P1", "2026-02-20"), activity(3, "P1", "2026-02-03"))
    operation = signed_batch(registry, 1)
    (one,) = registry.bulletins.of_person(ACT, PERIOD, "P1")
    lines = (
        ActivityLine("2026-02-03", 60, "simple", 1_000),
        ActivityLine("2026-02-20", 60, "simple", 1_000),
    )
    content = BulletinContent("P1", "garden", PERIOD, lines, 120, 2_000)
    assert one[:6] == content
    assert one.commitment == bulletin_commitment(one.salt, content)
    assert (one.line, one.status, one.raw) == (0, "signed", b"raw1")
    registry.operations.finish(ACT, operation.id, 9)
    assert registry.bulletins.of_person(ACT, PERIOD, "P1")[0].status == "final"
    assert registry.bulletins.of_person(ACT, PERIOD, "P2") == []


def test_long_months_make_several_batches(registry: Registry) -> None:
    register(registry, activity(2, "P1"), activity(3, "P2"), activity(4, "P1", programme="visits"))
    batches = registry.bulletins.prepare(ACT, PERIOD, PLENTY, lines_max=1)
    assert [(one.programme, one.sequence, len(one.lines)) for one in batches] == [
        ("garden", 0, 1),
        ("garden", 1, 1),
        ("visits", 0, 1),
    ]
    assert len({one.run_id for one in batches}) == 3
    assert registry.bulletins.prepare(ACT, PERIOD, PLENTY) == []


def test_lines_stand_in_the_order_of_accounts(registry: Registry) -> None:
    register(registry, activity(2, "P1"), activity(3, "P2"))
    (batch,) = registry.bulletins.prepare(ACT, PERIOD, PLENTY)
    accounts = [line.account for line in batch.lines]
    assert accounts == sorted(accounts) == sorted([account("P1"), account("P2")])


def test_who_gets_an_account_later_is_credited_later(registry: Registry) -> None:
    register(registry, activity(2, "P1"), activity(3, "P3"))
    first = signed_batch(registry, 1)
    assert registry.bulletins.prepare(ACT, PERIOD, PLENTY) == []
    registry.people.link(ACT, "resident", "P3", account("P3"))
    (second,) = registry.bulletins.prepare(ACT, PERIOD, PLENTY)
    assert (second.sequence, [line.person for line in second.lines]) == (1, ["P3"])
    assert second.run_id != registry.bulletins.batch(first.batch_id or 0).run_id


def test_what_rounds_to_nothing_waits(registry: Registry) -> None:
    registry.levels.import_levels(ACT, [LevelRow(2, "token", 1)])
    register(registry, activity(2, "P1", level="token", minutes=59))
    assert registry.bulletins.preview(ACT, PERIOD, PLENTY).amount_minor == 0
    assert registry.bulletins.prepare(ACT, PERIOD, PLENTY) == []
    register(registry, activity(2, "P1", "2026-02-11", level="token", minutes=1), file="b")
    assert registry.bulletins.prepare(ACT, PERIOD, PLENTY)[0].amount_minor == 1


def test_a_released_batch_frees_its_hours_and_its_number(registry: Registry) -> None:
    register(registry, activity(2, "P1"), activity(3, "P2"))
    with registry.transaction():
        first, second = registry.bulletins.prepare(ACT, PERIOD, PLENTY, lines_max=1)
        operation = operation_for(registry, first, 1)
        operation_for(registry, second, 2)
    registry.operations.release(ACT, operation.id)
    assert registry.bulletins.batch(first.id)[7] == ()
    (again,) = registry.bulletins.prepare(ACT, PERIOD, PLENTY)
    # The number of the batch that still stands is not given out a second time.
    assert (again.sequence, again.run_id) == (0, first.run_id)
    assert again.lines[0].salt != first.lines[0].salt
    assert [line.person for line in again.lines] == [line.person for line in first.lines]


def test_a_restored_registry_asks_for_the_same_run(registry: Registry, tmp_path: Path) -> None:
    register(registry, activity(2, "P1"))
    seed = registry.programmes.opening(ACT, "garden", "ARD")
    old = registry.image()
    (credited,) = registry.bulletins.prepare(ACT, PERIOD, PLENTY)
    (tmp_path / "old").mkdir()
    path = tmp_path / "old" / "registry" / "registry.sqlite"
    path.parent.mkdir()
    path.write_bytes(old)
    restored = open_registry(tmp_path / "old")
    (again,) = restored.bulletins.prepare(ACT, PERIOD, PLENTY)
    assert again.run_id == credited.run_id
    assert restored.programmes.opening(ACT, "garden", "ARD") == seed
    restored.close()
    stranger = settle(open_registry(tmp_path / "stranger"))
    register(stranger, activity(2, "P1"))
    (other,) = stranger.bulletins.prepare(ACT, PERIOD, PLENTY)
    assert other.run_id != credited.run_id
    stranger.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE activities SET minutes = 61",
        "UPDATE activities SET batch_id = NULL WHERE person = 'P2'",
        "UPDATE levels SET rate_per_hour_minor = 999 WHERE level = 'simple'",
        "DELETE FROM links WHERE code = 'P1'",
        "UPDATE batch_lines SET amount_minor = 1001",
        "UPDATE batch_lines SET salt = NULL",
        "UPDATE batches SET amount_minor = 1",
        "UPDATE batches SET state = 'signed'",
    ],
)
def test_a_batch_that_says_something_else_is_not_signed(registry: Registry, change: str) -> None:
    register(registry, activity(2, "P1"), activity(3, "P2"))
    with registry.transaction():
        (batch,) = registry.bulletins.prepare(ACT, PERIOD, PLENTY)
        operation = operation_for(registry, batch, 1)
    assert registry.bulletins.check_batch(batch.id) == batch
    with registry.transaction():
        registry._database.execute(change)
    with pytest.raises(Refused) as caught:
        registry.operations.sign(ACT, operation.id, b"raw", sha("id"))
    assert caught.value.code == "bulletins_differ"
    assert registry.operations.get(operation.id).raw is None


def test_what_there_is_not(registry: Registry) -> None:
    with pytest.raises(Refused) as caught:
        registry.bulletins.batch(9)
    assert caught.value.code == "batch_unknown"
    for call in (registry.bulletins.preview, registry.bulletins.prepare):
        with pytest.raises(Refused) as malformed:
            call(ACT, "2026-00", PLENTY)
        assert malformed.value.code == "period_malformed"
