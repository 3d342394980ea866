"""Payrolls: each rule at its edge, and what happens between the check and the signature."""

from pathlib import Path

import pytest

from ledger.line_commitments import wage_commitment
from node.registry import Registry
from node.registry.records import Payroll, PayrollLine
from node.registry.refusals import LinesRefused
from primitives.addresses import format_address
from primitives.errors import Refused
from tests.node.registry.town_registry import (
    ACT,
    CAP_BPS,
    EMPLOYER,
    NOW_MS,
    OTHER_EMPLOYER,
    PERIOD,
    PREFIX,
    account,
    consent,
    open_registry,
    pay,
    payroll,
    resident,
    settle,
    sha,
    wage,
)


@pytest.fixture(autouse=True)
def _consents(registry: Registry) -> None:
    for person in ("P1", "P2"):
        for employer in (EMPLOYER, OTHER_EMPLOYER):
            consent(registry, person, employer)


def faults(registry: Registry, one: Payroll, cap_bps: int = CAP_BPS) -> list[object]:
    found = registry.payrolls.check(ACT, one, cap_bps)
    return [(fault.line, fault.code, fault.allowed_minor) for fault in found]


def sign(registry: Registry, one: Payroll, raw: bytes = b"raw") -> object:
    run_id = registry.payrolls.run_id(one)
    return registry.payrolls.sign(ACT, one.employer, run_id, raw, sha("i"), NOW_MS, CAP_BPS)


@pytest.mark.parametrize(
    ("gross_minor", "local_minor", "cap_bps", "allowed_minor"),
    [
        (200_000, 20_000, 1_000, None),
        (200_000, 20_001, 1_000, 20_000),
        (200_009, 20_000, 1_000, None),
        (200_009, 20_001, 1_000, 20_000),
        (200_010, 20_001, 1_000, None),
        (9, 1, 1_000, 0),
        (10, 1, 1_000, None),
        (200_000, 20_000, 999, 19_980),
        (200_000, 20_020, 1_001, None),
        (10_000, 1, 1, None),
        (9_999, 1, 1, 0),
    ],
)
def test_the_cap_rounds_down(
    registry: Registry, gross_minor: int, local_minor: int, cap_bps: int, allowed_minor: int | None
) -> None:
    line = wage(2, "P1", local_minor, gross_minor=gross_minor)
    expected = [] if allowed_minor is None else [(2, "wage_share_above_cap", allowed_minor)]
    assert faults(registry, payroll(line), cap_bps) == expected


def test_each_line_is_refused_for_its_own_reason(registry: Registry) -> None:
    consent(registry, "P2", given=False, time_ms=2)
    assert faults(
        registry,
        payroll(
            wage(2, "P1"),
            wage(3, "nobody"),
            wage(4, "P3"),
            wage(5, "P2"),
            wage(6, "P1"),
            wage(7, "P4", period="2026-03"),
            wage(8, "P5", gross_minor=0),
        ),
    ) == [
        (3, "employee_unknown", None),
        (4, "employee_unknown", None),
        (5, "wage_consent_missing", None),
        (6, "line_duplicate", None),
        (7, "employee_unknown", None),
        (7, "period_mixed", None),
        (8, "amount_out_of_range", None),
        (8, "employee_unknown", None),
    ]


def test_consent_is_asked_in_the_file_and_on_record(registry: Registry) -> None:
    missing = [(2, "wage_consent_missing", None)]
    assert faults(registry, payroll(wage(2, "P1", consent=False))) == missing
    consent(registry, "P1", given=False, time_ms=2)
    assert faults(registry, payroll(wage(2, "P1"))) == missing
    assert faults(registry, payroll(wage(2, "P1"), employer=OTHER_EMPLOYER)) == []


def test_a_line_that_pays_nothing_may_be_about_anybody(registry: Registry) -> None:
    stranger = wage(3, "nobody", 0, consent=False)
    assert faults(registry, payroll(wage(2, "P1"), stranger)) == []
    run = registry.payrolls.draft(ACT, payroll(wage(2, "P1"), stranger), CAP_BPS, 2)
    assert [line.employee for line in run.lines] == ["P1"]
    assert faults(registry, payroll(stranger)) == [(None, "payroll_empty", None)]


def test_the_account_is_the_registered_one(registry: Registry) -> None:
    own = format_address(PREFIX, account("P1"))
    for address, is_right in (
        (own, True),
        (own.upper(), True),
        (None, True),
        ("", True),
        (format_address(PREFIX, account("P2")), False),
        (format_address("brenta", account("P1")), False),
        (own[:-1], False),
        ("é", False),
    ):
        found = registry.payrolls.check(ACT, payroll(wage(2, "P1", address=address)), CAP_BPS)
        codes = [(one.code, one.field) for one in found]
        assert codes == ([] if is_right else [("employee_unknown", "account")])


def test_whose_an_account_is_only_the_persons_employer_learns(registry: Registry) -> None:
    """Without consent, the right address and a wrong one answer the same."""
    consent(registry, "P1", given=False, time_ms=2)
    for address in (None, *(format_address(PREFIX, account(name)) for name in ("P1", "P2"))):
        found = faults(registry, payroll(wage(2, "P1", address=address)))
        assert found == [(2, "wage_consent_missing", None)]


def test_the_period_is_one(registry: Registry) -> None:
    for period in ("2026-13", "2026-00", "26-02", "2026-02-01"):
        found = faults(registry, payroll(wage(2, "P1", period=period), period=period))
        assert found == [(None, "period_malformed", None)]


def test_bounds_of_the_whole(registry: Registry) -> None:
    many = [f"N{number}" for number in range(2_001)]
    with registry.transaction():
        registry.people.import_residents(ACT, [resident(2, person) for person in many])
        for person in many:
            registry.people.link(ACT, "resident", person, account(person))
            consent(registry, person)
    lines = [wage(line, person, 1) for line, person in enumerate(many, 2)]
    assert faults(registry, payroll(*lines[:-1])) == []
    assert faults(registry, payroll(*lines)) == [(None, "transaction_too_large", None)]
    assert faults(registry, payroll()) == [(None, "payroll_empty", None)]
    for name in ("", "x" * 65):
        found = faults(registry, payroll(wage(2, "P1"), run_name=name))
        assert found == [(None, "cell_too_long", None)]
    top = 2**53 - 1
    assert faults(registry, payroll(wage(2, "P1", top + 1, gross_minor=top))) == [
        (None, "amount_out_of_range", None),
        (2, "amount_out_of_range", None),
    ]
    assert faults(registry, payroll(wage(2, "P1", -1), wage(3, "P2"))) == [
        (2, "amount_out_of_range", None)
    ]


def test_a_draft_is_what_the_file_says(registry: Registry) -> None:
    run = registry.payrolls.draft(ACT, payroll(wage(2, "P1"), wage(4, "P2", 5)), CAP_BPS, 2)
    assert (run.state, run.total_local_minor, run.gross_total_minor) == ("draft", 20_005, None)
    first, second = run.lines
    assert (first.line, first.account, second.line) == (2, account("P1"), 4)
    assert first.salt is not None
    assert first.salt != second.salt
    assert first.commitment == wage_commitment(first.salt, 200_000, "P1", PERIOD)
    assert registry.payrolls.runs_of(EMPLOYER) == [run]
    assert registry.payrolls.runs_of(OTHER_EMPLOYER) == []
    with pytest.raises(Refused) as caught:
        registry.payrolls.get(OTHER_EMPLOYER, run.run_id)
    assert caught.value.code == "payroll_unknown"


def test_from_ten_lines_on_the_gross_is_told_rounded_up(registry: Registry) -> None:
    people = [f"N{number}" for number in range(10)]
    registry.people.import_residents(ACT, [resident(2, person) for person in people])
    for person in people:
        registry.people.link(ACT, "resident", person, account(person))
        consent(registry, person)
    lines = [wage(line, person, 1, gross_minor=100_001) for line, person in enumerate(people, 2)]
    unpaid = wage(99, "X", 0, gross_minor=10**9)
    assert registry.payrolls.draft(ACT, payroll(*lines[:9]), CAP_BPS, 2).gross_total_minor is None
    run = registry.payrolls.draft(ACT, payroll(*lines, unpaid), CAP_BPS, 2)
    assert run.gross_total_minor == 1_010_000


def test_a_draft_again(registry: Registry) -> None:
    one = payroll(wage(2, "P1"))
    first = registry.payrolls.draft(ACT, one, CAP_BPS, 2)
    assert registry.payrolls.draft(ACT, one, CAP_BPS, 2) == first
    changed = payroll(wage(2, "P1", 19_000))
    again = registry.payrolls.draft(ACT, changed, CAP_BPS, 2)
    assert again.run_id == first.run_id
    assert again.lines[0].amount_minor == 19_000
    assert len(registry.payrolls.runs_of(EMPLOYER)) == 1


def test_earlier_runs_of_the_period_count(registry: Registry) -> None:
    pay(registry, payroll(wage(2, "P1", 15_000)))
    second = payroll(wage(2, "P1", 5_001), file="second")
    assert faults(registry, second) == [(2, "wage_share_above_cap", 5_000)]
    pay(registry, payroll(wage(2, "P1", 5_000), file="second"))
    third = payroll(wage(2, "P1", 1), file="third")
    assert faults(registry, third) == [(2, "wage_share_above_cap", 0)]
    # Another period, another employer, another employee: each has a share of its own.
    assert faults(registry, payroll(wage(2, "P2"), file="third")) == []
    march = payroll(wage(2, "P1", period="2026-03"), file="third", period="2026-03")
    assert faults(registry, march) == []
    assert faults(registry, payroll(wage(2, "P1"), employer=OTHER_EMPLOYER)) == []


def test_an_employer_who_moved_to_another_account_is_the_same(registry: Registry) -> None:
    pay(registry, payroll(wage(2, "P1")))
    registry.people.link(ACT, "employer", "E1", account("new"), replace=True)
    consent(registry, "P1", account("new"))
    moved = payroll(wage(2, "P1", 1), file="second", employer=account("new"))
    assert faults(registry, moved) == [(2, "wage_share_above_cap", 0)]


def test_two_drafts_do_not_add_up_to_more_than_the_cap(registry: Registry) -> None:
    one, other = payroll(wage(2, "P1")), payroll(wage(2, "P1"), file="other")
    for draft in (one, other):
        registry.payrolls.draft(ACT, draft, CAP_BPS, 2)
    sign(registry, one)
    with pytest.raises(LinesRefused) as caught:
        sign(registry, other)
    (fault,) = caught.value.refusals
    assert (fault.line, fault.code, fault.allowed_minor) == (2, "wage_share_above_cap", 0)
    run_id = registry.payrolls.run_id(other)
    assert registry.payrolls.get(EMPLOYER, run_id).raw is None


def test_consent_withdrawn_before_the_signature(registry: Registry) -> None:
    one = payroll(wage(2, "P1"), wage(3, "P2"))
    registry.payrolls.draft(ACT, one, CAP_BPS, 2)
    consent(registry, "P2", given=False, time_ms=2)
    with pytest.raises(LinesRefused) as caught:
        sign(registry, one)
    assert [(one.line, one.code) for one in caught.value.refusals] == [(3, "wage_consent_missing")]
    consent(registry, "P2", time_ms=3)
    sign(registry, one)


def test_an_account_moved_before_the_signature(registry: Registry) -> None:
    one = payroll(wage(2, "P1"))
    registry.payrolls.draft(ACT, one, CAP_BPS, 2)
    registry.people.link(ACT, "resident", "P1", account("new"), replace=True)
    consent(registry, "P1", time_ms=2)
    with pytest.raises(LinesRefused) as caught:
        sign(registry, one)
    assert "employee_unknown" in [fault.code for fault in caught.value.refusals]


def test_the_same_file_or_name_twice(registry: Registry) -> None:
    pay(registry, payroll(wage(2, "P1", 1), run_name="may"))
    assert faults(registry, payroll(wage(2, "P1", 99_999))) == [
        (None, "payroll_already_submitted", None)
    ]
    known = [(None, "payroll_already_submitted", None)]
    assert faults(registry, payroll(wage(2, "P1", 1))) == known
    assert faults(registry, payroll(wage(2, "P1", 1), file="x", run_name="may")) == known
    assert faults(registry, payroll(wage(2, "P1", 1), run_name="june")) == known
    assert faults(registry, payroll(wage(2, "P1", 1), file="x", run_name="june")) == []
    assert faults(registry, payroll(wage(2, "P1", 1), employer=OTHER_EMPLOYER)) == []


def test_the_same_signature_again(registry: Registry) -> None:
    one = payroll(wage(2, "P1"))
    run_id = registry.payrolls.draft(ACT, one, CAP_BPS, 2).run_id
    assert sign(registry, one) == sign(registry, one)
    with pytest.raises(Refused) as caught:
        sign(registry, one, b"other")
    assert caught.value.code == "payroll_already_submitted"
    assert [run.run_id for run in registry.payrolls.in_state("signed")] == [run_id]
    final = registry.payrolls.finish(ACT, EMPLOYER, run_id, 8)
    assert (final.state, final.height) == ("final", 8)
    assert registry.payrolls.finish(ACT, EMPLOYER, run_id, 8) == sign(registry, one) == final
    with pytest.raises(Refused):
        registry.payrolls.release(ACT, EMPLOYER, run_id)


def test_a_released_run_can_come_again(registry: Registry) -> None:
    one = payroll(wage(2, "P1"))
    run_id = pay(registry, one)
    released = registry.payrolls.release(ACT, EMPLOYER, run_id)
    assert (released.state, released.lines) == ("released", ())
    assert registry.payrolls.release(ACT, EMPLOYER, run_id) == released
    with pytest.raises(Refused) as signed:
        sign(registry, one)
    with pytest.raises(Refused) as finished:
        registry.payrolls.finish(ACT, EMPLOYER, run_id, 1)
    assert signed.value.code == finished.value.code == "payroll_unknown"
    assert pay(registry, one) == run_id


def test_a_restored_registry_asks_for_the_same_run(registry: Registry, tmp_path: Path) -> None:
    old = registry.image()
    run_id = pay(registry, payroll(wage(2, "P1")))
    named = pay(registry, payroll(wage(2, "P2"), file="b", run_name="may"))
    path = tmp_path / "old" / "registry" / "registry.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(old)
    restored = open_registry(tmp_path / "old")
    assert pay(restored, payroll(wage(2, "P1"))) == run_id
    assert pay(restored, payroll(wage(2, "P2", 1), file="c", run_name="may")) == named
    restored.close()
    stranger = settle(open_registry(tmp_path / "stranger"))
    assert stranger.payrolls.run_id(payroll(wage(2, "P1"))) != run_id
    stranger.close()


def test_no_refusal_tells_what_the_registry_knows(registry: Registry) -> None:
    pay(registry, payroll(wage(2, "P1", gross_minor=345_678)))
    lines: tuple[PayrollLine, ...] = (wage(2, "P1"), wage(3, "P2", 99_999), wage(4, "P3"))
    told = repr(registry.payrolls.check(ACT, payroll(*lines, file="x"), CAP_BPS))
    known = (account("P2").hex(), repr(account("P2")), "345678", "Martin")
    assert not any(word in told for word in known)


def test_whose_account_it_is_is_told_to_the_persons_employer_alone(registry: Registry) -> None:
    resident_code, stranger = "P3", account("somebody")
    registry.people.link(ACT, "resident", resident_code, account(resident_code))
    for guess in (format_address(PREFIX, account("P3")), format_address(PREFIX, stranger)):
        found = faults(registry, payroll(wage(2, resident_code, address=guess)))
        assert found == [(2, "wage_consent_missing", None)]
    told = faults(registry, payroll(wage(2, "P1", address=format_address(PREFIX, stranger))))
    assert told == [(2, "employee_unknown", None)]
