"""Bulletins: a programme's budget credits residents for the hours they gave.

Hours, names and skills stay off the ledger: a line holds an account, an amount, a commitment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ledger.batches import check_line_count, check_run, credit_residents, read_lines
from ledger.envelope import Transaction
from ledger.fields import BulletinCredit
from ledger.lanes import LaneUse
from ledger.objects import Account, RunRecord, TerritoryRecord
from ledger.programmes import check_budget, check_programme
from ledger.rules import Parameters
from ledger.shapes import ID_BYTES, RUN_BYTES, expect_bytes, wrong_shape
from ledger.state import Candidate
from ledger.territories import check_node_lane, check_staff, count_lines
from ledger.view import View
from primitives.encoding import Value

BULLETIN_OBJECTS = 4
"""Beside one for each line."""


class BulletinPlan(NamedTuple):
    """A batch of bulletins that passed its checks; accounts and records as they will be."""

    use: LaneUse
    programme: Account
    credited: list[Account]
    territory: TerritoryRecord
    run: RunRecord


def bulletin_credit_fields(
    programme: bytes, run_id: bytes, lines: Sequence[tuple[bytes, int, bytes]]
) -> tuple[Value, ...]:
    """The body's last values of `bulletin.credit`; `programme` is an account id, `run_id` 16
    bytes, a line (account id, amount_minor, commitment of 32 bytes)."""
    return (programme, run_id, tuple([tuple(line) for line in lines]))


def validate_bulletin(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> BulletinCredit:
    """Shape, number of lines, amounts and their sum, no account twice."""
    if len(values) != 3:
        raise wrong_shape("bulletin.credit")
    programme = expect_bytes(values[0], ID_BYTES, "programme")
    run_id = expect_bytes(values[1], RUN_BYTES, "run_id")
    return BulletinCredit(programme, run_id, *read_lines(values[2], parameters))


def check_bulletin(
    view: View, transaction: Transaction, credit: BulletinCredit, time_ms: int
) -> BulletinPlan:
    """All that a batch of bulletins needs of the state; changes nothing."""
    acting = check_node_lane(view, transaction, time_ms)
    check_staff(acting, transaction, credit.total_minor)
    check_line_count(credit.lines, view.parameters)
    programme = check_programme(view, acting, credit.programme)
    run = check_run(view, programme.id, credit, "bulletins_already_credited")
    lines_count = len(credit.lines)
    territory = count_lines(view, acting.territory, transaction.created_ms, lines_count)
    credited = credit_residents(view, credit.lines, programme.currency)
    check_budget(programme, credit.total_minor, time_ms)
    return BulletinPlan(
        acting.use, programme.credited(-credit.total_minor), credited, territory, run
    )


def apply_bulletin(candidate: Candidate, plan: BulletinPlan) -> None:
    """Credit the residents and remember the run."""
    accounts = (plan.use.spent(0), plan.programme, *plan.credited)
    candidate.write(accounts, territory=plan.territory, records=(plan.run,))
