"""A node of a test town that kills itself, as a power cut would, at one step of its next turn from
one epoch to the next. Prints `started`.

python -m tests.node.dying_turn FOLDER INDEX STORE STEP
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from node.block_records import FinalizedBlock
from node.block_shelf import ShelvedBlock
from node.chain import Chain
from node.committer import Committer
from node.engines.simplex import SimplexEngine
from node.journal import Journal
from node.restoration import Restoration
from tests.node import node_process

STEPS = (
    # The finalization is in the journal, the boundary is not in the store.
    "boundary not written",
    "boundary written",
    # Nothing is written between these two; the node does all else that belongs to the turn.
    "turned",
    # What the node promises first in the new epoch, and nobody was told of.
    "first promise written",
)


def die(*_: object) -> NoReturn:
    """Nothing is closed, nothing is written any more."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit


def before(owner: type, name: str) -> None:
    """Die instead of this call."""
    setattr(owner, name, die)


def after(owner: type, name: str) -> None:
    """Die once this call returned."""
    true = getattr(owner, name)

    def call(*arguments: Any, **named: Any) -> Any:
        true(*arguments, **named)
        die()

    setattr(owner, name, call)


def arm(step: str) -> None:
    """Make the program die when it comes to this step."""
    if step in STEPS[:2]:
        _at_the_boundary(after if step == "boundary written" else before)
    elif step == "turned":
        _after_the_turn(lambda: after(Restoration, "begin"))
    else:
        _after_the_turn(lambda: after(Journal, "_write"))


def _at_the_boundary(way: Callable[[type, str], None]) -> None:
    write = Committer._write

    async def armed(
        self: Committer, finalized: Sequence[FinalizedBlock], shelved: Sequence[ShelvedBlock]
    ) -> None:
        if finalized[-1].begins is not None:
            way(Chain, "write")
        await write(self, finalized, shelved)

    Committer._write = armed  # type: ignore[method-assign]


def _after_the_turn(then: Callable[[], None]) -> None:
    """Arm only once the engine has its replica: the same is done at the start too."""
    begin_epoch = SimplexEngine.begin_epoch

    def begins(self: SimplexEngine) -> None:
        then()
        begin_epoch(self)

    SimplexEngine.begin_epoch = begins  # type: ignore[method-assign]


if __name__ == "__main__":
    arm(sys.argv[4])
    asyncio.run(node_process.main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
