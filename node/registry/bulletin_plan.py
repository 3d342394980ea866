"""Which bulletins a month gives: hours that are confirmed and in no batch yet, person by person.

Reads only. Amounts are rounded once per person and programme (`ledger.line_commitments`).
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ledger.line_commitments import ActivityLine, BulletinContent, bulletin_amount_minor
from node.registry.database import Database
from node.registry.refusals import BulletinRefusal

_ACTIVITIES = (
    "SELECT activities.id, person, programme, date, minutes, level, rate_per_hour_minor,"
    " confirmed_by, account FROM activities JOIN levels USING (level)"
    " LEFT JOIN links ON kind = 'resident' AND code = person"
    " WHERE batch_id IS NULL AND date BETWEEN ? AND ? ORDER BY programme, person, date"
)


class PlannedBulletin(NamedTuple):
    """One person's hours in one programme; the account they go to, and the activities' numbers."""

    content: BulletinContent
    account: bytes
    activity_ids: tuple[int, ...]


class BulletinPlan(NamedTuple):
    """A month's bulletins as they could be made out, and what keeps others back."""

    bulletins: tuple[PlannedBulletin, ...]
    unconfirmed: tuple[BulletinRefusal, ...]
    without_account: tuple[BulletinRefusal, ...]
    above_budget: tuple[BulletinRefusal, ...]

    @property
    def refusals(self) -> tuple[BulletinRefusal, ...]:
        """All of them."""
        return (*self.unconfirmed, *self.without_account, *self.above_budget)


def plan_bulletins(
    database: Database,
    period: str,
    left_minor: Mapping[str, int],
    programmes: Collection[str] | None,
) -> BulletinPlan:
    """A period's plan; see `Bulletins.preview`."""
    gathered: dict[tuple[str, str], list[ActivityLine]] = {}
    ids: dict[tuple[str, str], list[int]] = {}
    accounts: dict[str, bytes] = {}
    unconfirmed: list[BulletinRefusal] = []
    without_account: dict[str, BulletinRefusal] = {}
    for row in database.all(_ACTIVITIES, (f"{period}-01", f"{period}-31")):
        id, person, programme, date, minutes, level, rate, confirmed_by, account = row
        if programmes is not None and programme not in programmes:
            continue
        if not confirmed_by:
            unconfirmed.append(
                BulletinRefusal("activity_unconfirmed", person, programme, id, f"{date}")
            )
        elif account is None:
            without_account[person] = BulletinRefusal("account_unknown", person)
        else:
            key = (programme, person)
            accounts[person] = bytes(account)
            gathered.setdefault(key, []).append(ActivityLine(date, minutes, level, rate))
            ids.setdefault(key, []).append(id)
    bulletins = tuple(
        PlannedBulletin(
            bulletin_content(person, programme, period, tuple(lines)),
            accounts[person],
            tuple(ids[programme, person]),
        )
        for (programme, person), lines in gathered.items()
    )
    above = _above_budget(database, bulletins, left_minor)
    return BulletinPlan(bulletins, tuple(unconfirmed), tuple(without_account.values()), above)


def bulletin_content(
    person: str, programme: str, period: str, activities: tuple[ActivityLine, ...]
) -> BulletinContent:
    """What a bulletin says; the activities come by date."""
    minutes = sum(activity.minutes for activity in activities)
    amount_minor = bulletin_amount_minor(activities)
    return BulletinContent(person, programme, period, activities, minutes, amount_minor)


def _above_budget(
    database: Database, bulletins: tuple[PlannedBulletin, ...], left_minor: Mapping[str, int]
) -> tuple[BulletinRefusal, ...]:
    """Programmes that lack the money, or are not open.

    What batches under way will take is counted as taken, here and nowhere else.
    """
    wanted: dict[str, int] = {}
    for bulletin in bulletins:
        programme = bulletin.content.programme
        wanted[programme] = wanted.get(programme, 0) + bulletin.content.amount_minor
    pending: dict[str, int] = {
        row[0]: row[1]
        for row in database.all(
            "SELECT programme, SUM(amount_minor) FROM batches"
            " WHERE state IN ('prepared', 'signed') GROUP BY programme"
        )
    }
    found: list[BulletinRefusal] = []
    for programme, amount_minor in wanted.items():
        if programme not in left_minor:
            found.append(BulletinRefusal("programme_not_open", None, programme))
            continue
        left = max(0, left_minor[programme] - pending.get(programme, 0))
        if amount_minor > left:
            found.append(
                BulletinRefusal("programme_budget_exceeded", None, programme, None, "", left)
            )
    return tuple(found)
