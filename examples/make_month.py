"""Makes the example month in `four-territories/`: run it from a checkout, after `scripts/test` or
`scripts/demo` made `.venv`:

    .venv/bin/python examples/make_month.py [--out DIR]

It gives the same bytes every time. Each territory has a folder:

    residents.csv … purchases.csv, payroll/     the files as they are handed in first
    corrected/                                  those that were refused, mended
    again/                                      what is handed in although it already was
    consents-withdrawn.csv                      who withdraws between check and submission

What is wrong is wrong on purpose, one thing a line. `expected.json` counts every refusal that
whoever plays the month must see: those planted here, and the attempts of `democite demo`.
"""

import argparse
import itertools
import json
import random
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from month_hours import make_hours
from month_payrolls import PERIOD, SIZES, SPOILERS, Wage, make_lines, write
from month_tables import HABITS, LATIN_1, UTF8, Habits
from month_words import WORDS, Words

from clients.demo.attempts import ATTEMPT_CODES
from clients.demo.places import PLACES, Names, Place, names_of
from clients.demo.plan import ATTEMPTS_PER_CODE

RESIDENTS = 520
NEWCOMERS = 2
"""The first residents only arrived this month: nothing happens to them."""
CHILDREN_EVERY = 25
"""Whose keys may spend little at once: no great purchase is planted on them."""
SERVICES = 40
PURCHASES = 2_530
PRICES_MINOR = (80, 4_500)
FAR_TOO_MUCH_MINOR = 9_999_900
WRONG_PURCHASES = 5
FIRST_DAY = date(2025, 2, 1)
DAYS = 28
WITHDRAWN_FROM = len(SPOILERS)
"""The employer, by place, of whom an employee thinks again; the next one sends its file twice."""

PEOPLE = ("person", "name", "first_name", "birth_date", "email")
PARTNERS = ("code", "name", "siret", "sector")
PURCHASE = ("when", "payer", "payee", "amount", "label")

Rows = list[list[str]]


@dataclass
class Folder:
    """A territory's files, and what of them must be refused."""

    habits: Habits
    files: dict[str, bytes] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)

    def table(self, name: str, columns: Sequence[str], rows: Rows, encoding: str = UTF8) -> bytes:
        """Put a table."""
        self.files[name] = self.habits.file(columns, rows, encoding)
        return self.files[name]

    def refused(self, *codes: str) -> None:
        """Note what the file put last is refused with."""
        self.refusals.update(codes)


class Month:
    """One territory's month."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.folder = Folder(HABITS[place.prefix])
        self._draw = random.Random(f"month/{place.prefix}")
        self._words: Words = WORDS[place.prefix]
        self._names: Names = names_of(place.country)
        letter = place.prefix[0].upper()
        self._residents = [f"{letter}{number:04d}" for number in range(1, RESIDENTS + 1)]
        self._services = [f"S{number:02d}" for number in range(1, SERVICES + 1)]
        self._employers = [f"E{number:02d}" for number in range(1, len(SIZES) + 1)]
        self._active = self._residents[NEWCOMERS:]

    def make(self) -> Folder:
        """All files."""
        self._make_residents()
        self._make_partners()
        make_hours(self._draw, self.folder, self.place.prefix, self._active)
        self._make_payrolls()
        self._make_purchases()
        return self.folder

    # -- registers ----------------------------------------------------------------------------

    def _make_residents(self) -> None:
        rows: Rows = []
        for person in self._residents:
            first_name = self._draw.choice(self._names.first_names)
            name = self._draw.choice(self._names.family_names)
            born = date(1936, 1, 1) + timedelta(days=self._draw.randrange(72 * 365))
            mail = f"{_ascii(first_name)}.{_ascii(name)}@{self._words.mail}"
            has_mail = self._draw.randrange(5) > 0
            rows.append([person, name, first_name, born.isoformat(), mail if has_mail else ""])
        codes: tuple[str, ...] = ()
        wrong = [list(row) for row in rows]
        if self.place.prefix == "valmont":
            wrong[41].insert(2, wrong[41][2])
            codes = ("file_row_malformed",)
        elif self.place.prefix == "brenta":
            wrong[7][3] = "14/07/1982"
            wrong[120][3] = "3.9.61"
            wrong[301][3] = "1975-02-30"
            codes = ("date_malformed", "date_malformed", "date_out_of_range")
        self._put("residents.csv", PEOPLE, rows, wrong, codes)

    def _make_partners(self) -> None:
        names = self._service_names()
        services = [[code, next(names), self._siret(), "service"] for code in self._services]
        if self.place.prefix == "jura":
            self.folder.table("services.csv", PARTNERS, services, LATIN_1)
            self.folder.refused("file_encoding_unknown")
            self.folder.table("corrected/services.csv", PARTNERS, services)
        else:
            self.folder.table("services.csv", PARTNERS, services)
        patterns = self._words.employers * 2
        employers = [
            [code, self._named(pattern), self._siret(), sector]
            for code, (pattern, sector) in zip(self._employers, patterns, strict=True)
        ]
        if self.place.prefix == "brenta":
            misnamed = ("code", "name", "partita_iva", "sector")
            self.folder.table("employers.csv", misnamed, employers)
            self.folder.refused("file_column_missing")
            self.folder.table("corrected/employers.csv", PARTNERS, employers)
        else:
            self.folder.table("employers.csv", PARTNERS, employers)

    def _put(
        self,
        name: str,
        columns: Sequence[str],
        right: Rows,
        wrong: Rows,
        codes: tuple[str, ...],
    ) -> None:
        """A file, and the mended one if something is wrong with it."""
        self.folder.table(name, columns, wrong)
        self.folder.refused(*codes)
        if codes:
            self.folder.table(f"corrected/{name}", columns, right)

    def _service_names(self) -> Iterator[str]:
        """Each once."""
        seen: set[str] = set()
        for pattern in itertools.cycle(self._names.services):
            name = self._named(pattern)
            if name not in seen:
                seen.add(name)
                yield name

    def _named(self, pattern: str) -> str:
        return pattern.format(self._draw.choice(self._names.family_names))

    def _siret(self) -> str:
        return f"{self._draw.randrange(10**13, 10**14)}"

    # -- wages --------------------------------------------------------------------------------

    def _make_payrolls(self) -> None:
        sizes = self._draw.sample(SIZES, len(SIZES))
        pool = self._draw.sample(self._active, len(self._active))
        payrolls: list[list[Wage]] = []
        for size in sizes:
            employees, pool = pool[:size], pool[size:]
            payrolls.append(make_lines(self._draw, employees))
        # Some work for two: their second employer is a small one.
        for index in (12, 13):
            second = [wage.employee for wage in payrolls[index + 2][:2]]
            payrolls[index] += make_lines(self._draw, second)
        for index, (employer, lines) in enumerate(zip(self._employers, payrolls, strict=True)):
            self._put_payroll(index, employer, lines)

    def _put_payroll(self, index: int, employer: str, lines: list[Wage]) -> None:
        name = f"payroll/{employer}-{PERIOD}.csv"
        right = write(lines, self.folder.habits)
        if index < len(SPOILERS):
            spoilt = SPOILERS[index](list(lines), self.folder.habits, self.place.prefix)
            self.folder.files[name] = spoilt.raw
            self.folder.refused(*spoilt.codes)
            self.folder.files[f"corrected/{name}"] = right
        else:
            self.folder.files[name] = right
        if index == WITHDRAWN_FROM:
            columns = ("employer", "employee")
            self.folder.table("consents-withdrawn.csv", columns, [[employer, lines[0].employee]])
            self.folder.refused("wage_consent_missing")
        if index in (0, WITHDRAWN_FROM + 1):
            self.folder.files[f"again/{name}"] = right
            self.folder.refused("payroll_already_submitted")

    # -- purchases ----------------------------------------------------------------------------

    def _make_purchases(self) -> None:
        habits, draw = self.folder.habits, self._draw
        rows: Rows = []
        buyers: list[str] = []
        for turn in range(PURCHASES):
            if not buyers:
                buyers = draw.sample(self._active, len(self._active))
            day = FIRST_DAY + timedelta(days=turn * DAYS // PURCHASES)
            amount = habits.amount(_price(draw))
            label = draw.choice(self._words.labels)
            rows.append([day.isoformat(), buyers.pop(), draw.choice(self._services), amount, label])
        adults = [
            person
            for number, person in enumerate(self._residents, start=1)
            if number > NEWCOMERS and number % CHILDREN_EVERY
        ]
        for payer in draw.sample(adults, WRONG_PURCHASES):
            too_much = habits.amount(FAR_TOO_MUCH_MINOR)
            self._plant(rows, payer, draw.choice(self._services), too_much)
            self.folder.refused("balance_insufficient")
        for number, payer in enumerate(draw.sample(adults, WRONG_PURCHASES)):
            self._plant(rows, payer, f"S{90 + number}", habits.amount(_price(draw)))
            self.folder.refused("account_unknown")
        for amount in ("12.345", "1 050,00", "4,20 €"):
            self._plant(rows, draw.choice(adults), draw.choice(self._services), amount)
            self.folder.refused("amount_malformed")
        for no_day in ("2025-02-29", "2025-02-31"):
            at = self._plant(rows, draw.choice(adults), draw.choice(self._services), "3")
            rows[at][0] = no_day
            self.folder.refused("date_out_of_range")
        self.folder.table("purchases.csv", PURCHASE, rows)

    def _plant(self, rows: Rows, payer: str, payee: str, amount: str) -> int:
        """A wrong purchase somewhere between the others; gives where."""
        at = self._draw.randrange(1, len(rows))
        label = self._draw.choice(self._words.labels)
        rows.insert(at, [rows[at - 1][0], payer, payee, amount, label])
        return at


def _price(draw: random.Random) -> int:
    price_minor = draw.randint(*PRICES_MINOR)
    return price_minor // 10 * 10 if draw.randrange(3) else price_minor


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", "-")


def make_months(out: Path) -> None:
    """Write everything anew."""
    refusals = Counter(dict.fromkeys(ATTEMPT_CODES, ATTEMPTS_PER_CODE))
    for place in PLACES:
        root = out / place.prefix
        shutil.rmtree(root, ignore_errors=True)
        folder = Month(place).make()
        refusals += folder.refusals
        for name, raw in folder.files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(raw)
    expected = json.dumps({"refusals": dict(sorted(refusals.items()))}, indent=2)
    (out / "expected.json").write_bytes(expected.encode() + b"\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the example month's files.")
    default = Path(__file__).with_name("four-territories")
    parser.add_argument("--out", type=Path, default=default)
    make_months(parser.parse_args().out)
