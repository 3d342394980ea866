"""The doctor holds others against the members of today, as far as the node knows them."""

import asyncio
from pathlib import Path

from ledger.changes import AddMember, ReplaceKeys
from ledger.genesis import Genesis
from node.data_folder import DataFolder, NodeFile
from node.doctor.finding import BAD, GOOD, WARNING
from node.doctor.folder import look_at_keys
from node.doctor.others import look_at_peers, see
from node.doctor.roll import Listed, Roll, read_roll
from node.keys import write_public_keys
from node.peers.certificates import make_authority
from tests.node.api_town import ApiTown, api_town
from tests.node.council import enact, in_epoch, territory
from tests.node.test_doctor import Listener, by_check
from tests.node.town import key_of
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports

RENEWED, JOINING = key_of("town0 voting again"), key_of("town1 voting")


def folder_of(served: ApiTown) -> DataFolder:
    """The data folder of the town's only node, as `node init` would have made it."""
    folder = DataFolder(served.town.folder / "node0")
    folder.write(NodeFile("Town0", "town0", "127.0.0.1:1", "127.0.0.1:1", "leveldb"))
    folder.keys.mkdir()
    write_public_keys(folder.public_keys_file, {"voting": RENEWED.public_key.hex()})
    return folder


def keys_of(roll: Roll) -> dict[str, bytes]:
    return {member.prefix: member.voting_key for member in roll.members}


def test_who_renewed_a_key_or_joined_by_vote_is_known(tmp_path: Path) -> None:
    """Beside the running node, and from its folder once it stands still."""
    card = territory(1, free_ports(1)[0])

    async def scenario() -> tuple[DataFolder, Genesis]:
        async with asyncio.timeout(PATIENCE_SECONDS), api_town(tmp_path) as served:
            town, genesis = served.town, served.town.genesis
            folder = folder_of(served)
            folder.lock()  # as the program that runs the node does

            async def asked(url: str = served.url) -> Roll:
                beside = DataFolder(folder.root)
                return await asyncio.to_thread(read_roll, beside, genesis, url)

            first = await asked()
            assert (first.problem, first.is_current) == ("", True)
            assert keys_of(first) == {"town0": genesis.territories[0].voting_key}
            # A running node of another network is not believed, nor one that does not answer.
            strange = await asked("127.0.0.1:9")
            assert strange.problem and strange.finding().state == WARNING
            assert keys_of(strange) == keys_of(first) and not strange.is_current

            await enact(town, AddMember(card), [0], at=0)
            await in_epoch([served.node], 1)
            later = await asked()
            assert keys_of(later)["town1"] == JOINING.public_key
            assert later.others("town0") == [
                Listed("town1", JOINING.public_key, card.peer, card.http)
            ]
            assert later.finding().state == GOOD
            folder.unlock()
            return folder, genesis

    folder, genesis = asyncio.run(scenario())
    roll = read_roll(folder, genesis, "127.0.0.1:9")
    assert (roll.problem, roll.is_current) == ("", False)
    assert keys_of(roll)["town1"] == JOINING.public_key
    (folder.store / "KIND").write_bytes(b"\0")
    broken = read_roll(folder, genesis, "127.0.0.1:9")
    assert set(keys_of(broken)) == {"town0"} and "store_corrupt" in broken.finding().told


def test_the_node_of_another_network_is_not_asked_who_the_members_are(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), api_town(tmp_path / "one") as served:
            folder = folder_of(served)
            folder.lock()
            try:
                stranger = territory(1, 7_000)
                other = Genesis(1, 1, True, served.town.genesis.parameters, (stranger,))
                beside = DataFolder(folder.root)
                roll = await asyncio.to_thread(read_roll, beside, other, served.url)
            finally:
                folder.unlock()
            assert "node_answer_malformed" in roll.problem
            assert keys_of(roll) == {"town1": stranger.voting_key}

    asyncio.run(scenario())


def test_an_own_key_renewed_by_vote_is_the_members(tmp_path: Path) -> None:
    async def scenario() -> DataFolder:
        async with asyncio.timeout(PATIENCE_SECONDS), api_town(tmp_path) as served:
            change = ReplaceKeys("town0", RENEWED.public_key, make_authority(RENEWED))
            await enact(served.town, change, [0], at=0)
            await in_epoch([served.node], 1)
            genesis_told = Roll(
                (Listed("town0", key_of("town0 voting").public_key, "", ""),), "", is_current=True
            )
            folder = folder_of(served)
            assert look_at_keys(folder, genesis_told).state == WARNING
            folder.lock()
            beside = DataFolder(folder.root)
            roll = await asyncio.to_thread(read_roll, beside, served.town.genesis, served.url)
            folder.unlock()
            assert keys_of(roll) == {"town0": RENEWED.public_key}
            assert look_at_keys(folder, roll).state == GOOD
            return folder

    asyncio.run(scenario())


def test_another_key_is_no_alarm_where_it_may_have_been_renewed() -> None:
    """What is known may be older than the key: then nobody is called, nothing mended."""
    with Listener(RENEWED) as listener:
        seen = see(Listed("town1", JOINING.public_key, listener.address, "127.0.0.1:9"))
    assert seen.key_differs and seen.peer_problem
    unsure = look_at_peers([seen], 2, is_current=False)
    assert {one.state for one in unsure} == {WARNING}
    assert all(one.hint and "nc -vz" not in one.hint for one in unsure)
    sure = by_check(look_at_peers([seen], 2, is_current=True))
    assert (sure["peers"].state, sure["peer"].state) == (BAD, WARNING)
    # Who does not answer at all is away, however old the knowledge.
    away = see(Listed("town1", JOINING.public_key, "127.0.0.1:9", "127.0.0.1:9"))
    assert not away.key_differs
    assert by_check(look_at_peers([away], 2, is_current=False))["peers"].state == BAD
