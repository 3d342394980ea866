"""A network that lost half of its disks, and the new genesis that its town halls agree on."""

import shutil
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

from ledger.genesis import Genesis
from ledger.rules import Parameters
from ledger.succession import endorse
from node.chain import Chain
from node.data_folder import DataFolder, NodeFile
from node.genesis_file import SIMPLEX, read_genesis, write_genesis
from node.store import open_store
from node.succession.drafting import DraftPlan, make_draft
from node.succession.taking_over import TakenOver, TakingOver, take_over
from node.territory_options import create_data
from primitives.encoding import encode
from tests.node.town import Person, Town, key_of


def endorsed(draft: Genesis, *indices: int) -> Genesis:
    """The draft with the endorsements of these territories' recovery keys."""
    content = encode(draft.value())
    keys = [key_of(f"town{index} recovery") for index in indices]
    made = [endorse(key, draft.network_id, content) for key in keys]
    return replace(draft, endorsements=tuple(sorted(made)))


class Ruin:
    """Four towns that paid each other and stopped; `old` is their genesis."""

    def __init__(self, town: Town, number: int = 0) -> None:
        self.town = town
        self.number = number
        self.old = town.genesis
        self.old_file = town.folder / f"genesis{number}.json"
        if not self.old_file.exists():
            write_genesis(self.old_file, self.old, town.engine)
        self.new_file = town.folder / f"genesis{number + 1}.json"

    def at(self, folder: Path) -> "Ruin":
        """The same, in a copy of its folder."""
        other = copy(self)
        other.town = copy(self.town)
        other.town.folder = folder
        other.old_file, other.new_file = (
            folder / self.old_file.name,
            folder / self.new_file.name,
        )
        return other

    def root(self, index: int) -> Path:
        """A node's data folder."""
        return self.town.store(index).parent

    def note(self, index: int, network_id: str | None = None) -> None:
        """The `node.json` of a node that was started."""
        found = self.old.network_id.hex() if network_id is None else network_id
        content = NodeFile(
            "T", f"town{index}", "h:1", "h:2", self.town.store_kind, found, self.town.engine
        )
        DataFolder(self.root(index)).write(content)

    def lose(self, *indices: int) -> None:
        """These disks are gone; in their place stand empty ones, with the keys of a backup."""
        for index in indices:
            shutil.rmtree(self.root(index))
            self.root(index).mkdir()
            create_data(self.town.journal(index), self.town.store(index), self.town.store_kind)
            self.note(index)

    def height(self, index: int) -> int:
        """The newest final height in a node's store."""
        store = open_store(self.town.store(index), self.town.store_kind)
        try:
            return Chain(store).height
        finally:
            store.close()

    def highest(self, *indices: int) -> int:
        """Which of these nodes holds the highest final block: drafts are made there."""
        return max(indices, key=self.height)

    def all_over(self, source: int) -> Path:
        """`node succeed` everywhere, first where the draft was made; where its old data is."""
        kept = self.over(source).kept
        for index in range(self.town.count):
            self.over(index, kept / "store")
        return kept

    def draft(
        self, index: int = 0, without: Sequence[str] = (), cards: Sequence[Path] = ()
    ) -> Genesis:
        """A draft from one node's data."""
        return make_draft(DraftPlan(self.root(index), self.old_file, without, cards))

    def agree(self, draft: Genesis, *indices: int, engine: str = SIMPLEX) -> Genesis:
        """The new genesis, with these endorsements, on the disk."""
        genesis = endorsed(draft, *indices)
        write_genesis(self.new_file, genesis, engine)
        return genesis

    def plan(
        self, index: int, store_from: Path | None = None, *, again: bool = False
    ) -> TakingOver:
        """What `node succeed` is asked for."""
        return TakingOver(self.root(index), self.new_file, self.old_file, store_from, again)

    def over(self, index: int, store_from: Path | None = None) -> TakenOver:
        """`node succeed`."""
        return take_over(self.plan(index, store_from))

    def follow(self, genesis: Genesis) -> None:
        """The towns are of the new network from here on, under its engine."""
        self.town.genesis, self.town.network_id = genesis, genesis.network_id
        _, self.town.engine = read_genesis(self.new_file)


async def ruined(
    folder: Path, payments: int = 3, parameters: Parameters | None = None
) -> tuple[Ruin, list[Person]]:
    """A network in which some paid, and which stopped; each node has its `node.json`."""
    town = Town(folder, parameters=parameters)
    await town.start()
    await town.ready()
    people = await town.people(3, 1_000)
    for number in range(payments):
        await town.must_settle(number % 4, [town.pay(people[0], people[1], 10 + number)])
    await town.stop()
    ruin = Ruin(town)
    for index in range(town.count):
        ruin.note(index)
    return ruin, people
