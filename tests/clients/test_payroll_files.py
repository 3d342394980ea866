"""A payroll's file and the town hall's draft of it: the cap at its edges, and every difference."""

import secrets

import pytest

from clients.payroll.payroll_file import Payroll, faults_of, merged, parse_payroll
from clients.payroll.round_shares import round_share_minor, telling_shares
from clients.payroll.wage_runs import check_draft, lines_from_private
from ledger.line_commitments import wage_commitment
from ledger.wages import wages_gross_minor
from primitives.addresses import format_address
from primitives.errors import Refused
from terminal.line_refusals import LineRefusal, LinesRefused

HEADER = "employee;account;gross_wage;local_share;consent;period"
PERIOD = "2026-02"


def _payroll(*lines: str) -> Payroll:
    return parse_payroll("\n".join((HEADER, *lines, "")).encode(), 2, file="p.csv")


def _codes(payroll: Payroll, cap_bps: int = 1_000) -> list[tuple[int | None, str]]:
    return [(one.line, one.code) for one in faults_of(payroll, cap_bps)]


def test_the_cap_at_its_edges() -> None:
    lines = [
        f"a;;1999,99;199,99;oui;{PERIOD}",
        f"b;;1999,99;200;oui;{PERIOD}",
        f"c;;2000;200;oui;{PERIOD}",
        f"d;;2000;200,01;oui;{PERIOD}",
        f"e;;2000;0;non;{PERIOD}",
    ]
    assert _codes(_payroll(*lines)) == [(3, "wage_share_above_cap"), (5, "wage_share_above_cap")]
    faults = faults_of(_payroll(*lines), 1_000)
    assert [one.allowed_minor for one in faults] == [19_999, 20_000]
    assert _codes(_payroll(f"c;;2000;200,01;oui;{PERIOD}"), 1_001) == []


def test_what_the_file_alone_tells() -> None:
    payroll = _payroll(
        f"a;;2000;100;oui;{PERIOD}", f"a;;2000;100;oui;{PERIOD}", "b;;2000;100;oui;2026-03",
        f"c;arden1qqq;2000;100;oui;{PERIOD}", f"d;;2000;100;non;{PERIOD}", f"e;;0;0;oui;{PERIOD}",
    )  # fmt: skip
    assert _codes(payroll) == [
        (3, "line_duplicate"),
        (4, "period_mixed"),
        (5, "address_malformed"),
        (6, "wage_consent_missing"),
        (7, "amount_out_of_range"),
    ]


def test_a_payroll_without_lines_is_empty() -> None:
    with pytest.raises(LinesRefused) as caught:
        _payroll()
    assert caught.value.code == "file_empty"


def test_the_town_halls_words_replace_the_files() -> None:
    ours = [LineRefusal("wage_share_above_cap", 3, allowed_minor=200)]
    theirs = [
        LineRefusal("wage_share_above_cap", 3, allowed_minor=50),
        LineRefusal("employee_unknown", 2),
    ]
    found = merged(ours, theirs)
    assert [(one.line, one.allowed_minor) for one in found] == [(2, None), (3, 50)]


@pytest.mark.parametrize(
    ("allowed_minor", "expected"),
    [(20_000, 19_000), (21_437, 21_000), (10_001, 10_000), (10_000, 9_000), (9_999, 9_500),
     (150_000, 145_000), (500, 400), (199, 0), (0, 0)],
)  # fmt: skip
def test_a_round_share_is_below_the_cap(allowed_minor: int, expected: int) -> None:
    assert round_share_minor(allowed_minor, 2) == expected


def test_only_shares_at_the_cap_tell_the_wage() -> None:
    payroll = _payroll(f"a;;2143,37;214,33;oui;{PERIOD}", f"b;;2143,37;210;oui;{PERIOD}")
    assert [(one.line, one.suggested_minor) for one in telling_shares(payroll, 1_000, 2)] == [
        (2, 21_000)
    ]


def _draft(payroll: Payroll) -> dict[str, object]:
    lines = []
    for line in payroll.paid_lines:
        salt = secrets.token_bytes(32)
        commitment = wage_commitment(salt, line.gross_minor, line.employee, line.period)
        lines.append(
            {
                "line": line.line,
                "account": bytes([line.line] * 20).hex(),
                "amount_minor": line.local_minor,
                "commitment": commitment.hex(),
                "salt": salt.hex(),
            }
        )
    gross_minor = sum(line.gross_minor for line in payroll.paid_lines)
    return {
        "run_id": bytes(16).hex(),
        "gross_total_minor": wages_gross_minor(gross_minor, len(lines), 2),
        "lines": lines,
    }


def _checked(payroll: Payroll, draft: dict[str, object]) -> object:
    return check_draft(payroll, draft, prefix="arden", currency="ARD", decimals=2)


@pytest.mark.parametrize("count", [1, 9, 10, 30])
def test_a_draft_that_says_what_the_file_says(count: int) -> None:
    payroll = _payroll(*(f"p{number};;2000,07;150;oui;{PERIOD}" for number in range(count)))
    run = check_draft(payroll, _draft(payroll), prefix="arden", currency="ARD", decimals=2)
    assert run.total_minor == 15_000 * count
    assert (run.gross_total_minor is None) == (count < 10)
    _, private = run.body_fields()
    assert tuple(lines_from_private(private)) == run.lines


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_minor", 15_001),
        ("commitment", "00" * 32),
        ("salt", "00" * 32),
        ("line", 4),
        ("account", bytes([2] * 20).hex()),
    ],
)
def test_a_draft_that_differs_is_not_signed(field: str, value: object) -> None:
    payroll = _payroll(
        f"a;;2000;150;oui;{PERIOD}", f"b;;2000;150;oui;{PERIOD}", f"c;;2000;0;oui;{PERIOD}"
    )
    draft = _draft(payroll)
    lines = draft["lines"]
    assert isinstance(lines, list)
    lines[1][field] = value
    with pytest.raises(Refused, match="payroll_differs"):
        _checked(payroll, draft)


def test_a_draft_with_another_gross_lines_or_account_is_not_signed() -> None:
    named = format_address("arden", bytes(20))
    payroll = _payroll(f"a;{named};2000;150;oui;{PERIOD}", f"b;;2000;150;oui;{PERIOD}")
    with pytest.raises(Refused, match="payroll_differs"):
        _checked(payroll, _draft(payroll))
    payroll = _payroll(f"a;;2000;150;oui;{PERIOD}", f"b;;2000;150;oui;{PERIOD}")
    with pytest.raises(Refused, match="payroll_differs"):
        _checked(payroll, {**_draft(payroll), "gross_total_minor": 400_000})
    draft = _draft(payroll)
    lines = draft["lines"]
    assert isinstance(lines, list)
    lines.pop()
    with pytest.raises(Refused, match="payroll_differs"):
        _checked(payroll, draft)
