"""Residents, employers, services: all rows or none, one account one person, and forgetting."""

import pytest

from node.registry import Registry
from node.registry.records import Imported, LinkRow, PartnerRow
from node.registry.refusals import LinesRefused
from primitives.errors import Refused
from tests.node.registry.town_registry import (
    ACT,
    EMPLOYER,
    account,
    activity,
    consent,
    pay,
    payroll,
    resident,
    sha,
    signed_batch,
    wage,
)


def test_the_same_again_changes_nothing(registry: Registry) -> None:
    rows = [resident(2, "P1"), resident(3, "P2", "Durand"), resident(4, "P9")]
    assert registry.people.import_residents(ACT, rows) == Imported(2, 1)
    assert registry.people.import_residents(ACT, rows) == Imported(0, 3)
    assert registry.people.resident(ACT, "P2").name == "Durand"
    assert registry.people.resident(ACT, "P2").account == account("P2")


def test_all_rows_or_none(registry: Registry) -> None:
    rows = [
        resident(2, "P8"),
        resident(3, "P8"),
        resident(4, ""),
        resident(5, "P9")._replace(birth_date="2025-02-29"),
        resident(6, "P" * 65)._replace(name="x" * 201),
    ]
    with pytest.raises(LinesRefused) as caught:
        registry.people.import_residents(ACT, rows)
    assert [(one.line, one.code, one.field) for one in caught.value.refusals] == [
        (3, "line_duplicate", "person"),
        (4, "cell_empty", "person"),
        (5, "date_malformed", "birth_date"),
        (6, "cell_too_long", "person"),
        (6, "cell_too_long", "name"),
    ]
    with pytest.raises(Refused):
        registry.people.resident(ACT, "P8")


def test_partners_are_brought_up_to_date(registry: Registry) -> None:
    rows = [PartnerRow(2, "S1", "Bakery", "", "food"), PartnerRow(3, "S2", "Till", "", "")]
    assert registry.people.import_services(ACT, rows) == Imported(2, 0)
    changed = [rows[0]._replace(sector="bread"), rows[1]]
    assert registry.people.import_services(ACT, changed) == Imported(1, 1)
    listed = registry.people.partners("service", 1)
    assert [(one.code, one.sector) for one in listed] == [("S1", "bread")]
    assert [one.code for one in registry.people.partners("service", 9, "S1")] == ["S2"]
    assert [one.account for one in registry.people.partners("employer", 1)] == [EMPLOYER]
    with pytest.raises(LinesRefused) as caught:
        registry.people.import_employers(ACT, [rows[0], rows[0]])
    assert caught.value.code == "line_duplicate"


def test_one_account_is_one_persons(registry: Registry) -> None:
    people = registry.people
    assert not people.link(ACT, "resident", "P1", account("P1"))
    assert people.code_of("resident", account("P1")) == "P1"
    assert people.code_of("employer", account("P1")) is None
    for kind, code, other, refused in (
        ("resident", "P3", account("P1"), "account_linked"),
        ("employer", "E1", account("P1"), "account_linked"),
        ("resident", "P1", account("new"), "account_linked"),
        ("resident", "nobody", account("new"), "person_unknown"),
        ("employer", "nobody", account("new"), "employer_unknown"),
        ("service", "nobody", account("new"), "service_unknown"),
    ):
        with pytest.raises(Refused) as caught:
            people.link(ACT, kind, code, other)
        assert caught.value.code == refused
    assert people.link(ACT, "resident", "P1", account("new"), replace=True)
    assert people.account_of("resident", "P1") == account("new")
    assert people.code_of("resident", account("P1")) is None


def test_links_are_made_together(registry: Registry) -> None:
    good = LinkRow(1, "resident", "P3", account("P3"))
    bad = LinkRow(2, "resident", "P3", account("P1"))
    with pytest.raises(LinesRefused) as caught:
        registry.people.link_all(ACT, [good, bad])
    assert [(one.line, one.code) for one in caught.value.refusals] == [(2, "account_linked")]
    assert registry.people.account_of("resident", "P3") is None
    assert registry.people.link_all(ACT, [good]) == 1
    assert registry.people.link_all(ACT, [good]) == 0


def test_reading_is_noted_before_it_is_answered(registry: Registry) -> None:
    last = registry.audit.listed(10_000)[-1].id
    registry.people.resident(ACT, "P1")
    with pytest.raises(Refused):
        registry.people.resident(ACT, "nobody")
    assert [one.person for one in registry.people.residents(ACT, 2)] == ["P1", "P2"]
    assert [one.person for one in registry.people.residents(ACT, 2, "P2")] == ["P3"]
    entries = registry.audit.listed(10_000, last)
    assert [entry.action for entry in entries] == ["read"] * 3
    assert {entry.reason for entry in entries} == {"test"}


def test_no_entry_and_no_refusal_names_anybody(registry: Registry) -> None:
    with pytest.raises(LinesRefused) as caught:
        registry.people.import_residents(ACT, [resident(2, "P7")._replace(birth_date="Martin")])
    told = repr(caught.value.refusals) + str(caught.value) + repr(registry.audit.listed(10_000))
    assert not any(word in told for word in ("Martin", "Anne", "example.org", "1980"))


def test_who_is_erased_leaves_lines_that_tell_nothing(registry: Registry) -> None:
    registry.activities.import_activities(ACT, [activity(2, "P1")], sha("a"))
    operation = signed_batch(registry, 1)
    consent(registry, "P1")
    run_id = pay(registry, payroll(wage(2, "P1")))
    with pytest.raises(Refused) as caught:
        registry.people.erase(ACT, "P1")
    assert caught.value.code == "erasure_pending"
    registry.operations.finish(ACT, operation.id, 5)
    registry.payrolls.finish(ACT, EMPLOYER, run_id, 6)
    committed = registry.bulletins.batch(operation.batch_id or 0).lines[0].commitment

    registry.people.erase(ACT, "P1")

    (line,) = registry.bulletins.batch(operation.batch_id or 0).lines
    assert (line.person, line.salt, line.commitment) == (None, None, committed)
    (paid,) = registry.payrolls.get(EMPLOYER, run_id).lines
    assert (paid.employee, paid.gross_minor, paid.salt) == (None, None, None)
    assert paid.amount_minor == 20_000
    assert registry.people.account_of("resident", "P1") is None
    assert registry.consents.history(account("P1")) == []
    assert registry.activities.listed(ACT, 9) == []
    path = registry._database.path
    stored = path.read_bytes() + path.with_name(path.name + "-wal").read_bytes()
    assert line.commitment in stored
    registry.people.erase(ACT, "P2")
    registry.people.erase(ACT, "P3")
    stored = path.read_bytes() + path.with_name(path.name + "-wal").read_bytes()
    assert b"Martin" not in stored


def test_an_erased_code_does_not_come_back(registry: Registry) -> None:
    registry.people.erase(ACT, "P1")
    with pytest.raises(LinesRefused) as caught:
        registry.people.import_residents(ACT, [resident(2, "P1")])
    assert caught.value.code == "person_erased"
    with pytest.raises(Refused) as again:
        registry.people.erase(ACT, "P1")
    assert again.value.code == "person_unknown"


def test_a_draft_does_not_keep_anybody_from_being_erased(registry: Registry) -> None:
    consent(registry, "P1")
    consent(registry, "P2")
    run = registry.payrolls.draft(ACT, payroll(wage(2, "P1"), wage(3, "P2")), 1_000, 2)
    registry.people.erase(ACT, "P1")
    after = registry.payrolls.get(EMPLOYER, run.run_id)
    assert (after.state, after.lines) == ("released", ())
    with pytest.raises(LinesRefused) as caught:
        registry.payrolls.draft(ACT, payroll(wage(2, "P1"), wage(3, "P2")), 1_000, 2)
    assert [one.code for one in caught.value.refusals] == ["employee_unknown"]
