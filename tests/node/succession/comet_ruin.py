"""A network under real CometBFT processes that stopped, one node earlier than the others."""

import json
import shutil
from pathlib import Path

from ledger.changes import Change, PauseMember, ReplaceKeys, ResumeMember
from node.data_folder import COMETBFT_FOLDER, DataFolder
from tests.node.cometbft.comet_town import PATIENCE_SECONDS, CometTown
from tests.node.council import enact
from tests.node.succession.ruin import Ruin
from tests.node.town import Person, key_of, until

LAGGING = 3
"""The node that stopped earlier: the others were a quorum, and went on."""
RENEWED = "town1 recovery renewed"
"""The recovery key that was voted for a member: the genesis names another."""


class CometRuin(Ruin):
    """See the module's docstring. `people` have what `balances` says."""

    people: list[Person]
    balances: list[int]

    def give_keys(self, index: int) -> None:
        """The node's voting key for CometBFT, as far as `node succeed` reads it."""
        folder = DataFolder(self.root(index))
        folder.keys.mkdir(exist_ok=True)
        folder.cometbft_file.write_text("{}")
        named = {"cometbft": key_of(f"town{index} cometbft").public_key.hex()}
        content = {"kind": "public_keys", "version": 1, "keys": named}
        folder.public_keys_file.write_text(json.dumps(content))

    def cut_off(self, index: int, source: int) -> None:
        """This node's own store is that of the lagging one, while CometBFT's files hold all that
        the source's do: as after a cut between CometBFT's writing and ours."""
        shutil.rmtree(self.root(index) / COMETBFT_FOLDER)
        shutil.copytree(self.root(source) / COMETBFT_FOLDER, self.root(index) / COMETBFT_FOLDER)
        shutil.rmtree(self.town.store(index))
        shutil.copytree(self.town.store(LAGGING), self.town.store(index))


async def comet_ruined(folder: Path) -> CometRuin:
    """Some paid; a member was paused and voted back, and a recovery key replaced."""
    town = CometTown(folder)
    await town.start()
    try:
        await town.ready()
        people = await town.people(3, 1_000)
        changes: list[Change] = [
            PauseMember("town3"),
            ResumeMember("town3"),
            ReplaceKeys("town1", recovery_key=key_of(RENEWED).public_key),
        ]
        for number, change in enumerate(changes):
            await enact(town, change, [0, 1, 2], 0)
            await town.must_settle(1, [town.pay(people[0], people[1], 10 + number)])
            wanted = min(number + 1, 2)
            await until(
                lambda wanted=wanted: all(  # type: ignore[misc]
                    len(node.set_changes(0)) == wanted for node in town.nodes.values()
                ),
                PATIENCE_SECONDS,
            )
        await town.same_height(PATIENCE_SECONDS)
        await town.stop(LAGGING)
        await town.must_settle(2, [town.pay(people[1], people[2], 5)])
        await town.must_settle(0, [town.pay(people[1], people[2], 7)])
        await town.same_height(PATIENCE_SECONDS)
    finally:
        await town.stop()
    ruin = CometRuin(town)
    ruin.people, ruin.balances = people, [1_000 - 33, 1_000 + 33 - 12, 1_012]
    for index in range(town.count):
        ruin.note(index)
    return ruin
