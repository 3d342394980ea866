"""Commitments of lines, and the roundings that decide their amounts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.line_commitments import (
    ActivityLine,
    BulletinContent,
    bulletin_amount_minor,
    bulletin_commitment,
    is_within_wage_cap,
    wage_commitment,
    wage_local_max_minor,
)
from primitives.errors import Refused
from primitives.hashing import hash_items

SALT = bytes(range(32))
ACTIVITIES = (
    ActivityLine("2026-02-27", 95, "B", 1_250),
    ActivityLine("2026-02-28", 30, "A", 1_000),
)
CONTENT = BulletinContent("R0001", "P1", "2026-02", ACTIVITIES, 125, 2_479)


def test_a_wage_is_committed_as_the_protocol_says() -> None:
    said = wage_commitment(SALT, 250_000, "R0001", "2026-02")
    assert said == hash_items("wage", [SALT, (250_000, "R0001", "2026-02")])


def test_a_bulletin_is_committed_as_the_protocol_says() -> None:
    activities = (("2026-02-27", 95, "B", 1_250), ("2026-02-28", 30, "A", 1_000))
    content = ("R0001", "P1", "2026-02", activities, 125, 2_479)
    assert bulletin_commitment(SALT, CONTENT) == hash_items("bulletin", [SALT, content])


def test_every_part_changes_it() -> None:
    other = (ACTIVITIES[0], ACTIVITIES[1]._replace(minutes=31))
    contents = [
        CONTENT,
        CONTENT._replace(person="R0002"),
        CONTENT._replace(programme="P2"),
        CONTENT._replace(period="2026-03"),
        CONTENT._replace(activities=other),
        CONTENT._replace(activities=ACTIVITIES[::-1]),
        CONTENT._replace(minutes=126),
        CONTENT._replace(amount_minor=2_480),
    ]
    made = {bulletin_commitment(SALT, content) for content in contents}
    made |= {
        bulletin_commitment(bytes(32), CONTENT),
        wage_commitment(SALT, 1, "R", "2026-02"),
        wage_commitment(SALT, 2, "R", "2026-02"),
        wage_commitment(SALT, 1, "S", "2026-02"),
        wage_commitment(SALT, 1, "R", "2026-03"),
        wage_commitment(bytes(32), 1, "R", "2026-02"),
    }
    assert len(made) == len(contents) + 6


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_salt_hides_by_its_length(length: int) -> None:
    with pytest.raises(Refused, match="encoding_not_canonical"):
        wage_commitment(bytes(length), 1, "R", "2026-02")


def test_a_bulletin_is_rounded_once() -> None:
    # 95 × 12.50 + 30 × 10.00 = 24.791…; rounded one by one it would be 19.79 + 5.00 = 24.79 too,
    # but three thirds of a unit are one unit.
    assert bulletin_amount_minor(ACTIVITIES) == 2_479
    third = ActivityLine("2026-02-01", 20, "A", 1)
    assert bulletin_amount_minor([third] * 3) == 1
    assert bulletin_amount_minor([third] * 2) == 0
    assert bulletin_amount_minor([]) == 0


@given(st.lists(st.tuples(st.integers(1, 1_440), st.integers(0, 10_000)), max_size=40))
def test_a_bulletin_is_the_exact_sum_rounded_down(hours: list[tuple[int, int]]) -> None:
    made = [ActivityLine("2026-02-01", minutes, "A", rate) for minutes, rate in hours]
    exact = sum((Fraction(minutes * rate, 60) for minutes, rate in hours), Fraction())
    assert bulletin_amount_minor(made) <= exact < bulletin_amount_minor(made) + 1


@given(st.integers(0, 2**53 - 1), st.integers(1, 1_000))
def test_the_cap_of_a_wage_rounds_down(gross_minor: int, cap_bps: int) -> None:
    most_minor = wage_local_max_minor(gross_minor, cap_bps)
    exact = Fraction(gross_minor * cap_bps, 10_000)
    assert most_minor <= exact < most_minor + 1
    assert is_within_wage_cap(most_minor, gross_minor, cap_bps)
    assert not is_within_wage_cap(most_minor + 1, gross_minor, cap_bps)


@given(st.lists(st.integers(1, 10**8), min_size=1, max_size=50), st.integers(1, 1_000))
def test_lines_within_the_cap_make_a_run_within_it(gross: list[int], cap_bps: int) -> None:
    total_minor = sum(wage_local_max_minor(one, cap_bps) for one in gross)
    assert is_within_wage_cap(total_minor, sum(gross), cap_bps)
