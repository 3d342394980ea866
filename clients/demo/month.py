"""What a territory's files of the month come to: who gets what for hours and wages.

Read from the files that have nothing wrong, with the readers that town halls and employers use.
The demonstration knows from here what everyone will own, before anything is sent.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from clients.demo.example_files import PERIOD, ExampleFolder, payroll_name
from clients.demo.places import DECIMALS, Place
from clients.office.register_files import RowJson, read_register
from clients.payroll.payroll_file import Payroll, read_payroll
from clients.tables import read_table
from ledger.line_commitments import ActivityLine, bulletin_amount_minor

WAITS_FOR_NEXT_MONTH = ("jura", "liria")
"""There, hours that nobody confirmed in time wait; elsewhere somebody confirms them when asked."""

TOP_UP_STEP_MINOR = 5_000
WITHDRAWALS = "consents-withdrawn.csv"

T = TypeVar("T")


@dataclass(frozen=True)
class Hours:
    """What a person did for a programme in the month, and what that gives."""

    person: str
    programme: str
    minutes: int
    amount_minor: int


@dataclass(frozen=True)
class Month:
    """See the module's docstring. Codes are those of the registers."""

    place: Place
    residents: tuple[tuple[str, str], ...]
    """Code and name; so for services and employers."""
    services: tuple[tuple[str, str], ...]
    employers: tuple[tuple[str, str], ...]
    budgets_minor: dict[str, int]
    """By programme."""
    top_ups_minor: dict[str, int]
    """By programme whose budget does not suffice: what must be added."""
    bulletins: tuple[Hours, ...]
    payrolls: dict[str, Payroll]
    """By employer."""
    withdrawals: dict[str, str]
    """By employer: the employee who withdraws and consents again."""

    @property
    def consents(self) -> list[tuple[str, str]]:
        """Who consents to a share in local money, and towards which employer."""
        return [
            (line.employee, employer)
            for employer, payroll in self.payrolls.items()
            for line in payroll.paid_lines
        ]

    @property
    def received_minor(self) -> Counter[str]:
        """By person: bulletins and shares of wages."""
        received: Counter[str] = Counter()
        for hours in self.bulletins:
            received[hours.person] += hours.amount_minor
        for payroll in self.payrolls.values():
            for line in payroll.paid_lines:
                received[line.employee] += line.local_minor
        return received

    @property
    def programmes_minor(self) -> int:
        """What all programmes need of the commons."""
        return sum(self.budgets_minor.values()) + sum(self.top_ups_minor.values())

    @property
    def figures(self) -> dict[str, int]:
        """What must come of bulletins and wages, as the summary counts it."""
        return {
            "residents": len({hours.person for hours in self.bulletins}),
            "minutes": sum(hours.minutes for hours in self.bulletins),
            "amount_minor": sum(hours.amount_minor for hours in self.bulletins),
            "runs": len(self.payrolls),
            "lines": sum(len(payroll.paid_lines) for payroll in self.payrolls.values()),
        }


def read_month(place: Place) -> Month:
    """The month of one territory."""
    folder = ExampleFolder(place)

    def rows(register: str, parse: Callable[[RowJson], T]) -> list[T]:
        file = folder.accepted(f"{register}.csv")
        return [parse(row) for row in read_register(register, file, DECIMALS).rows]

    employers = tuple(rows("employers", lambda row: (_word(row, "code"), _word(row, "name"))))
    budgets_minor = dict(
        rows("programmes", lambda row: (_word(row, "programme"), _count(row, "budget_minor")))
    )
    rates_minor = dict(
        rows("levels", lambda row: (_word(row, "level"), _count(row, "rate_per_hour_minor")))
    )
    bulletins = _bulletins(place, rows("activities", lambda row: row), rates_minor)
    return Month(
        place=place,
        residents=tuple(
            rows(
                "residents",
                lambda row: (_word(row, "person"), f"{row['first_name']} {row['name']}"),
            )
        ),
        services=tuple(rows("services", lambda row: (_word(row, "code"), _word(row, "name")))),
        employers=employers,
        budgets_minor=budgets_minor,
        top_ups_minor=_top_ups(bulletins, budgets_minor),
        bulletins=bulletins,
        payrolls={
            code: read_payroll(folder.accepted(payroll_name(code)), DECIMALS)
            for code, _ in employers
        },
        withdrawals=_withdrawals(folder),
    )


def _bulletins(
    place: Place, activities: list[RowJson], rates_minor: dict[str, int]
) -> tuple[Hours, ...]:
    """Per person and programme, rounded down once."""
    waits = place.prefix in WAITS_FOR_NEXT_MONTH
    done: dict[tuple[str, str], list[ActivityLine]] = {}
    for row in activities:
        if _word(row, "date")[: len(PERIOD)] != PERIOD or (waits and not row["confirmed_by"]):
            continue
        level = _word(row, "level")
        line = ActivityLine(_word(row, "date"), _count(row, "minutes"), level, rates_minor[level])
        done.setdefault((_word(row, "person"), _word(row, "programme")), []).append(line)
    return tuple(
        Hours(
            person,
            programme,
            sum(line.minutes for line in lines),
            bulletin_amount_minor(lines),
        )
        for (person, programme), lines in sorted(done.items())
    )


def _top_ups(bulletins: tuple[Hours, ...], budgets_minor: dict[str, int]) -> dict[str, int]:
    needed_minor: Counter[str] = Counter()
    for hours in bulletins:
        needed_minor[hours.programme] += hours.amount_minor
    return {
        programme: -(-(needed - budgets_minor[programme]) // TOP_UP_STEP_MINOR) * TOP_UP_STEP_MINOR
        for programme, needed in sorted(needed_minor.items())
        if needed > budgets_minor[programme]
    }


def _withdrawals(folder: ExampleFolder) -> dict[str, str]:
    table = read_table(folder.first(WITHDRAWALS), ("employer", "employee"))
    return {row.code("employer"): row.code("employee") for row in table.rows}


def _word(row: RowJson, name: str) -> str:
    return str(row[name])


def _count(row: RowJson, name: str) -> int:
    value = row[name]
    return value if isinstance(value, int) else 0
