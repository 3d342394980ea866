"""Activity sheets: what is refused line by line, files that come twice, confirming."""

import pytest

from node.registry import Registry
from node.registry.records import Act, Imported, LevelRow, ProgrammeRow
from node.registry.refusals import LinesRefused
from primitives.errors import Refused
from tests.node.registry.town_registry import ACT, NOW_MS, STAFF, activity, sha, signed_batch


def refused(registry: Registry, *rows: object, act: Act = ACT, file: str = "a") -> list[object]:
    with pytest.raises(LinesRefused) as caught:
        registry.activities.import_activities(act, rows, sha(file))  # type: ignore[arg-type]
    return [(one.line, one.code) for one in caught.value.refusals]


def test_each_line_is_refused_for_its_own_reason(registry: Registry) -> None:
    assert refused(
        registry,
        activity(2, "P1"),
        activity(3, "nobody"),
        activity(4, "P1", programme="nothing"),
        activity(5, "P1", level="master"),
        activity(6, "P1", "2023-12-31"),
        activity(7, "P1", "2027-01-01"),
        activity(8, "P2", minutes=0),
        activity(9, "P3", minutes=1_441),
        activity(10, "P1", minutes=90),
        activity(11, "P1", "2026-02-29"),
        activity(12, ""),
    ) == [
        (3, "person_unknown"),
        (4, "programme_unknown"),
        (5, "level_unknown"),
        (5, "line_duplicate"),
        (6, "date_out_of_range"),
        (7, "date_out_of_range"),
        (8, "minutes_out_of_range"),
        (9, "minutes_out_of_range"),
        (10, "line_duplicate"),
        (11, "date_malformed"),
        (12, "cell_empty"),
    ]
    assert registry.activities.listed(ACT, 9) == []


def test_the_edges_are_inside(registry: Registry) -> None:
    rows = [
        activity(2, "P1", "2024-01-01", minutes=1),
        activity(3, "P1", "2024-02-29", minutes=1_440),
        activity(4, "P1", "2026-05-01"),
        activity(5, "P1", "2026-05-01", programme="visits"),
    ]
    assert registry.activities.import_activities(ACT, rows, sha("a")) == Imported(4, 0)


@pytest.mark.parametrize(("hours_later", "is_taken"), [(-1, True), (9, False), (10, True)])
def test_a_day_counts_once_it_has_begun_somewhere(
    registry: Registry, hours_later: int, is_taken: bool
) -> None:
    """`NOW_MS` is midnight UTC: where it is latest, 14:00 of 1 May, and 10 h later 2 May."""
    act = Act(NOW_MS + hours_later * 3_600_000, STAFF)
    day = "2026-05-01" if hours_later < 0 else "2026-05-02"
    if is_taken:
        registry.activities.import_activities(act, [activity(2, "P1", day)], sha("a"))
    else:
        assert refused(registry, activity(2, "P1", day), act=act) == [(2, "date_out_of_range")]


def test_the_same_file_again(registry: Registry) -> None:
    rows = [activity(2, "P1"), activity(3, "P2", confirmed_by="")]
    assert registry.activities.import_activities(ACT, rows, sha("a")) == Imported(2, 0)
    assert registry.activities.confirm_all(ACT, "Max", "garden", "2026-02") == 1
    assert registry.activities.import_activities(ACT, rows, sha("a")) == Imported(0, 2)
    assert [one.confirmed_by for one in registry.activities.listed(ACT, 9)] == ["Lou", "Max"]


def test_the_same_line_in_two_files(registry: Registry) -> None:
    registry.activities.import_activities(ACT, [activity(2, "P1")], sha("a"))
    new = activity(2, "P2")
    assert refused(registry, new, activity(3, "P1"), file="b") == [(3, "activity_duplicate")]
    # The same name of a file with other lines in it is another file.
    assert refused(registry, activity(2, "P1", minutes=61)) == [(2, "activity_duplicate")]
    assert len(registry.activities.listed(ACT, 9)) == 1


def test_confirming(registry: Registry) -> None:
    rows = [activity(line, person, confirmed_by="") for line, person in enumerate(("P1", "P2"), 2)]
    registry.activities.import_activities(ACT, rows, sha("a"))
    first, second = registry.activities.listed(ACT, 9, unconfirmed=True)
    for unknown in (99, 0, -1, 2**63):
        with pytest.raises(Refused) as caught:
            registry.activities.confirm(ACT, "Lou", [first.id, unknown])
        assert caught.value.code == "activity_unknown"
    assert len(registry.activities.listed(ACT, 9, unconfirmed=True)) == 2
    assert registry.activities.confirm(ACT, "Lou", [first.id, first.id]) == 1
    assert registry.activities.confirm_all(ACT, "Max", "visits", "2026-02") == 0
    assert registry.activities.confirm_all(ACT, "Max", "garden", "2026-03") == 0
    assert registry.activities.confirm_all(ACT, "Max", "garden", "2026-02") == 1
    found = registry.activities.listed(ACT, 9, second.id - 1)
    assert [(one.id, one.confirmed_by) for one in found] == [(second.id, "Max")]
    for name, code in ((" ", "cell_empty"), ("x" * 201, "cell_too_long")):
        with pytest.raises(Refused) as refusal:
            registry.activities.confirm(ACT, name, [])
        assert refusal.value.code == code
    with pytest.raises(Refused):
        registry.activities.confirm_all(ACT, "Max", "nothing", "2026-02")


def test_listing_a_period_and_a_programme(registry: Registry) -> None:
    rows = [
        activity(2, "P1", "2026-01-31"),
        activity(3, "P1", "2026-02-01"),
        activity(4, "P1", "2026-02-28"),
        activity(5, "P1", "2026-03-01"),
        activity(6, "P1", "2026-02-28", programme="visits"),
    ]
    registry.activities.import_activities(ACT, rows, sha("a"))
    listed = registry.activities.listed
    found = [one.date for one in listed(ACT, 9, period="2026-02")]
    assert found == ["2026-02-01", "2026-02-28", "2026-02-28"]
    assert len(listed(ACT, 9, period="2026-02", programme="visits")) == 1
    assert len(listed(ACT, 2, period="2026-02")) == 2
    for period in ("2026-13", "2026-2", "2026-02-01", ""):
        with pytest.raises(Refused) as caught:
            listed(ACT, 9, period=period)
        assert caught.value.code == "period_malformed"


def test_levels_and_programmes_change_until_they_are_used(registry: Registry) -> None:
    level, rate = LevelRow(2, "simple", 900), LevelRow(3, "new", 10**9)
    assert registry.levels.import_levels(ACT, [level, rate]) == Imported(2, 0)
    registry.activities.import_activities(ACT, [activity(2, "P1")], sha("a"))
    assert registry.levels.import_levels(ACT, [level._replace(rate_per_hour_minor=901)])[0] == 1
    signed_batch(registry, 1)
    with pytest.raises(LinesRefused) as caught:
        registry.levels.import_levels(ACT, [level, rate, level, LevelRow(5, "x", 10**9 + 1)])
    assert [(one.line, one.code) for one in caught.value.refusals] == [
        (2, "line_duplicate"),
        (2, "record_in_use"),
        (2, "record_in_use"),
        (5, "amount_out_of_range"),
    ]
    assert registry.levels.listed(1) == [("new", 10**9)]
    assert [one.level for one in registry.levels.listed(9, "new")] == ["odd", "simple"]


def test_a_programme_says_when(registry: Registry) -> None:
    good = ProgrammeRow(2, "fair", "Fair", 1, "2026-02-01", "2026-02-01")
    rows = [good, good._replace(line=3), ProgrammeRow(4, "x", "", 0, "2026-02-02", "2026-02-01")]
    with pytest.raises(LinesRefused) as caught:
        registry.programmes.import_programmes(ACT, rows)
    assert [(one.line, one.code) for one in caught.value.refusals] == [
        (3, "line_duplicate"),
        (4, "amount_out_of_range"),
        (4, "date_out_of_range"),
    ]
    assert registry.programmes.import_programmes(ACT, [good]) == Imported(1, 0)
    assert registry.programmes.import_programmes(ACT, [good]) == Imported(0, 1)
    assert registry.programmes.import_programmes(ACT, [good._replace(title="F")]) == Imported(1, 0)
    assert registry.programmes.get("fair").title == "F"
    assert [one.programme for one in registry.programmes.listed(1, "fair")] == ["garden"]
