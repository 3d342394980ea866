"""Bulletins: a month's confirmed hours, made out in batches that the ledger credits.

An activity stands in one batch at most, and a batch's run id follows from the registry's secret,
programme, period and sequence: what was credited once is refused by the ledger for ever, also when
a registry that forgot it was restored.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence

from ledger.line_commitments import ActivityLine, BulletinContent, bulletin_commitment
from ledger.shapes import RUN_BYTES, SALT_BYTES
from node.registry.audit import Audit
from node.registry.bulletin_plan import (
    BulletinPlan,
    PlannedBulletin,
    bulletin_content,
    plan_bulletins,
)
from node.registry.cells import is_period
from node.registry.database import Database, Row
from node.registry.records import (
    Act,
    BatchLine,
    Bulletin,
    BulletinBatch,
    BulletinLine,
    BulletinPreview,
)
from node.registry.refusals import BulletinsRefused
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_items

RUN_TAG = "bulletin_run"
LINES_MAX = 2_000
SEQUENCES_LOOKED_AT = 64
PREPARED, SIGNED, FINAL, RELEASED = "prepared", "signed", "final", "released"

_BATCHES = (
    "SELECT id, programme, period, sequence, run_id, state, amount_minor, raw, transaction_id,"
    " height FROM batches"
)


class Bulletins:
    """The batches of a territory."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def preview(
        self,
        act: Act,
        period: str,
        left_minor: Mapping[str, int],
        programmes: Collection[str] | None = None,
    ) -> BulletinPreview:
        """What would be credited for a period: confirmed activities that no batch holds.

        `left_minor` is each open programme's balance on the ledger. Refusals:
        `activity_unconfirmed`, `account_unknown` (credited once the account is linked),
        `programme_budget_exceeded`. Raises `Refused("period_malformed")`.
        """
        with self._database.all_or_none():
            plan = self._plan(period, left_minor, programmes)
            self._audit.note(act, "read", f"bulletins {period}")
        lines = tuple(
            BulletinLine(
                one.content.person,
                one.content.programme,
                one.content.minutes,
                one.content.amount_minor,
            )
            for one in plan.bulletins
        )
        return BulletinPreview(
            period,
            lines,
            plan.refusals,
            len({line.person for line in lines}),
            sum(line.minutes for line in lines),
            sum(line.amount_minor for line in lines),
        )

    def prepare(
        self,
        act: Act,
        period: str,
        left_minor: Mapping[str, int],
        programmes: Collection[str] | None = None,
        *,
        skip_unconfirmed: bool = False,
        lines_max: int = LINES_MAX,
    ) -> list[BulletinBatch]:
        """Draw salts and put the activities into batches: what `preview` shows, or nothing.

        People without an account are left for a later batch, as are bulletins that round to
        nothing. Raises `BulletinsRefused`: `activity_unconfirmed` unless skipped,
        `programme_budget_exceeded`; `Refused("period_malformed")`.
        """
        with self._database.all_or_none():
            plan = self._plan(period, left_minor, programmes)
            refusals = (*(() if skip_unconfirmed else plan.unconfirmed), *plan.above_budget)
            if refusals:
                raise BulletinsRefused(refusals)
            by_programme: dict[str, list[PlannedBulletin]] = {}
            for bulletin in plan.bulletins:
                if bulletin.content.amount_minor:
                    by_programme.setdefault(bulletin.content.programme, []).append(bulletin)
            ids: list[int] = []
            for programme in sorted(by_programme):
                # In the order of accounts, which tells nothing of people.
                ordered = sorted(by_programme[programme], key=lambda one: one.account)
                for start in range(0, len(ordered), lines_max):
                    part = ordered[start : start + lines_max]
                    ids.append(self._add(act, programme, period, part))
            return [self.batch(id) for id in ids]

    def batch(self, id: int) -> BulletinBatch:
        """A batch with its lines. Raises `Refused("batch_unknown")`."""
        row = self._database.first(f"{_BATCHES} WHERE id = ?", (id,))
        if row is None:
            raise Refused("batch_unknown", str(id))
        lines = self._database.all(
            "SELECT position, person, account, minutes, amount_minor, salt, commitment"
            " FROM batch_lines WHERE batch_id = ? ORDER BY position",
            (id,),
        )
        return BulletinBatch._make((*row[:7], tuple(BatchLine(*line) for line in lines), *row[7:]))

    def runs_unknown(self, programme: str, period: str) -> list[bytes]:
        """Run ids that this registry would give to batches and has signed none of: the ledger
        holds one of them only if this registry has forgotten what it signed."""
        signed = {
            row[0]
            for row in self._database.all(
                "SELECT run_id FROM batches WHERE programme = ? AND period = ?"
                " AND state IN ('signed', 'final')",
                (programme, period),
            )
        }
        runs = [self._run_id(programme, period, number) for number in range(SEQUENCES_LOOKED_AT)]
        return [run_id for run_id in runs if run_id not in signed]

    def check_batch(self, id: int) -> BulletinBatch:
        """That a prepared batch still says what the activities, the levels and the links say.

        Raises `Refused("bulletins_differ")`.
        """
        batch = self.batch(id)
        if batch.state != PREPARED:
            raise Refused("bulletins_differ", f"the batch is {batch.state}")
        for line in batch.lines:
            self._check_line(batch, line)
        held = self._database.one(
            "SELECT COUNT(DISTINCT person) FROM activities WHERE batch_id = ?", (id,)
        )
        total_minor = sum(line.amount_minor for line in batch.lines)
        if held[0] != len(batch.lines) or total_minor != batch.amount_minor:
            raise Refused("bulletins_differ", "the lines are not the activities' people")
        return batch

    def of_person(self, act: Act, period: str, person: str) -> list[Bulletin]:
        """A person's bulletins of a period, with what opens their lines on the ledger.

        Raises `Refused("period_malformed")`."""
        _check_period(period)
        with self._database.all_or_none():
            self._audit.note(act, "read", f"bulletins {period} of {person}")
            rows = self._database.all(
                "SELECT batch_id, position, salt, commitment FROM batch_lines JOIN batches"
                " ON batches.id = batch_id WHERE person = ? AND period = ? AND state <> 'released'"
                " ORDER BY programme, sequence",
                (person, period),
            )
            return [self._bulletin(person, row) for row in rows]

    # -- what becomes of a batch: called by `operations`, in its transaction ---------------------

    def sign(self, id: int, raw: bytes, transaction_id: bytes) -> None:
        """The node is about to sign: check everything once more, and keep the bytes first."""
        self.check_batch(id)
        self._database.execute(
            "UPDATE batches SET state = 'signed', raw = ?, transaction_id = ? WHERE id = ?",
            (raw, transaction_id, id),
        )

    def finish(self, id: int, height: int) -> None:
        """The ledger credited it."""
        self._database.execute(
            "UPDATE batches SET state = 'final', height = ? WHERE id = ?", (height, id)
        )

    def release(self, id: int) -> None:
        """It can never be credited any more: its activities are free again, its salts gone."""
        self._database.execute("UPDATE activities SET batch_id = NULL WHERE batch_id = ?", (id,))
        self._database.execute("DELETE FROM batch_lines WHERE batch_id = ?", (id,))
        self._database.execute("UPDATE batches SET state = 'released' WHERE id = ?", (id,))

    # -- within -------------------------------------------------------------------------------

    def _plan(
        self, period: str, left_minor: Mapping[str, int], programmes: Collection[str] | None
    ) -> BulletinPlan:
        _check_period(period)
        return plan_bulletins(self._database, period, left_minor, programmes)

    def _add(
        self, act: Act, programme: str, period: str, bulletins: Sequence[PlannedBulletin]
    ) -> int:
        sequence = self._free_sequence(programme, period)
        id = self._database.insert(
            "INSERT INTO batches (programme, period, sequence, run_id, state, amount_minor)"
            " VALUES (?, ?, ?, ?, 'prepared', ?)",
            (
                programme,
                period,
                sequence,
                self._run_id(programme, period, sequence),
                sum(one.content.amount_minor for one in bulletins),
            ),
        )
        for position, one in enumerate(bulletins):
            salt = secrets.token_bytes(SALT_BYTES)
            content = one.content
            self._database.execute(
                "INSERT INTO batch_lines (batch_id, position, person, account, minutes,"
                " amount_minor, salt, commitment) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    id,
                    position,
                    content.person,
                    one.account,
                    content.minutes,
                    content.amount_minor,
                    salt,
                    bulletin_commitment(salt, content),
                ),
            )
            for activity in one.activity_ids:
                self._take(activity, id)
        self._audit.note(act, "prepare", f"bulletins {programme} {period} {sequence}")
        return id

    def _take(self, activity: int, batch: int) -> None:
        changed = self._database.execute(
            "UPDATE activities SET batch_id = ? WHERE id = ? AND batch_id IS NULL"
            " AND confirmed_by <> ''",
            (batch, activity),
        )
        if changed != 1:
            raise InvariantBroken("an activity was planned and is not free")

    def _free_sequence(self, programme: str, period: str) -> int:
        """The lowest number that no batch has which is not released."""
        taken = {
            row[0]
            for row in self._database.all(
                "SELECT sequence FROM batches WHERE programme = ? AND period = ?"
                " AND state <> 'released'",
                (programme, period),
            )
        }
        return next(number for number in range(len(taken) + 1) if number not in taken)

    def _run_id(self, programme: str, period: str, sequence: int) -> bytes:
        secret = self._database.secret
        return hash_items(RUN_TAG, [secret, programme, period, sequence])[:RUN_BYTES]

    def _content(self, batch_id: int, person: str, programme: str, period: str) -> BulletinContent:
        rows = self._database.all(
            "SELECT date, minutes, level, rate_per_hour_minor FROM activities JOIN levels"
            " USING (level) WHERE batch_id = ? AND person = ? ORDER BY date",
            (batch_id, person),
        )
        activities = tuple(ActivityLine(*row) for row in rows)
        return bulletin_content(person, programme, period, activities)

    def _check_line(self, batch: BulletinBatch, line: BatchLine) -> None:
        if line.person is None or line.salt is None:
            raise Refused("bulletins_differ", f"line {line.position} was erased")
        content = self._content(batch.id, line.person, batch.programme, batch.period)
        linked = self._database.first(
            "SELECT account FROM links WHERE kind = 'resident' AND code = ?", (line.person,)
        )
        if (
            linked != (line.account,)
            or (content.minutes, content.amount_minor) != (line.minutes, line.amount_minor)
            or bulletin_commitment(line.salt, content) != line.commitment
        ):
            raise Refused("bulletins_differ", f"line {line.position} is about something else")

    def _bulletin(self, person: str, row: Row) -> Bulletin:
        batch_id, position, salt, commitment = row
        found = self._database.one(f"{_BATCHES} WHERE id = ?", (batch_id,))
        programme, period, state = found[1], found[2], found[5]
        content = self._content(batch_id, person, programme, period)
        return Bulletin(*content, salt, commitment, position, state, found[8], found[7])


def _check_period(period: str) -> None:
    if not is_period(period):
        raise Refused("period_malformed", field="period")
