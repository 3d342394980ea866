"""Whatever is asked for, in whatever order: no wage above the cap, no hour credited twice."""

import contextlib
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.line_commitments import wage_local_max_minor
from node.registry import Registry
from node.registry.refusals import BulletinsRefused, LinesRefused
from primitives.errors import Refused
from tests.node.registry.town_registry import (
    ACT,
    EMPLOYER,
    NOW_MS,
    OTHER_EMPLOYER,
    PERIOD,
    account,
    activity,
    consent,
    open_registry,
    operation_for,
    payroll,
    settle,
    sha,
    wage,
)

GROSS_MINOR = 199_999
CAP_BPS = 987
EMPLOYERS = (EMPLOYER, OTHER_EMPLOYER)

_wage_line = st.tuples(st.sampled_from(("P1", "P2")), st.integers(0, 25_000))
_step = st.one_of(
    st.tuples(
        st.just("draft"),
        st.sampled_from(EMPLOYERS),
        st.sampled_from((PERIOD, "2026-03")),
        st.lists(_wage_line, min_size=1, max_size=3),
    ),
    st.tuples(st.sampled_from(("sign", "finish", "release")), st.integers(0, 12)),
    st.tuples(st.just("consent"), st.sampled_from(("P1", "P2")), st.booleans()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_step, max_size=25))
def test_no_employee_gets_more_than_the_cap(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        registry = settle(open_registry(Path(folder)))
        for person in ("P1", "P2"):
            for employer in EMPLOYERS:
                consent(registry, person, employer)
        runs: list[tuple[bytes, bytes]] = []
        for number, step in enumerate(steps, 2):
            with contextlib.suppress(Refused, LinesRefused):
                _pay_step(registry, number, step, runs)
            _check_wages(registry)
        registry.close()


def _pay_step(
    registry: Registry, number: int, step: tuple[object, ...], runs: list[tuple[bytes, bytes]]
) -> None:
    payrolls = registry.payrolls
    match step:
        case ("draft", bytes(employer), str(period), list(lines)):
            one = payroll(
                *(
                    wage(line, person, local_minor, gross_minor=GROSS_MINOR, period=period)
                    for line, (person, local_minor) in enumerate(lines, 2)
                ),
                file=str(number),
                employer=employer,
                period=period,
            )
            runs.append((employer, payrolls.draft(ACT, one, CAP_BPS, 2).run_id))
        case ("consent", str(person), bool(is_given)):
            consent(registry, person, given=is_given, time_ms=number)
        case (str(word), int(place)) if runs:
            employer, run_id = runs[place % len(runs)]
            if word == "sign":
                payrolls.sign(ACT, employer, run_id, b"raw" + run_id, run_id, NOW_MS, CAP_BPS)
            elif word == "finish":
                payrolls.finish(ACT, employer, run_id, number)
            else:
                payrolls.release(ACT, employer, run_id)


def _check_wages(registry: Registry) -> None:
    paid: Counter[tuple[bytes, str, str | None]] = Counter()
    for state in ("signed", "final"):
        for run in registry.payrolls.in_state(state):
            assert sum(line.amount_minor for line in run.lines) == run.total_local_minor
            for line in run.lines:
                paid[run.employer, run.period, line.employee] += line.amount_minor
    assert all(amount <= wage_local_max_minor(GROSS_MINOR, CAP_BPS) for amount in paid.values())


_hours = st.tuples(
    st.sampled_from(("P1", "P2", "P3")),
    st.integers(1, 28),
    st.integers(1, 1_440),
    st.sampled_from(("simple", "odd")),
    st.booleans(),
)
_deed = st.one_of(
    st.tuples(st.just("import"), st.lists(_hours, min_size=1, max_size=5)),
    st.tuples(st.just("prepare"), st.integers(0, 200_000), st.integers(1, 2), st.booleans()),
    st.tuples(st.sampled_from(("sign", "finish", "release")), st.integers(0, 12)),
    st.tuples(st.just("link")),
    st.tuples(st.just("confirm")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_deed, max_size=25))
def test_no_hour_is_credited_twice(deeds: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        registry = settle(open_registry(Path(folder)))
        operations: list[bytes] = []
        for number, deed in enumerate(deeds, 1):
            with contextlib.suppress(Refused, LinesRefused, BulletinsRefused):
                _credit_deed(registry, number, deed, operations)
            _check_hours(registry)
        registry.close()


def _credit_deed(
    registry: Registry, number: int, deed: tuple[object, ...], operations: list[bytes]
) -> None:
    match deed:
        case ("import", list(hours)):
            rows = [
                activity(
                    line,
                    person,
                    f"2026-02-{day:02}",
                    minutes=minutes,
                    level=level,
                    confirmed_by="Lou" if is_confirmed else "",
                )
                for line, (person, day, minutes, level, is_confirmed) in enumerate(hours, 2)
            ]
            registry.activities.import_activities(ACT, rows, sha(str(number)))
        case ("prepare", int(left_minor), int(lines_max), bool(skip)):
            with registry.transaction():
                batches = registry.bulletins.prepare(
                    ACT,
                    PERIOD,
                    {"garden": left_minor},
                    skip_unconfirmed=skip,
                    lines_max=lines_max,
                )
                for place, batch in enumerate(batches):
                    operations.append(operation_for(registry, batch, number * 100 + place).id)
        case ("link",):
            registry.people.link(ACT, "resident", "P3", account("P3"))
        case ("confirm",):
            registry.activities.confirm_all(ACT, "Max", "garden", PERIOD)
        case (str(word), int(place)) if operations:
            id = operations[place % len(operations)]
            if word == "sign":
                registry.operations.sign(ACT, id, b"raw" + id, sha(id.hex()))
            elif word == "finish":
                registry.operations.finish(ACT, id, number)
            else:
                registry.operations.release(ACT, id)


def _check_hours(registry: Registry) -> None:
    """Minutes in batches are those of the activities that say they stand there; and a batch's
    amount is its lines'."""
    database = registry._database
    by_activity = database.all(
        "SELECT batch_id, person, SUM(minutes) FROM activities WHERE batch_id IS NOT NULL"
        " GROUP BY batch_id, person ORDER BY batch_id, person"
    )
    by_line = database.all(
        "SELECT batch_id, person, minutes FROM batch_lines ORDER BY batch_id, person"
    )
    assert by_activity == by_line
    wrong = database.all(
        "SELECT id FROM batches WHERE state <> 'released' AND amount_minor <>"
        " (SELECT SUM(amount_minor) FROM batch_lines WHERE batch_id = id)"
    )
    unconfirmed = database.all(
        "SELECT id FROM activities WHERE batch_id IS NOT NULL AND confirmed_by = ''"
    )
    assert wrong == unconfirmed == []
