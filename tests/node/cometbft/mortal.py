"""An application that does something, once, just before or after one of its calls: it dies, or
kills CometBFT. `python -m tests.node.cometbft.mortal FOLDER WORD STEP` is a node that dies so."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.node.cometbft.network import Place, new_places
from tests.node.cometbft.snapshot_ledger import SnapshotLedger

STEPS = tuple(
    f"{when} {call}"
    for call in ("prepare_proposal", "process_proposal", "finalize_block", "commit")
    for when in ("before", "after")
)
SYNC_STEPS = ("after offer_snapshot", "after apply_snapshot_chunk")
DIED = 9


class Mortal(SnapshotLedger):
    """`at` names the step, None: never. `die` is called there, once."""

    def __init__(self, file: Path, admitted: frozenset[str] | None = None) -> None:
        super().__init__(file, admitted)
        self.at: str | None = None
        self.die: Callable[[], None] = lambda: None

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not any(step.endswith(f" {name}") for step in (*STEPS, *SYNC_STEPS)):
            return found

        async def call(request: Any) -> Any:
            self._pass(f"before {name}")
            answer = await found(request)
            self._pass(f"after {name}")
            return answer

        return call

    def _pass(self, step: str) -> None:
        if self.at == step:
            self.at = None
            self.die()


async def say_until_committed(place: Place, word: str) -> None:
    """Hand it in again when a pool died that held it."""
    while word not in place.words.words:
        await place.say(word)
        for _ in range(20):
            if word in place.words.words:
                return
            await asyncio.sleep(0.1)


async def run(folder: Path, word: str, step: str) -> None:
    """A whole life; prints how it is, where it does not die."""
    (place,) = new_places(folder, ["arden"])
    place.make_ledger = Mortal
    await place.start()
    try:
        await place.comet.wait_answering()
        ledger = place.ledger
        assert isinstance(ledger, Mortal)
        ledger.die = lambda: os._exit(DIED)
        ledger.at = None if step == "never" else step
        await say_until_committed(place, word)
        print(place.words.height, *place.words.words, flush=True)
    finally:
        await place.stop()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
