"""`democite …` with a look at what it does for each two milliseconds of processor time it takes.

    python -m benchmarks.stages.sampled WORDS…

SIGUSR1 begins to count anew, SIGUSR2 writes the counts to the file that `STAGES_FILE` names, with
this process's id after it. The kernel's timer counts the processor time of all threads; Python
tells it to the main one. Where that one was doing nothing, it was another thread's. Threads that
are not Python's (the store's, which merges tables) are counted apart, from `/proc`.
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

from benchmarks.stages.places import stage_of
from clients.cli.main import run

SAMPLE_SECONDS = 0.002
STAGES_FILE = "DEMOCITE_STAGES_FILE"

_counts: Counter[str] = Counter()
_begun = (0.0, 0.0)


def others_seconds() -> float:
    """Processor seconds of this process's threads that are not Python's."""
    own = {thread.native_id for thread in threading.enumerate()}
    total = 0
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) not in own:
            # user and system time, behind the name, which may hold spaces
            words = (task / "stat").read_text().rpartition(")")[2].split()
            total += int(words[11]) + int(words[12])
    return total / os.sysconf("SC_CLK_TCK")


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
    _counts[stage] += 1


def _begin(*_: object) -> None:
    global _begun
    _counts.clear()
    _begun = time.process_time(), others_seconds()
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)


def _write(*_: object) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    used, others = time.process_time(), others_seconds()
    seen = {
        "counts": _counts,
        "processor_seconds": used - _begun[0],
        "others_seconds": others - _begun[1],
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
