"""Real `cometbft` processes: they agree, die, come back, admit members only, and leave nothing."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.engines.cometbft.configuration import node_id_of
from node.engines.cometbft.program import VARIABLE
from tests.architecture.sources import ROOT
from tests.node.cometbft.grammar import CHECKER, fits_the_grammar
from tests.node.cometbft.network import (
    Place,
    living,
    new_places,
    node_key,
    until,
    voting_key,
)

NAMES = ("arden", "brume", "civry", "doule")

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("cometbft")]


async def heard(word: str, places: list[Place]) -> None:
    """All of them committed it."""
    await until(lambda: all(word in place.words.words for place in places))


async def app_hash(place: Place, height: int) -> str:
    header = (await place.rpc.commit(height))["signed_header"]["header"]
    return str(header["app_hash"])


def test_four_agree_whoever_dies(tmp_path: Path) -> None:
    async def go() -> None:
        places = new_places(tmp_path, NAMES)
        first, second, third, fourth = places
        async with living(places):
            for n, place in enumerate(places):
                await place.say(f"word-{n}")
            for n in range(4):
                await heard(f"word-{n}", places)

            # Theirs dies; it is started again, and catches up with what was said meanwhile.
            pid = second.comet.supervisor.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await first.say("while one was dead")
            await heard("while one was dead", places)
            await until(lambda: second.comet.supervisor.pid not in (None, pid))
            assert second.comet.supervisor.ends >= 1

            # Ours and theirs stop in order; the others are enough; it comes back.
            before = list(third.calls)
            await third.stop()
            third.calls.clear()
            await first.say("while one was away")
            await heard("while one was away", [first, second, fourth])
            await third.start()
            await heard("while one was away", places)
            await third.say("back again")
            await heard("back again", places)

            height = min(place.words.height for place in places)
            for place in places:
                assert sorted(place.words.words) == sorted(set(place.words.words))
                assert place.words.words == first.words.words
                await until_height(place, height)
                assert await app_hash(place, height) == await app_hash(first, height)
            if CHECKER.exists():
                for place in (first, fourth):
                    assert fits_the_grammar(place.calls, "clean", tmp_path)
                assert fits_the_grammar(before, "clean", tmp_path)
                assert fits_the_grammar(third.calls, "recovery", tmp_path)
                assert not fits_the_grammar(third.calls[::-1], "recovery", tmp_path)
            assert not any(place.fatal for place in places)

    asyncio.run(go())


async def until_height(place: Place, height: int) -> None:
    while await place.rpc.height() < height:
        await asyncio.sleep(0.05)


def test_a_validator_that_left_is_in_the_set_no_more(tmp_path: Path) -> None:
    async def go() -> None:
        places = new_places(tmp_path, NAMES)
        leaving = voting_key(NAMES[3]).public_key
        async with living(places):
            word = f"leave:{leaving.hex()}"
            await places[0].say(word)
            await heard(word, places)
            assert places[0].ledger is not None
            height = places[0].ledger.decided_at[word]
            await places[1].say("after")
            await heard("after", places)
            await until(lambda: places[0].words.height >= height + 2)
            await until_height(places[0], height + 2)
            counts = [
                int((await places[0].rpc.validators(at))["total"])
                for at in (height, height + 1, height + 2)
            ]
            assert counts == [4, 4, 3]

    asyncio.run(go())


def test_a_stranger_is_turned_away(tmp_path: Path) -> None:
    async def go() -> None:
        *places, stranger = new_places(tmp_path, NAMES, ["stranger"])
        strange_id = node_id_of(node_key("stranger").public_key)
        for place in places:
            place.admitted -= {strange_id}
        async with living([*places, stranger]):
            await places[0].say("among us")
            await heard("among us", places)
            await until(
                lambda: any(
                    place.ledger is not None and strange_id in place.ledger.turned_away
                    for place in places
                )
            )
            for place in places:
                assert strange_id not in await place.rpc.peers()
            assert "among us" not in stranger.words.words

    asyncio.run(go())


def test_what_the_application_can_not_do_stops_both(tmp_path: Path) -> None:
    async def go() -> None:
        (place,) = new_places(tmp_path, NAMES[:1])
        async with living([place]):
            await place.say("bug")
            await until(lambda: bool(place.fatal))
            assert place.fatal == ["a word that breaks everything"]
            await until(lambda: place.comet.supervisor.ends >= 1)
            await until(place.comet.supervisor.has_given_up)
            assert place.comet.supervisor.pid is None

    asyncio.run(go())


def test_a_root_that_nobody_else_has_stops_the_node(tmp_path: Path) -> None:
    async def go() -> None:
        places = new_places(tmp_path, NAMES)
        *others, alone = places
        async with living(places):
            await places[0].say("before")
            await heard("before", places)
            assert alone.ledger is not None
            alone.ledger.diverges = True
            await others[0].say("after")
            await until(lambda: bool(alone.fatal))
            (reason,) = alone.fatal
            assert "AppHash" in reason
            await until(alone.comet.supervisor.has_given_up)
            await others[0].say("without it")
            await heard("without it", others)
            assert not any(place.fatal for place in others)

    asyncio.run(go())


_NODE = """
import asyncio, sys
from pathlib import Path
from tests.node.cometbft.network import new_places, until

async def go():
    (place,) = new_places(Path(sys.argv[1]), ["arden"])
    await place.start()
    await place.comet.wait_answering()
    await place.say(sys.argv[2])
    await until(lambda: sys.argv[2] in place.words.words)
    print(place.comet.supervisor.pid, flush=True)
    await asyncio.sleep(10**6)

asyncio.run(go())
"""


def test_nothing_is_left_when_our_process_is_killed(tmp_path: Path, cometbft: Path) -> None:
    for word in ("first", "second"):
        ours = subprocess.Popen(
            [sys.executable, "-c", _NODE, str(tmp_path), word],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=os.environ | {VARIABLE: str(cometbft)},
            text=True,
        )
        assert ours.stdout is not None
        theirs = 0
        while not theirs:
            line = ours.stdout.readline()
            assert line, "it ended"
            theirs = int(line) if line.strip().isdigit() else 0
        os.kill(ours.pid, signal.SIGKILL)
        ours.wait()
        ours.stdout.close()
        asyncio.run(until(lambda: _is_gone(theirs)))  # noqa: B023
    words = json.loads((tmp_path / "arden.words").read_text())["words"]
    assert words == ["first", "second"]


def _is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"
