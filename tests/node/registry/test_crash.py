"""A process that changes the registry is killed; each change is there whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.registry import Registry
from tests.node.registry.town_registry import (
    ACT,
    EMPLOYER,
    PERIOD,
    PLENTY,
    activity,
    consent,
    open_registry,
    payroll,
    settle,
    sha,
    wage,
)

# Stops in the middle of what its argument names, and says so.
_STOPS = """
import sys, time
from pathlib import Path
from tests.node.registry.town_registry import *
registry = open_registry(Path(sys.argv[1]))
def stop():
    print("inside", flush=True)
    time.sleep(60)
kind = sys.argv[2]
with registry.transaction():
    if kind == "import":
        registry.activities.import_activities(ACT, [activity(2, "P1", "2026-02-11")], sha("b"))
    elif kind == "prepare":
        for number, batch in enumerate(registry.bulletins.prepare(ACT, PERIOD, PLENTY)):
            operation_for(registry, batch, number)
    elif kind == "sign":
        pay(registry, payroll(wage(2, "P1")))
    elif kind == "erase":
        registry.people.erase(ACT, "P1")
    stop()
"""

# Prepares, signs and releases or finishes batch after batch, saying what is done.
_WORKS = """
import sys
from pathlib import Path
from tests.node.registry.town_registry import *
registry = open_registry(Path(sys.argv[1]))
start = int(sys.argv[2])
for number in range(start, start + 10_000):
    operation = signed_batch(registry, number)
    print(f"signed {operation.id.hex()}", flush=True)
    registry.operations.release(ACT, operation.id)
    print(f"released {operation.id.hex()}", flush=True)
"""


def filled(folder: Path) -> Registry:
    registry = settle(open_registry(folder))
    rows = [activity(2, "P1"), activity(3, "P2")]
    registry.activities.import_activities(ACT, rows, sha("a"))
    consent(registry, "P1")
    return registry


def content(registry: Registry) -> dict[str, list[tuple[object, ...]]]:
    database = registry._database
    names = database.all("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return {name: database.all(f"SELECT * FROM {name}") for (name,) in names}


def start(script: str, *words: str) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", script, *words], stdout=subprocess.PIPE, text=True, cwd=root
    )


@pytest.mark.process
@pytest.mark.parametrize("kind", ["import", "prepare", "sign", "erase"])
def test_killed_inside_a_change(tmp_path: Path, kind: str) -> None:
    registry = filled(tmp_path)
    before = content(registry)
    registry.close()
    process = start(_STOPS, str(tmp_path), kind)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    after = open_registry(tmp_path)
    assert content(after) == before
    assert after._database.one("PRAGMA integrity_check") == ("ok",)
    if kind == "prepare":
        (batch,) = after.bulletins.prepare(ACT, PERIOD, PLENTY)
        assert batch.sequence == 0
    if kind == "sign":
        one = payroll(wage(2, "P1"))
        assert after.payrolls.check(ACT, one, 1_000) == []
        assert after.payrolls.runs_of(EMPLOYER) == []
    after.close()


@pytest.mark.process
def test_killed_at_any_moment(tmp_path: Path) -> None:
    filled(tmp_path).close()
    for turn, lines in enumerate((1, 2, 5, 8, 11)):
        process = start(_WORKS, str(tmp_path), str(turn * 10_000))
        assert process.stdout is not None
        said = [process.stdout.readline().split() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        # A line cut off by the kill says nothing.
        said += [line.split() for line in process.stdout.read().splitlines(True) if "\n" in line]
        process.wait()
        registry = open_registry(tmp_path)
        _check(registry, {id: state for state, id in said})
        registry.close()


def _check(registry: Registry, said: dict[str, str]) -> None:
    """What was said is so, or went on; batch and operation stand together."""
    states = ("waiting", "signed", "final", "released")
    found = {one.id.hex(): one for state in states for one in registry.operations.in_state(state)}
    for id, state in said.items():
        assert found[id].state in (state, "released")
    for one in found.values():
        batch = registry.bulletins.batch(one.batch_id or 0)
        assert batch.state == {"waiting": "prepared"}.get(one.state, one.state)
        held = registry._database.one(
            "SELECT COUNT(*) FROM activities WHERE batch_id = ?", (batch.id,)
        )
        assert held == (0 if one.state == "released" else 2,)
    batches = registry._database.one("SELECT COUNT(*) FROM batches")
    assert batches == (len(found),)
    # As the node does once it is back.
    for one in found.values():
        registry.operations.release(ACT, one.id)
