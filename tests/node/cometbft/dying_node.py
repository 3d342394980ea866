"""A node of a test town under CometBFT, one side of which is killed, as a power cut would, at one
step of deciding a block that has transactions. Prints `started`.

python -m tests.node.cometbft.dying_node FOLDER INDEX STORE STEP ours|theirs
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from node.chain import Chain
from node.engines.cometbft.ledger_application import LedgerApplication
from node.engines.cometbft.supervisor import Supervisor
from node.genesis_file import COMETBFT
from tests.node import node_process

STEPS = (
    "before FinalizeBlock",
    "after FinalizeBlock",
    "before Commit",
    "before the write",
    "after the write",
    "after Commit",
)
_running: list[Supervisor] = []
_killed: list[int] = []


def struck_file(folder: Path, step: str) -> Path:
    """There once the other side was killed at this step."""
    return folder / f"struck {step}"


def strike(whose: str) -> None:
    """Once: nothing is closed, nothing is written any more on that side."""
    if whose == "ours":
        os.kill(os.getpid(), signal.SIGKILL)
    pid = _running[-1].pid
    if pid is not None and not _killed:
        _killed.append(pid)
        os.kill(pid, signal.SIGKILL)
        struck_file(Path(sys.argv[1]), sys.argv[4]).touch()


def arm(step: str, whose: str) -> None:
    """Have it happen at this step."""
    start = Supervisor.start

    async def starts(self: Supervisor) -> None:
        _running.append(self)
        await start(self)

    Supervisor.start = starts  # type: ignore[method-assign]
    _arm_calls(step, whose)
    write = Chain.write

    def writes(self: Chain, changes: Any) -> None:
        is_block = _is_full[-1]
        if step == "before the write" and is_block:
            strike(whose)
        write(self, changes)
        if step == "after the write" and is_block:
            strike(whose)

    Chain.write = writes  # type: ignore[method-assign]


_is_full = [False]
"""Whether the block that was finalized last has transactions."""


def _arm_calls(step: str, whose: str) -> None:
    finalize, commit = LedgerApplication.finalize_block, LedgerApplication.commit

    async def finalizes(self: LedgerApplication, request: Any) -> Any:
        _is_full.append(bool(request.txs))
        return await _around(step, "FinalizeBlock", whose, lambda: finalize(self, request))

    async def commits(self: LedgerApplication, request: Any) -> Any:
        return await _around(step, "Commit", whose, lambda: commit(self, request))

    LedgerApplication.finalize_block = finalizes  # type: ignore[method-assign]
    LedgerApplication.commit = commits  # type: ignore[method-assign]


async def _around(step: str, name: str, whose: str, call: Callable[[], Awaitable[Any]]) -> Any:
    if step == f"before {name}" and _is_full[-1]:
        strike(whose)
    answer = await call()
    if step == f"after {name}" and _is_full[-1]:
        strike(whose)
    return answer


if __name__ == "__main__":
    arm(sys.argv[4], sys.argv[5])
    asyncio.run(node_process.main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], COMETBFT))
