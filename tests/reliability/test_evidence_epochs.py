"""Evidence against members of later epochs: the file leads from the genesis to their set."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from clients.evidence_actions import is_evidence
from clients.evidence_actions import verify as verify_file
from consensus.epoch_starts import read_epochs, write_epochs
from consensus.evidence import DoubleVote
from consensus.votes import NOTARIZE, Vote, vote_message
from ledger.changes import AddMember, ReplaceKeys
from ledger.genesis import Genesis
from node.data_folder import DataFolder, NodeFile
from node.evidence_book import EVIDENCE_FOLDER, EvidenceBook
from node.evidence_commands import check_all, collect, evidence_lines, lead, write_out
from node.peers.certificates import make_authority
from primitives.errors import Refused
from primitives.signatures import SigningKey
from tests.node.api_town import ApiTown, api_town
from tests.node.council import enact, in_epoch, territory
from tests.node.town import key_of
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports
from tests.processes.network import democite

FIRST, RENEWED = key_of("town0 voting"), key_of("town0 voting again")
JOINED = key_of("town1 voting")


def double(network_id: bytes, key: SigningKey, epoch: int) -> DoubleVote:
    votes = []
    for digest in (b"a" * 32, b"b" * 32):
        message = vote_message(network_id, epoch, 7, NOTARIZE, digest)
        votes.append(Vote(epoch, 7, NOTARIZE, digest, key.public_key, key.sign(message)))
    return DoubleVote(network_id, votes[0], votes[1])


async def _history(served: ApiTown, folder: DataFolder) -> list[DoubleVote]:
    """Epoch 1: a territory joined. What leads there, as the running node gives it."""
    town = served.town
    found = [double(town.network_id, JOINED, 1), double(town.network_id, FIRST, 0)]
    await enact(town, AddMember(territory(1, free_ports(1)[0])), [0], at=0)
    await in_epoch([served.node], 1)
    led = await asyncio.to_thread(lead, found, town.genesis, None, [served.url])
    host = served.url.removeprefix("http://")
    folder.write(NodeFile("Town0", "town0", "127.0.0.1:1", host, "leveldb"))
    folder.lock()  # as the program that runs the node does: its own address is asked
    beside = await asyncio.to_thread(lead, found, town.genesis, folder.root, [])
    assert beside == led
    folder.unlock()
    return led


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> tuple[Genesis, DataFolder, DoubleVote]:
    """A network that a territory joined by vote, the folder of a node that stopped, and evidence
    against the newcomer."""
    root = tmp_path_factory.mktemp("joined")
    folder = DataFolder(root / "node0")

    async def scenario() -> tuple[Genesis, list[DoubleVote]]:
        async with asyncio.timeout(PATIENCE_SECONDS), api_town(root) as served:
            return served.town.genesis, await _history(served, folder)

    genesis, (late, first) = asyncio.run(scenario())
    assert first.epochs == b""  # the genesis alone tells
    return genesis, folder, late


def written(tmp_path: Path, genesis: Genesis, content: object) -> tuple[Path, Path]:
    """The file, and the genesis beside it."""
    genesis_file, file = tmp_path / "genesis.json", tmp_path / "evidence.json"
    genesis_file.write_text(genesis.to_json())
    (tmp_path / "genesis.json.engine").write_text("simplex\n")
    file.write_text(json.dumps(content))
    return file, genesis_file


def refused(tmp_path: Path, genesis: Genesis, found: DoubleVote) -> str:
    with pytest.raises(Refused) as refusal:
        verify_file(*written(tmp_path, genesis, found.to_json()))
    return refusal.value.code


def test_a_member_that_joined_by_vote_is_convicted_offline(
    joined: tuple[Genesis, DataFolder, DoubleVote], tmp_path: Path
) -> None:
    genesis, _, late = joined
    content = late.to_json()
    assert content["version"] == 2 and DoubleVote.from_json(content) == late
    file, genesis_file = written(tmp_path, genesis, content)
    assert is_evidence(file)
    done = verify_file(file, genesis_file)
    assert (done.data["territory"], done.data["member_of_epoch"]) == ("town1", True)
    names = check_all([late], genesis)
    assert evidence_lines([late], names).startswith("town1")


def test_it_is_led_by_the_store_of_a_node_that_stands_still(
    joined: tuple[Genesis, DataFolder, DoubleVote], tmp_path: Path
) -> None:
    genesis, folder, late = joined
    EvidenceBook(folder.root / EVIDENCE_FOLDER).keep(replace(late, epochs=b""))
    found = lead(collect(folder.root, []), genesis, folder.root, [])
    assert found == [late]
    write_out(found, tmp_path / "out")
    (file,) = (tmp_path / "out").iterdir()
    assert DoubleVote.from_json(json.loads(file.read_bytes())) == late
    _, genesis_file = written(tmp_path, genesis, {})
    command = ("network", "evidence", "--data", folder.root, "--genesis", genesis_file)
    told = democite(*command, "--out", tmp_path / "told")
    assert (told.code, told.out.split(":")[0]) == (0, "town1"), told.err
    (file,) = (tmp_path / "told").iterdir()
    assert verify_file(file, genesis_file).data["territory"] == "town1"
    # Evidence of an epoch that is not known here stays as it is, and is not hidden.
    later = double(genesis.network_id, JOINED, 9)
    assert lead([later], genesis, folder.root, []) == [later]
    assert JOINED.public_key not in check_all([later], genesis)


def test_what_leads_elsewhere_proves_nothing(
    joined: tuple[Genesis, DataFolder, DoubleVote], tmp_path: Path
) -> None:
    genesis, _, late = joined
    (start,) = read_epochs(late.epochs)
    stranger = double(genesis.network_id, key_of("nobody"), 1)
    unsigned = replace(start, certificate=replace(start.certificate, signatures=(bytes(64),)))
    for lie in (
        replace(stranger, epochs=late.epochs),
        replace(double(genesis.network_id, JOINED, 2), epochs=late.epochs),  # not led so far
        replace(double(genesis.network_id, JOINED, 0), epochs=late.epochs),  # no member yet
        replace(late, epochs=write_epochs([replace(start, epoch=2)])),
        replace(late, epochs=write_epochs([unsigned])),
        replace(late, epochs=write_epochs([replace(start, members=None)])),
        replace(late, epochs=b"\xc1"),
        replace(late, epochs=b""),  # the genesis does not name the newcomer
    ):
        assert refused(tmp_path, genesis, lie) == "evidence_invalid", lie
        if lie.epochs and lie.first.epoch != 2:
            with pytest.raises(Refused, match="evidence_invalid"):
                check_all([lie], genesis)
    with pytest.raises(Refused, match="evidence_malformed"):
        DoubleVote.from_json({**late.to_json(), "epochs": "zz"})


def test_a_key_that_was_replaced_convicts_nobody_in_a_later_epoch(tmp_path: Path) -> None:
    """Whoever finds an old key can sign with it; a file of before can't tell, and says so."""

    async def scenario() -> tuple[Genesis, list[DoubleVote]]:
        async with asyncio.timeout(PATIENCE_SECONDS), api_town(tmp_path) as served:
            town = served.town
            change = ReplaceKeys("town0", RENEWED.public_key, make_authority(RENEWED))
            await enact(town, change, [0], at=0)
            await in_epoch([served.node], 1)
            found = [double(town.network_id, key, 1) for key in (FIRST, RENEWED)]
            return town.genesis, await asyncio.to_thread(
                lead, found, town.genesis, None, [served.url]
            )

    genesis, (old, new) = asyncio.run(scenario())
    assert refused(tmp_path, genesis, old) == "evidence_invalid"
    done = verify_file(*written(tmp_path, genesis, new.to_json()))
    assert (done.data["territory"], done.data["member_of_epoch"]) == ("town0", True)
    before = replace(old, epochs=b"").to_json()
    assert before["version"] == 1
    done = verify_file(*written(tmp_path, genesis, before))
    assert (done.data["territory"], done.data["member_of_epoch"]) == ("town0", None)
    assert "network evidence --out" in done.text
