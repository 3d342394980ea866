"""The long round: `scripts/soak --minutes N [--seed S] [--json FILE]`.

Rounds of a few minutes, each with a new network and the next seed, until the time is over. What
was injected and what was lost is added up; exit code 1 at the first broken promise, with the
folder and the seed of its round.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.reliability.rounds import Plan, play

ROUND_SECONDS = 150.0
ADDED = (
    "payments sent",
    "payments acknowledged",
    "acknowledged payments lost, doubled or undone",
    "proved reads",
    "reads that went back",
    "blocks",
)


def add_up(rounds: list[dict[str, object]]) -> dict[str, object]:
    """All rounds as one."""
    injected: Counter[str] = Counter()
    summed: Counter[str] = Counter()
    otherwise: Counter[str] = Counter()
    for figures in rounds:
        for counter, name in ((injected, "injected"), (otherwise, "payments that ended otherwise")):
            found = figures[name]
            if isinstance(found, dict):
                counter.update(found)
        summed.update({name: int(str(figures[name])) for name in ADDED})
    return {
        "rounds": len(rounds),
        "seeds": [figures["seed"] for figures in rounds],
        "injected": dict(injected.most_common()),
        **{name: summed[name] for name in ADDED},
        "payments that ended otherwise": dict(otherwise),
    }


def main() -> int:
    """Run, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", metavar="N", type=float, default=10.0)
    parser.add_argument("--seed", metavar="S", type=int, default=100)
    parser.add_argument("--rate", metavar="R", type=float, default=25.0, help="payments a second")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    ends = time.monotonic() + options.minutes * 60
    rounds: list[dict[str, object]] = []
    seed = options.seed
    while not rounds or time.monotonic() + ROUND_SECONDS / 2 < ends:
        seconds = max(20.0, min(ROUND_SECONDS, ends - time.monotonic()))
        folder = Path(tempfile.mkdtemp(prefix=f"democite-soak-{seed}-"))
        print(f"round {len(rounds) + 1}: seed {seed}, {seconds:.0f} s, {folder}", file=sys.stderr)
        try:
            rounds.append(asyncio.run(play(folder, Plan(seconds, seed, options.rate))))
        except BaseException:
            print(f"seed {seed} broke a promise; its nodes are in {folder}", file=sys.stderr)
            raise
        shutil.rmtree(folder)
        seed += 1
    figures = json.dumps(add_up(rounds), indent=2, ensure_ascii=False)
    print(figures)
    if options.json is not None:
        options.json.write_text(figures + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
