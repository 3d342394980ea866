"""`democite …` that kills itself, as a power cut would, at one step between registry and ledger.

python -m tests.processes.dying_node STEP node start …
"""

import os
import signal
import sys
from typing import NoReturn

from clients.cli.main import run
from ledger.envelope import Cosignature
from node.office.follower import Followed, Follower
from node.office.operations import Operations
from node.office.payrolls import Payrolls
from node.registry.records import Act, Operation, Payroll, PayrollRun

STEPS = ("drafted", "staff_signed", "signed", "submitted", "final", "noted")


def die() -> NoReturn:
    """Nothing is closed, nothing is written any more."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit


def arm(step: str) -> None:
    """Make the program die when it comes to this step."""
    issue, draft = Operations.issue, Payrolls.draft
    submit, settle = Follower._submit, Follower._settle

    async def dying_issue(
        self: Operations,
        act: Act,
        period: str,
        programmes: list[str] | None,
        *,
        skip_unconfirmed: bool,
    ) -> list[Operation]:
        await issue(self, act, period, programmes, skip_unconfirmed=skip_unconfirmed)
        die()

    async def dying_draft(self: Payrolls, act: Act, payroll: Payroll) -> PayrollRun:
        await draft(self, act, payroll)
        die()

    async def dying_complete(self: Operations, act: Act, operation: Operation) -> Operation:
        die()

    def dying_countersigned(self: Payrolls, body: bytes, signed: list[Cosignature]) -> None:
        die()

    async def dying_submit(self: Follower, followed: Followed) -> None:
        if step == "submitted":
            await submit(self, followed)
        die()

    async def dying_settle(self: Follower, followed: Followed) -> bool:
        is_final = self._node.final_height(followed.transaction_id) is not None
        if is_final and step == "final":
            die()
        is_settled = await settle(self, followed)
        if is_settled:
            die()
        return is_settled

    if step == "drafted":
        Operations.issue = dying_issue  # type: ignore[assignment, method-assign]
        Payrolls.draft = dying_draft  # type: ignore[method-assign]
    elif step == "staff_signed":
        Operations._complete = dying_complete  # type: ignore[method-assign]
        Payrolls._countersigned = dying_countersigned  # type: ignore[assignment, method-assign]
    elif step in ("signed", "submitted"):
        Follower._submit = dying_submit  # type: ignore[method-assign]
    else:
        Follower._settle = dying_settle  # type: ignore[method-assign]


if __name__ == "__main__":
    arm(sys.argv.pop(1))
    run()
