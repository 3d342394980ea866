"""`democite node …` with snapshots after every second of block time, which takes one where it is a
few blocks behind. It can die, have its CometBFT die, or lie, at one step.

python -m tests.processes.syncing_node STEP node start …
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from clients.cli.main import run
from consensus.cometbft.certified import CertifiedHeader
from node import server
from node.engines.cometbft.ledger_application import LedgerApplication
from node.engines.cometbft.responses import ResponseListSnapshots, ResponseLoadSnapshotChunk
from node.engines.cometbft.snapshot_store import SnapshotStore
from node.engines.cometbft.supervisor import Supervisor
from node.engines.cometbft.sync_application import SyncApplication
from node.snapshots import making, shelf
from node.territory_options import TerritoryOptions

SNAPSHOT_MS = 1_000
BEHIND_BLOCKS = 3
KEPT = 8
TINY_LEVEL = 2
NEVER = "never"
CALLS = ("offer_snapshot", "apply_snapshot_chunk", "info", "finalize_block", "commit")
STEPS = (*(f"{when} {call}" for call in CALLS for when in ("before", "after")), "before keep")
SERVING = "serving"
LIES = ("part", "metadata", "header")
"""`theirs …`: at that step CometBFT is killed, and this process goes on."""

_running: list[Supervisor] = []
_struck: list[str] = []


def struck_file() -> Path:
    """Written once it happened."""
    return Path(os.environ["DEMOCITE_TEST_STRUCK"])


def strike(whose: str) -> None:
    """Once in all, by a file that outlives this process."""
    if struck_file().exists():
        return
    struck_file().touch()
    if whose == "ours":
        os.kill(os.getpid(), signal.SIGKILL)
    pid = _running[-1].pid
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def arm(step: str) -> None:
    """Have it happen."""
    options = partial(TerritoryOptions, snapshot_ms=SNAPSHOT_MS, sync_behind_blocks=BEHIND_BLOCKS)
    setattr(server, "TerritoryOptions", options)  # noqa: B010 - it is not exported there
    # Made every second, two would be gone before a newcomer has fetched one; a day is long enough.
    setattr(shelf, "SNAPSHOTS_KEPT", KEPT)  # noqa: B010
    setattr(making, "LEVEL_MAX", TINY_LEVEL)  # noqa: B010 - many parts of few objects
    start = Supervisor.start

    async def starts(self: Supervisor) -> None:
        _running.append(self)
        await start(self)

    Supervisor.start = starts  # type: ignore[method-assign]
    whose, _, at = step.partition(" ")
    if whose in ("ours", "theirs"):
        _arm_sync(whose, at)
    elif whose == SERVING:
        _arm_serving()
    elif whose == "lie":
        _arm_lie(at)


def _arm_sync(whose: str, at: str) -> None:
    for name in CALLS:
        _wrap(SyncApplication, name, whose, at)
    keep = SnapshotStore.keep

    def keeps(self: SnapshotStore) -> None:
        if at == "before keep":
            strike(whose)
        keep(self)

    SnapshotStore.keep = keeps  # type: ignore[method-assign]


def _wrap(owner: type, name: str, whose: str, at: str) -> None:
    call: Callable[[Any, Any], Awaitable[Any]] = getattr(owner, name)

    async def wrapped(self: Any, request: Any) -> Any:
        if at == f"before {name}":
            strike(whose)
        answer = await call(self, request)
        if at == f"after {name}":
            strike(whose)
        return answer

    setattr(owner, name, wrapped)


def _arm_serving() -> None:
    """Die, as who serves, over the first part that is asked for."""
    load = LedgerApplication.load_snapshot_chunk

    async def loads(self: LedgerApplication, request: Any) -> ResponseLoadSnapshotChunk:
        strike("ours")
        return await load(self, request)

    LedgerApplication.load_snapshot_chunk = loads  # type: ignore[method-assign]


def _arm_lie(at: str) -> None:
    """Lie to newcomers in every part, in what a snapshot consists of, or in every header."""
    load, offers = LedgerApplication.load_snapshot_chunk, LedgerApplication.list_snapshots

    async def loads(self: LedgerApplication, request: Any) -> ResponseLoadSnapshotChunk:
        found = (await load(self, request)).chunk
        struck_file().touch()
        return ResponseLoadSnapshotChunk(found[:-1] + bytes([found[-1] ^ 1]) if found else b"")

    async def lists(self: LedgerApplication, request: Any) -> ResponseListSnapshots:
        from dataclasses import replace
        from hashlib import sha256

        found = (await offers(self, request)).snapshots
        struck_file().touch()
        bent = [each.metadata[:-1] + bytes([each.metadata[-1] ^ 1]) for each in found]
        return ResponseListSnapshots(
            tuple(
                replace(each, metadata=raw, hash=sha256(raw).digest())
                for each, raw in zip(found, bent, strict=True)
            )
        )

    encode = CertifiedHeader.encode

    def encodes(self: CertifiedHeader) -> bytes:
        from dataclasses import replace

        struck_file().touch()
        return encode(replace(self, header=replace(self.header, app_hash=bytes(32))))

    if at == "part":
        LedgerApplication.load_snapshot_chunk = loads  # type: ignore[method-assign]
    elif at == "metadata":
        LedgerApplication.list_snapshots = lists  # type: ignore[method-assign]
    else:
        CertifiedHeader.encode = encodes  # type: ignore[method-assign]


if __name__ == "__main__":
    arm(sys.argv.pop(1))
    run()
