"""`democite …` with a look at what it does for each two milliseconds of processor time it takes.

    python -m benchmarks.stages.sampled WORDS…

SIGUSR1 begins to count anew, SIGUSR2 writes the counts to the file that `STAGES_FILE` names, with
this process's id after it. The kernel's timer counts the processor time of all threads; Python
tells it to the main one, in whatever that was about when the others let it go on. So threads whose
time is one stage's are counted apart, from `/proc`: those that check signatures, and those that are
not Python's (the store's, which merges tables).
"""

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from benchmarks.stages.places import MERGE, VERIFY, stage_of
from clients.cli.main import run

SAMPLE_SECONDS = 0.002
STAGES_FILE = "DEMOCITE_STAGES_FILE"

_counts: Counter[str] = Counter()
_used_before = 0.0
_threads_before: Counter[str] = Counter()

STAGE_OF_THREADS = {"verifier": VERIFY}
"""By the name that a pool gives its threads."""


def thread_seconds() -> Counter[str]:
    """Processor seconds of this process's threads whose time is one stage's, by stage."""
    own = {thread.native_id: thread.name.rpartition("_")[0] for thread in threading.enumerate()}
    ticks: Counter[str] = Counter()
    for task in Path("/proc/self/task").iterdir():
        name = own.get(int(task.name))
        stage = MERGE if name is None else STAGE_OF_THREADS.get(name)
        if stage is not None:
            # user and system time, behind the name, which may hold spaces
            words = (task / "stat").read_text().rpartition(")")[2].split()
            ticks[stage] += int(words[11]) + int(words[12])
    per_second = os.sysconf("SC_CLK_TCK")
    return Counter({stage: count / per_second for stage, count in ticks.items()})


def calls_of(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    """Its calls as (file, function), innermost first."""
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_code.co_name
        frame = frame.f_back


def _look(_: int, frame: FrameType | None) -> None:
    stage = stage_of(calls_of(frame))
    if stage is None:
        own = threading.get_ident()
        others = [one for thread, one in sys._current_frames().items() if thread != own]
        stage = next(filter(None, (stage_of(calls_of(one)) for one in others)), "other")
        if stage in STAGE_OF_THREADS.values():
            return  # counted by the kernel
    _counts[stage] += 1


def _begin(*_: object) -> None:
    global _used_before, _threads_before
    _counts.clear()
    _used_before, _threads_before = time.process_time(), thread_seconds()
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)


def _write(*_: object) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    seen = {
        "counts": _counts,
        "processor_seconds": time.process_time() - _used_before,
        "thread_seconds": thread_seconds() - _threads_before,
    }
    path = f"{os.environ[STAGES_FILE]}.{os.getpid()}"
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(seen, file)
    os.replace(f"{path}.new", path)


def main() -> None:
    """Run the command."""
    signal.signal(signal.SIGPROF, _look)
    signal.signal(signal.SIGUSR1, _begin)
    signal.signal(signal.SIGUSR2, _write)
    run()


if __name__ == "__main__":
    main()
