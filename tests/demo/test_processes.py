"""Children: started again when they die, stopped in order, never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clients.demo import processes, supervisor
from clients.demo.folder import DemoFolder
from clients.demo.places import PLACES
from clients.demo.supervisor import NodeProcess, Supervisor
from terminal.errors import CommandError
from tests.patience import PATIENCE_SECONDS

FAKE_NODE = "import signal; print('ready http=x network=y', flush=True); signal.pause()"
DEAF_NODE = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready http=x network=y', flush=True)\nwhile True: signal.pause()"
)
SLOW_NODE = """
import pathlib, signal
lives = pathlib.Path({0!r})
if not lives.exists():
    lives.touch()
    signal.pause()
print('ready http=x network=y', flush=True)
signal.pause()
"""
BROKEN_NODE = (
    "import sys; print('error[port_in_use]: taken', file=sys.stderr);"
    "print('hint: another', file=sys.stderr); sys.exit(3)"
)
ORPHAN_MAKER = f"""
import asyncio, os, signal, sys
from clients.demo import processes
processes.PROGRAM = (sys.executable, "-c", {FAKE_NODE!r})
async def main():
    process = await processes.start((), errors=sys.stderr.buffer)
    await process.stdout.readline()
    print(process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX processes")


@pytest.fixture
def folder(tmp_path: Path) -> DemoFolder:
    folder = DemoFolder(tmp_path)
    folder.make_parts(PLACES)
    return folder


def _nodes(count: int) -> list[NodeProcess]:
    return [NodeProcess(place, 1, 2) for place in PLACES[:count]]


def _play(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(processes, "PROGRAM", (sys.executable, "-c", script))


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].startswith("Z")
    except OSError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_children_do_not_outlive_a_parent_that_was_killed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN_MAKER],
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _is_gone(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _is_gone(pid)


def test_a_node_that_dies_is_started_again(
    folder: DemoFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _play(monkeypatch, FAKE_NODE)
    monkeypatch.setattr(supervisor, "RESTART_SECONDS", 0.05)
    starts: list[float] = []

    async def live() -> None:
        nodes = _nodes(2)
        async with Supervisor(folder, nodes, lambda: starts.append(time.monotonic())) as ours:
            await ours.wait_ready()
            first, second = nodes[0].pid, nodes[1].pid
            ours.kill(nodes[0], absence_seconds=0.3)
            killed = time.monotonic()
            while ours.restarts == 0:
                await asyncio.sleep(0.01)
            assert time.monotonic() - killed >= 0.3
            await ours.wait_ready()
            assert nodes[0].pid != first
            assert second is not None
            os.kill(second, signal.SIGKILL)
            while ours.restarts == 1:
                await asyncio.sleep(0.01)
            await ours.wait_ready()
            assert len(starts) == 4
            ours.check()
        assert all(node.process and node.process.returncode is not None for node in nodes)

    asyncio.run(asyncio.wait_for(live(), PATIENCE_SECONDS))


def test_a_node_killed_while_it_starts_is_started_again(
    folder: DemoFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = folder.root / "lives"
    _play(monkeypatch, SLOW_NODE.format(str(lives)))
    monkeypatch.setattr(supervisor, "RESTART_SECONDS", 0.05)

    async def live() -> None:
        nodes = _nodes(1)
        async with Supervisor(folder, nodes, lambda: None) as ours:
            while not lives.exists():
                await asyncio.sleep(0.01)
            assert nodes[0].pid is not None
            os.kill(nodes[0].pid, signal.SIGKILL)
            await ours.wait_ready()
            assert ours.restarts == 1

    asyncio.run(asyncio.wait_for(live(), PATIENCE_SECONDS))


def test_a_node_that_does_not_listen_is_stopped_all_the_same(
    folder: DemoFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _play(monkeypatch, DEAF_NODE)
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.3)

    async def live() -> int | None:
        nodes = _nodes(1)
        async with Supervisor(folder, nodes, lambda: None) as ours:
            await ours.wait_ready()
        process = nodes[0].process
        return None if process is None else process.returncode

    assert asyncio.run(asyncio.wait_for(live(), PATIENCE_SECONDS)) == -signal.SIGKILL


def test_a_node_that_never_starts_says_why(
    folder: DemoFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _play(monkeypatch, BROKEN_NODE)

    async def live() -> None:
        async with Supervisor(folder, _nodes(2), lambda: None) as ours:
            await ours.wait_ready()

    with pytest.raises(CommandError) as caught:
        asyncio.run(asyncio.wait_for(live(), PATIENCE_SECONDS))
    assert caught.value.code == "port_in_use"
    assert caught.value.hint == "another"
    assert caught.value.exit_code == 3


def test_a_command_that_fails_says_why(folder: DemoFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    _play(monkeypatch, BROKEN_NODE)
    with pytest.raises(CommandError) as caught:
        asyncio.run(processes.call(("node", "init"), folder.logs / "x.log"))
    assert caught.value.code == "port_in_use"
    assert "democite node init: taken" in caught.value.message
    assert caught.value.exit_code == 3
