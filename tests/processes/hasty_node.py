"""`democite …` for whom a block is old after seconds, so that a test sees some go. All else is the
program's own.

python -m tests.processes.hasty_node node start …
"""

import functools
from typing import Any

import node.server
from clients.cli.main import run
from node import pruning
from node.territory import TerritoryOptions

DAY_MS = 50
SNAPSHOT_MS = 1_000
BLOCKS_KEPT = 4


def main() -> None:
    """Run one command."""
    server: Any = node.server
    old: Any = pruning
    old.MS_PER_DAY, old.SLACK_MS, old.BLOCKS_KEPT_MIN = DAY_MS, 0, BLOCKS_KEPT
    server.TerritoryOptions = functools.partial(TerritoryOptions, snapshot_ms=SNAPSHOT_MS)
    run()


if __name__ == "__main__":
    main()
