"""`python -m tests.reliability.snapshot_node PLAN node start …`: a node of a network that is small
and quick enough for a test of snapshots, with tiny parts.

The plan is a JSON file. `when` names a file with the block time at which a snapshot is made. It may
say how this node lies (`lie`, a file that names an actor of `false_snapshots`, read each time),
where it notes parts that it takes (`parts`), who lies (`liar`, a short name), and that this node
kills itself after so many parts, once it caught the liar at what it says (`die_after`, `lies_in`).

How fast a peer is must not decide what happens: whoever has an offer waits until the liar was asked
for its own, and parts are asked of nobody else while the liar is not caught.
"""

import asyncio
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
from node.state_sync.choosing import Choosing
from node.state_sync.staging import Staging
from node.territory import TerritoryOptions
from primitives.errors import Refused
from tests.patience import PATIENCE_SECONDS
from tests.reliability.false_snapshots import OFFERS, bent

TINY_LEVEL = 1
SYNC_BEHIND_BLOCKS = 5
OFFERS_SECONDS = 1.5
SILENCE_SECONDS = 2.0
LATE_SECONDS = 8.0
AGAIN_SECONDS = 0.2


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


class Hunt:
    """A newcomer that notes the parts it takes, and dies after so many, as in a power cut, once it
    caught the liar. Where `die_after` is None the liar is silent: it is only seen to be asked."""

    def __init__(self, file: Path, liar: str, die_after: int | None, lies_in: str) -> None:
        self._file, self._liar, self._die_after = file, liar, die_after
        self._lies_in_offers = lies_in == OFFERS
        self._taken = 0
        self._caught = False
        self._was_heard = asyncio.Event()

    def begin(self) -> None:
        """Bend what the hunt needs of this process."""
        put, set_aside, free, hear = (
            Staging.put, Questions.set_aside, Questions.free, Choosing._hear,
        )  # fmt: skip

        def noted(staging: Staging, part: int, content: bytes) -> None:
            put(staging, part, content)
            with self._file.open("a") as stream:
                stream.write(f"{part}\n")
            self._taken += 1
            if self._has_enough and self._caught:
                os.kill(os.getpid(), signal.SIGKILL)

        def told(questions: Questions, peer: bytes, refusal: Refused) -> None:
            set_aside(questions, peer, refusal)
            self._caught = True

        def chosen(questions: Questions) -> list[bytes]:
            found = free(questions)
            liars = [peer for peer in found if self._is_liar(questions, peer)]
            if self._has_enough and not self._caught:
                return liars
            others = [peer for peer in found if peer not in liars]
            return [*others, *liars]  # the last one gets the first part

        async def heard(choosing: Choosing, peer: bytes) -> None:
            if not self._is_liar(choosing._questions, peer):
                await hear(choosing, peer)
                await self._was_heard.wait()
                return
            if self._die_after is None:
                self._was_heard.set()
            await hear(choosing, peer)
            while self._die_after is not None and self._lies_in_offers and not self._caught:
                await asyncio.sleep(AGAIN_SECONDS)  # the connection broke, or an epoch began
                await hear(choosing, peer)
            self._was_heard.set()

        methods: list[tuple[type, str, object]] = [
            (Staging, "put", noted),
            (Questions, "set_aside", told),
            (Questions, "free", chosen),
            (Choosing, "_hear", heard),
        ]
        for owner, name, method in methods:
            setattr(owner, name, method)
        choosing.PEERS_SECONDS_MAX = PATIENCE_SECONDS
        if self._die_after is not None:
            asking.ANSWER_SECONDS_MAX, asking.SILENT_SECONDS = LATE_SECONDS, AGAIN_SECONDS

    @property
    def _has_enough(self) -> bool:
        return self._die_after is not None and self._taken >= self._die_after

    def _is_liar(self, questions: Questions, peer: bytes) -> bool:
        return questions._peers.name(peer) == self._liar


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
    choosing.OFFERS_SECONDS, asking.ANSWER_SECONDS_MAX = OFFERS_SECONDS, SILENCE_SECONDS
    if "lie" in plan:
        LyingServer.lie = Path(plan["lie"])
        machinery.SnapshotServer = LyingServer
    if "parts" in plan:
        Hunt(Path(plan["parts"]), plan["liar"], plan.get("die_after"), plan["lies_in"]).begin()
    run()


if __name__ == "__main__":
    main()
