"""Either side dies just before or after each step of a block: nothing is lost, nothing is twice."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.engines.cometbft.program import VARIABLE
from tests.architecture.sources import ROOT
from tests.node.cometbft.grammar import CHECKER, fits_the_grammar
from tests.node.cometbft.mortal import DIED, STEPS, Mortal, say_until_committed
from tests.node.cometbft.network import PATIENCE_SECONDS, living, new_places

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("cometbft")]


@pytest.mark.parametrize("step", STEPS)
def test_cometbft_dies(tmp_path: Path, step: str) -> None:
    async def go() -> None:
        (place,) = new_places(tmp_path, ["arden"])
        place.make_ledger = Mortal
        async with living([place]):
            await place.say("first")
            await say_until_committed(place, "first")
            ledger, watch = place.ledger, place.comet.supervisor
            assert isinstance(ledger, Mortal)
            before: list[str] = []

            def kill() -> None:
                assert watch.pid is not None
                os.kill(watch.pid, signal.SIGKILL)
                before.extend(place.calls)
                place.calls.clear()

            ledger.die, ledger.at = kill, step
            async with asyncio.timeout(PATIENCE_SECONDS):
                await say_until_committed(place, "second")
                await say_until_committed(place, "third")
            assert watch.ends >= 1
            assert place.words.words == ["first", "second", "third"]
            assert not place.fatal
            if CHECKER.exists():
                assert fits_the_grammar(before, "clean", tmp_path)
                began = place.calls.index("info")
                assert fits_the_grammar(place.calls[began:], "recovery", tmp_path)

    asyncio.run(go())


@pytest.mark.parametrize("step", STEPS)
def test_the_node_dies(tmp_path: Path, cometbft: Path, step: str) -> None:
    def life(word: str, at: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tests.node.cometbft.mortal", tmp_path, word, at],
            cwd=ROOT,
            env=os.environ | {VARIABLE: str(cometbft)},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    died = life("first", step)
    assert died.returncode == DIED, died.stderr
    second = life("second", "never")
    assert second.returncode == 0, second.stderr
    third = life("first", "never")  # what died in a pool may be handed in again
    words = third.stdout.split()[-2:]
    assert sorted(words) == ["first", "second"], (third.stdout, third.stderr)
