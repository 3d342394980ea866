"""Processes of a measurement that are no nodes of ours: started, looked at, stopped. Linux only."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PR_SET_PDEATHSIG = 1
STOP_SECONDS = 15.0
RUN_STOP_SECONDS = 60.0
"""A command of ours has processes of its own to stop, and a folder to remove."""

INTERRUPTED = 130
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def start(
    words: Sequence[str], log: Path, *, user: int | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that ends with this one; what it says goes to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            user=user,
            start_new_session=True,
            preexec_fn=_tie_to_parent,
        )


def run_to_end(words: Sequence[str], seconds: float) -> None:
    """Run a command of this folder to its end, without its stdout. It stands in a session of its
    own: Ctrl-C reaches this process alone, which then ends it in order, so that neither its nodes
    nor their folders stay behind. Raises CalledProcessError, TimeoutExpired."""
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_tie_to_parent,
    )
    with stopped_after([process], RUN_STOP_SECONDS):
        code = process.wait(seconds)
    if code != 0:
        raise subprocess.CalledProcessError(code, words)


def _tie_to_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def ended_in_order(main: Callable[[], int]) -> int:
    """A command's exit code. SIGTERM and Ctrl-C end it as an error does: what it started is stopped
    first."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        return main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


@contextlib.contextmanager
def stopped_after(
    processes: list[subprocess.Popen[bytes]], seconds: float = STOP_SECONDS
) -> Iterator[None]:
    """Stop these processes however this ends; more may join the list meanwhile."""
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def processor_seconds(pids: Iterable[int], *, with_ended_children: bool = False) -> float:
    """User and system time that these processes took so far, and children that ended if asked."""
    columns = (11, 12, 13, 14) if with_ended_children else (11, 12)
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            ticks += sum(int(fields[column]) for column in columns)
    return ticks / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Processes that this one started and that still run."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def resident_bytes(pids: Iterable[int]) -> int:
    """Memory of these processes that is in use."""
    pages = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE_BYTES


def bytes_on_disk(folder: Path) -> int:
    """All files below a folder; what goes away meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total
