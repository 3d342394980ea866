"""The activity sheets of the example month: programmes, levels, hours; what is wrong at first."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Protocol

from month_tables import LATIN_1, UTF8, Habits
from month_words import WORDS, Programme, Words

PROGRAMMES = ("programme", "title", "budget", "from", "to")
LEVELS = ("level", "rate_per_hour")
ACTIVITIES = ("person", "programme", "date", "minutes", "level", "confirmed_by")
FROM, TO = date(2025, 2, 3), date(2025, 6, 30)
LAST_DAY = date(2025, 2, 28)
RATES_MINOR = (600, 733, 950)
MINUTES = (30, 45, 50, 60, 75, 90, 100, 120, 150, 180)
PEOPLE_PER_PROGRAMME = 30
LARGE_FACTOR = 2
"""Liria's programmes are so many times larger: its bulletins need two signatures."""
BUDGET_STEP_MINOR = 5_000
TOO_SMALL_PERCENT = 60
REGISTERED_AGAIN = 3

Rows = list[list[str]]


class Folder(Protocol):
    """Where files are put."""

    habits: Habits

    def table(self, name: str, columns: Sequence[str], rows: Rows, encoding: str = UTF8) -> bytes:
        """Put a table."""

    def refused(self, *codes: str) -> None:
        """Note what the file put last is refused with."""


def make_hours(draw: random.Random, folder: Folder, prefix: str, people: Sequence[str]) -> None:
    """Put all files of programmes and hours."""
    words = WORDS[prefix]
    rates_minor = dict(zip(words.levels, RATES_MINOR, strict=True))
    level_rows = [[level, folder.habits.amount(rate)] for level, rate in rates_minor.items()]
    folder.table("levels.csv", LEVELS, level_rows)
    count = PEOPLE_PER_PROGRAMME * (LARGE_FACTOR if prefix == "liria" else 1)
    rows: Rows = []
    budgets: Rows = []
    for programme in words.programmes:
        sheet = _sheet(draw, words, programme, draw.sample(people, count))
        is_last = programme == words.programmes[-1]
        given_minor = sum(int(row[3]) * rates_minor[row[4]] for row in sheet) // 60
        # What is not confirmed at first must not make the difference.
        percent = TOO_SMALL_PERCENT if is_last else 125
        budget_minor = -(-given_minor * percent // 100 // BUDGET_STEP_MINOR) * BUDGET_STEP_MINOR
        budget = folder.habits.amount(budget_minor)
        days = (FROM.isoformat(), TO.isoformat())
        budgets.append([programme.code, programme.title, budget, *days])
        if is_last:
            folder.refused("programme_budget_exceeded")
        sheet[0][5] = ""
        folder.refused("activity_unconfirmed")
        rows += sheet
    _put_programmes(folder, prefix, budgets)
    rows.sort(key=lambda row: (row[2], row[0], row[1]))
    _put_activities(folder, prefix, rows)


def _sheet(draw: random.Random, words: Words, programme: Programme, people: Sequence[str]) -> Rows:
    rows: Rows = []
    for person in people:
        days = draw.sample(range((LAST_DAY - FROM).days + 1), draw.choice((1, 1, 2, 2, 3)))
        level = words.levels[draw.choice((0, 0, 0, 1, 1, 2))]
        for day in days:
            when = FROM + timedelta(days=day)
            minutes = str(draw.choice(MINUTES))
            rows.append(
                [person, programme.code, when.isoformat(), minutes, level, programme.association]
            )
    return rows


def _put_programmes(folder: Folder, prefix: str, right: Rows) -> None:
    wrong = [list(row) for row in right]
    if prefix == "liria":
        wrong[0][2] = f"{wrong[0][2][0]} {wrong[0][2][1:]}"
        wrong[1][4] = "2025-06-31"
        folder.refused("amount_malformed", "date_out_of_range")
        folder.table("corrected/programmes.csv", PROGRAMMES, right)
    folder.table("programmes.csv", PROGRAMMES, wrong)


def _put_activities(folder: Folder, prefix: str, right: Rows) -> None:
    """The month's sheet is refused first in each town hall; then comes one with hours that were
    already registered."""
    wrong = [list(row) for row in right]
    encoding = UTF8
    if prefix == "jura":
        encoding = LATIN_1
        folder.refused("file_encoding_unknown")
    elif prefix == "liria":
        wrong[3][2] = "05/02/2025"
        wrong[10][2] = "2025-02-29"
        wrong[20][3] = "90 min"
        wrong[30][2] = "2025-2-7"
        folder.refused("date_malformed", "date_out_of_range", "count_malformed", "date_malformed")
    else:
        wrong[2][0] = f"{wrong[2][0][0]}9998"
        wrong[5][1] = "inconnu"
        wrong[9][4] = "N9"
        wrong[14][2] = "2025-02-01"
        wrong[21][2] = "2025-07-01"
        wrong[33][3] = "0"
        wrong[40][3] = "1500"
        wrong.append(list(right[50]))
        folder.refused("person_unknown", "programme_unknown", "level_unknown")
        folder.refused("date_out_of_range", "date_out_of_range")
        folder.refused("minutes_out_of_range", "minutes_out_of_range", "line_duplicate")
    folder.table("activities.csv", ACTIVITIES, wrong, encoding)
    folder.table("corrected/activities.csv", ACTIVITIES, right)
    once_more = [[*row[:3], "15", *row[4:]] for row in right[:REGISTERED_AGAIN]]
    folder.table("again/activities.csv", ACTIVITIES, once_more)
    folder.refused(*("activity_duplicate",) * REGISTERED_AGAIN)
