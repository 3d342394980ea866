"""`python -m tests.reliability.snapshot_node PLAN node start …`: a node of a network that is small
and quick enough for a test of snapshots, with tiny parts.

The plan is a JSON file. `when` names a file with the block time at which a snapshot is made. It may
say how this node lies (`lie`, a file that names an actor of `false_snapshots`, read each time),
where it notes parts that it takes (`parts`), and that it kills itself after so many, once it caught
a liar (`die_after`).
"""

import functools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import node.machinery
import node.server
from clients.cli.main import run
from consensus.header import Header
from node.answers import CertifiedHeader
from node.snapshots import making, manifest, parts
from node.snapshots.serving import SnapshotServer
from node.snapshots.shelf import SnapshotShelf
from node.state_sync import asking, choosing
from node.state_sync.asking import Questions
from node.state_sync.staging import Staging
from node.territory import TerritoryOptions
from primitives.errors import Refused
from tests.reliability.false_snapshots import bent

TINY_LEVEL = 1
SYNC_BEHIND_BLOCKS = 5
OFFERS_SECONDS = 1.5
ANSWER_SECONDS_MAX = 2.0


class LyingServer(SnapshotServer):
    """Sends what its actor makes of the truth."""

    lie: Path

    def __init__(
        self,
        shelf: SnapshotShelf,
        certified: Callable[[int], CertifiedHeader | None],
        send: Callable[[bytes, int, bytes], bool],
    ) -> None:
        def send_bent(peer: bytes, kind: int, content: bytes) -> bool:
            told = bent(self.lie.read_text(), kind, content)
            return True if told is None else send(peer, kind, told)

        super().__init__(shelf, certified, send_bent)


def make_one_snapshot(when: Path) -> None:
    """At the first block from the time in the file on, on every node."""

    def is_due(self: SnapshotShelf, parent_time_ms: int, header: Header) -> bool:
        due_ms = int(when.read_text() or 0)
        return parent_time_ms < due_ms <= header.time_ms

    SnapshotShelf.is_due = is_due  # type: ignore[method-assign]


def note_parts(file: Path, die_after: int | None) -> None:
    """Note each part that is taken; die after so many, as in a power cut."""
    put, set_aside = Staging.put, Questions.set_aside
    taken, caught = [0], [False]

    def noted(self: Staging, part: int, content: bytes) -> None:
        put(self, part, content)
        with file.open("a") as stream:
            stream.write(f"{part}\n")
        taken[0] += 1
        if die_after is not None and taken[0] >= die_after and caught[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    def told(self: Questions, peer: bytes, refusal: Refused) -> None:
        set_aside(self, peer, refusal)
        caught[0] = True

    Staging.put = noted  # type: ignore[method-assign]
    Questions.set_aside = told  # type: ignore[method-assign]


def main() -> None:
    """Bend what the plan says, then be `democite`."""
    plan = json.loads(Path(sys.argv.pop(1)).read_text())
    server: Any = node.server
    machinery: Any = node.machinery
    server.TerritoryOptions = functools.partial(
        TerritoryOptions, sync_behind_blocks=SYNC_BEHIND_BLOCKS
    )
    make_one_snapshot(Path(plan["when"]))
    for module in (making, manifest, parts):
        module.LEVEL_MAX = TINY_LEVEL  # type: ignore[attr-defined]
    choosing.OFFERS_SECONDS, asking.ANSWER_SECONDS_MAX = OFFERS_SECONDS, ANSWER_SECONDS_MAX
    if "lie" in plan:
        LyingServer.lie = Path(plan["lie"])
        machinery.SnapshotServer = LyingServer
    if "parts" in plan:
        note_parts(Path(plan["parts"]), plan.get("die_after"))
    run()


if __name__ == "__main__":
    main()
