"""A block that the disk refused is the last one that this node hands to it."""

import asyncio
from pathlib import Path

import pytest

from node.answers import FinalBlock
from node.chain import Chain
from node.clock import now_ms
from node.disk_speed import DiskSpeed
from node.store import Change
from tests.node.town import Town, machinery_of
from tests.patience import PATIENCE_SECONDS


@pytest.mark.parametrize("is_quick", [False, True])
def test_after_a_refused_write_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_quick: bool
) -> None:
    monkeypatch.setattr(DiskSpeed, "is_quick", is_quick)
    real_write = Chain.write
    asked: list[int] = []

    def once_full(chain: Chain, changes: list[Change]) -> None:
        asked.append(len(changes))
        if len(asked) == 1:
            raise OSError(28, "No space left on device")
        real_write(chain, changes)

    async def scenario() -> None:
        town = Town(tmp_path, 1)
        await town.start()
        await town.ready()
        payer, payee = await town.people(2, 1_000)
        node = town.nodes[0]
        parts, told = machinery_of(node), list[FinalBlock]()
        node.on_final(told.append)
        height = node.status().height
        monkeypatch.setattr(Chain, "write", once_full)
        (answer,) = await node.submit_many([town.pay(payer, payee, 7)])
        async with asyncio.timeout(PATIENCE_SECONDS):
            reason = await node.wait_stopped()
        assert answer.state == "accepted" and "No space left" in str(reason)
        # The disk has room again, and what catches up brings the block after that one.
        refused = parts.shelf.get(parts.executor.newest_digest)
        assert refused is not None and refused.header.height == height + 1
        built = parts.executor.build(refused.header.view + 1, refused.header, [], now_ms())
        assert built is not None
        parts.committer.submit([built[0]], None)
        parts.committer.prune_journal(2**63)
        await parts.committer.drained()
        assert len(asked) == 1 and not told
        await town.stop()

        await town.start()
        await town.ready()
        status = await town.nodes[0].wait_final(answer.id, 30_000)
        assert status.state == "final" and status.height == height + 1
        await town.stop()

    asyncio.run(scenario())
