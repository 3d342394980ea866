"""The payrolls of the example month, and what is wrong with some of them at first."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from month_tables import UTF_16, Habits

from primitives.addresses import format_address

PERIOD, OTHER_PERIOD = "2025-02", "2025-01"
COLUMNS = ("employee", "account", "gross_wage", "local_share", "consent", "period")
MISNAMED = ("employee", "account", "gross_wage", "local_share", "consent", "mois")
SIZES = (4, 5, 6, 8, 9, 10, 11, 12, 14, 16, 19, 23, 28, 36, 47, 60)
NOBODY = "{}9999"
SHARE_SMALL_MINOR = 2_000


@dataclass(frozen=True)
class Wage:
    """A line of a payroll."""

    employee: str
    gross_minor: int
    local_minor: int
    consent: str
    account: str = ""
    period: str = PERIOD

    def cells(self, habits: Habits) -> list[str]:
        """As it stands in the file."""
        gross, local = habits.amount(self.gross_minor), habits.amount(self.local_minor)
        return [self.employee, self.account, gross, local, self.consent, self.period]


@dataclass(frozen=True)
class Spoilt:
    """A payroll's file as it is handed in first, and the codes that its lines are refused with."""

    raw: bytes
    codes: tuple[str, ...]


def make_lines(draw: random.Random, employees: Sequence[str]) -> list[Wage]:
    """A payroll with nothing wrong. The first two lines pay a share, the next two do not."""
    yes, no = ("oui", "non") if draw.randrange(4) else ("yes", "no")
    lines: list[Wage] = []
    for index, employee in enumerate(employees):
        gross_minor = draw.randrange(140_000, 420_000, 1_000)
        if draw.randrange(3) == 0:
            gross_minor += draw.randrange(1_000)
        consents = index < 2 or (index > 3 and draw.randrange(10) < 7)
        local_minor = _share(draw, gross_minor) if consents else 0
        lines.append(Wage(employee, gross_minor, local_minor, yes if consents else no))
    return lines


def _share(draw: random.Random, gross_minor: int) -> int:
    """Round, and below the cap: a share at the cap would tell the wage."""
    most_minor = gross_minor // 10 - 1
    if draw.randrange(12) == 0:
        return draw.randrange(1_000, most_minor)
    return min(draw.randrange(2_000, 32_000, 1_000), most_minor // 1_000 * 1_000)


def _written(lines: Sequence[Wage], habits: Habits) -> list[list[str]]:
    return [line.cells(habits) for line in lines]


def write(lines: Sequence[Wage], habits: Habits) -> bytes:
    """The file of a payroll."""
    return habits.file(COLUMNS, _written(lines, habits))


# -- what is wrong at first ---------------------------------------------------------------------


def _above_cap(lines: list[Wage], habits: Habits, prefix: str) -> Spoilt:
    """One far above the tenth, one by a hundredth."""
    first, second = lines[0], lines[1]
    lines[0] = replace(first, local_minor=first.gross_minor // 10_000 * 1_000 + 5_000)
    lines[1] = replace(second, local_minor=second.gross_minor // 10 + 1)
    return Spoilt(write(lines, habits), ("wage_share_above_cap",) * 2)


def _consent_missing(lines: list[Wage], habits: Habits, prefix: str) -> Spoilt:
    """The file says that they do not consent."""
    for index in (0, 1):
        lines[index] = replace(lines[index], consent="non")
    return Spoilt(write(lines, habits), ("wage_consent_missing",) * 2)


def _consent_unheard(lines: list[Wage], habits: Habits, prefix: str) -> Spoilt:
    """The file says that they consent; the town hall has not heard it from them."""
    for index in (2, 3):
        lines[index] = replace(lines[index], local_minor=SHARE_SMALL_MINOR, consent="oui")
    return Spoilt(write(lines, habits), ("wage_consent_missing",) * 2)


def _unknown(lines: list[Wage], habits: Habits, prefix: str) -> Spoilt:
    """Somebody whom nobody knows, and an account that is not the employee's."""
    stranger = format_address(prefix, bytes(20))
    lines[1] = replace(lines[1], account=stranger)
    lines.append(replace(lines[0], employee=NOBODY.format(lines[0].employee[0])))
    return Spoilt(write(lines, habits), ("employee_unknown",) * 2)


def _twice(lines: list[Wage], habits: Habits, prefix: str) -> Spoilt:
    lines.append(lines[0])
    return Spoilt(write(lines, habits), ("line_duplicate",))


def _other_month(lines: list[Wage], habits: Habits, prefix: str) -> Spoilt:
    lines[1] = replace(lines[1], period=OTHER_PERIOD)
    return Spoilt(write(lines, habits), ("period_mixed",))


def _column_missing(lines: list[Wage], habits: Habits, prefix: str) -> Spoilt:
    raw = habits.file(MISNAMED, _written(lines, habits))
    return Spoilt(raw, ("file_column_missing",))


def _amounts_grouped(lines: list[Wage], habits: Habits, prefix: str) -> Spoilt:
    """Thousands set apart, as the payroll program prints them."""
    rows = _written(lines, habits)
    rows[0][2] = f"{rows[0][2][0]} {rows[0][2][1:]}"
    rows[1][2] = f"{rows[1][2][0]}.{lines[1].gross_minor // 100 % 1_000:03d},00"
    rows[2][5] = "02/2025"
    codes = ("amount_malformed", "amount_malformed", "period_malformed")
    return Spoilt(habits.file(COLUMNS, rows), codes)


def _other_encoding(lines: list[Wage], habits: Habits, prefix: str) -> Spoilt:
    """What spreadsheets call Unicode text."""
    raw = habits.file(COLUMNS, _written(lines, habits), UTF_16)
    return Spoilt(raw, ("file_encoding_unknown",))


def _several(lines: list[Wage], habits: Habits, prefix: str) -> Spoilt:
    """Three lines, three reasons."""
    lines[0] = replace(lines[0], local_minor=lines[0].gross_minor // 10 + 1)
    lines[1] = replace(lines[1], consent="no")
    lines[2] = replace(lines[2], employee=NOBODY.format(lines[2].employee[0]))
    lines[2] = replace(lines[2], local_minor=SHARE_SMALL_MINOR, consent="oui")
    codes = ("wage_share_above_cap", "wage_consent_missing", "employee_unknown")
    return Spoilt(write(lines, habits), codes)


Spoiler = Callable[[list[Wage], Habits, str], Spoilt]

SPOILERS: tuple[Spoiler, ...] = (
    _above_cap,
    _consent_missing,
    _consent_unheard,
    _unknown,
    _twice,
    _other_month,
    _column_missing,
    _amounts_grouped,
    _other_encoding,
    _several,
)
"""What is wrong with the payrolls of as many employers; the others' are right at once."""
