"""New rules begin with an epoch; a program that does not know them stops before it votes."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from ledger.changes import ChangeRules
from ledger.rules import Parameters
from node.chain import Chain
from node.store import open_store
from tests.node.council import enact, in_epoch
from tests.node.test_epochs import QUICK, replay
from tests.node.town import Town, until

TOO_OLD = """
import sys
import ledger.rules
ledger.rules.RULE_VERSION = 1
from node import epochs
epochs.is_rule_version = lambda version: version == 1
from node import epoch_keeper
epoch_keeper.is_rule_version = epochs.is_rule_version
import asyncio
from pathlib import Path
from tests.node import node_process
asyncio.run(node_process.main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
"""
"""What an older program would be: its table of rule versions ends with 1."""


def old_process(town: Town, index: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TOO_OLD, town.folder, str(index), town.store_kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def last_epoch(town: Town, index: int) -> int:
    """The epoch of a stopped node's newest block."""
    store = open_store(town.store(index), town.store_kind)
    try:
        newest = Chain(store).newest
        return -1 if newest is None else newest.header.epoch
    finally:
        store.close()


def test_rules_switch_by_vote_and_an_old_program_stops_before(tmp_path: Path) -> None:
    async def scenario() -> None:
        parameters: Parameters = replace(QUICK, epoch_ms=600_000)
        town = Town(tmp_path, parameters=parameters, rule_version=1)
        (tmp_path / "GENESIS").write_text(town.genesis.to_json())
        await town.start(0, 1, 2)
        old = old_process(town, 3)
        try:
            await until(lambda: sum(p.connected for p in town.nodes[0].status().peers) == 3)
            people = await town.people(4, 1_000)
            assert town.nodes[0].status().rule_version == 1
            await enact(town, ChangeRules(2), [0, 1, 2], at=0)
            await in_epoch(list(town.nodes.values()), 1)
            assert {n.status().rule_version for n in town.nodes.values()} == {2}
            await town.must_settle(1, [town.pay(people[0], people[1], 5)])
            _, told = await asyncio.to_thread(old.communicate, None, 20)
        finally:
            old.kill()
        assert old.returncode != 0
        assert "rule_version_unknown: rule version 2" in told
        await town.stop()
        # It holds the boundary, and nothing of the epoch that it does not understand.
        assert last_epoch(town, 3) == 0
        assert {replay(town, index) for index in range(3)} == {1}
        # The program that knows the rules takes over where it stopped.
        await town.start()
        await town.ready()
        await town.must_settle(3, [town.pay(people[1], people[0], 5)])
        await town.stop()

    asyncio.run(scenario())
