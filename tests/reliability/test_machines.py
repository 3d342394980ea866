"""Machines that fail while their node runs: clocks that jump, disks that are full."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.processes.network import Node
from tests.reliability.aftermath import check_aftermath
from tests.reliability.bank import Bank, bank
from tests.reliability.rounds import calm_down, meanwhile
from tests.reliability.testbed import Testbed, running_testbed

pytestmark = pytest.mark.process

JUMPS_SECONDS = (3_600, -3_600, 45, 0)
JUMP_EVERY_SECONDS = 1.2
DISK_BYTES = 48 << 20
LEFT_BYTES = 192 << 10
FAKETIME = "libfaketimeMT.so.1"


def find_faketime() -> str | None:
    """The library that shows a process another clock."""
    for folder in (Path("/usr/lib"), Path("/usr/local/lib")):
        for found in folder.rglob(FAKETIME) if folder.is_dir() else ():
            return str(found)
    return None


async def more_payments(told: Bank, count: int) -> None:
    wanted = len(told.told.final) + count
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(told.told.final) < wanted:
            await asyncio.sleep(0.1)


def test_clocks_jump(tmp_path: Path) -> None:
    library = find_faketime()
    if library is None:
        pytest.skip("libfaketime is not installed")
    clocks: dict[str, Path] = {}

    def prepare(bed: Testbed) -> None:
        for prefix in list(bed.nodes)[:2]:
            clocks[prefix] = tmp_path / f"{prefix}.clock"
            clocks[prefix].write_text("+0s\n")
            bed.environment[prefix] = {
                "LD_PRELOAD": library,
                "FAKETIME_TIMESTAMP_FILE": str(clocks[prefix]),
                "FAKETIME_CACHE_DURATION": "1",
                # The kernel's monotonic clock does not jump when somebody sets the time.
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "DONT_FAKE_MONOTONIC": "1",
            }

    async def play() -> dict[str, object]:
        beds = running_testbed(tmp_path, 11, prepare=prepare)
        async with beds as bed, bank(bed.network, 11) as told:
            async with meanwhile(told.pay_for_ever(25), told.read_for_ever()):
                one = next(iter(clocks.values()))
                for seconds in JUMPS_SECONDS:
                    one.write_text(f"{seconds:+}s\n")
                    await asyncio.sleep(JUMP_EVERY_SECONDS)
                    await more_payments(told, 5)
                # Both a little, each another way, as machines without NTP are.
                for prefix, seconds in zip(clocks, (2, -2), strict=True):
                    clocks[prefix].write_text(f"{seconds:+}s\n")
                await asyncio.sleep(JUMP_EVERY_SECONDS)
                await more_payments(told, 5)
            for clock in clocks.values():
                clock.write_text("+0s\n")
            await calm_down(bed, told)
            await asyncio.to_thread(bed.network.stop)
            return await asyncio.to_thread(check_aftermath, bed.network, told)

    print(asyncio.run(play()))


@contextmanager
def small_disk(node: Node) -> Iterator[Path]:
    """The node's data folder on a small tmpfs of its own; skips where none can be mounted."""
    kept = node.folder / "kept"
    node.data.rename(kept)
    node.data.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", node.data],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted: {mounted.stderr.strip()}")
    try:
        shutil.copytree(kept, node.data, dirs_exist_ok=True)
        yield node.data
    finally:
        shutil.rmtree(kept)
        shutil.copytree(node.data, kept, ignore=shutil.ignore_patterns("ballast"))
        subprocess.run(["umount", node.data], check=True)
        shutil.rmtree(node.data)
        kept.rename(node.data)


def fill(disk: Path) -> None:
    """Leave almost nothing."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with (disk / "ballast").open("wb") as ballast:
        left = free - LEFT_BYTES
        while left > 0:
            left -= ballast.write(bytes(min(left, 1 << 20)))


async def ended(node: Node) -> int:
    """The exit code of a node that ends by itself."""
    if node.process is None:
        raise RuntimeError(f"{node.prefix} does not run")
    return await asyncio.to_thread(node.process.wait, PATIENCE_SECONDS)


async def fill_and_free(bed: Testbed, told: Bank, node: Node, disk: Path) -> None:
    """Full while it runs, full at a start, then free again."""
    fill(disk)
    code = await ended(node)
    log = bed.log_end(node)
    assert (code, "error[disk_full]" in log) == (2, True), log
    assert "Traceback" not in log
    node.process = None
    await more_payments(told, 10)
    (disk / "ballast").unlink()
    bed.start(node)
    await bed.ready(node)
    await more_payments(told, 10)


def test_a_disk_is_full(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")

    async def play() -> dict[str, object]:
        async with running_testbed(tmp_path, 13) as bed, bank(bed.network, 13) as told:
            node = list(bed.nodes.values())[1]
            await asyncio.to_thread(bed.network.kill, node)
            with small_disk(node) as disk:
                bed.start(node)
                await bed.ready(node)
                async with meanwhile(told.pay_for_ever(60), told.read_for_ever()):
                    await fill_and_free(bed, told, node, disk)
                await calm_down(bed, told)
                await asyncio.to_thread(bed.network.stop)
            return await asyncio.to_thread(check_aftermath, bed.network, told)

    print(asyncio.run(play()))
