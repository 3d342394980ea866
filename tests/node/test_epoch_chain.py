"""Epochs in a row, as one member tells them to another: proved, or refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.changes import ChangeParameter, PauseMember
from ledger.genesis import Genesis
from ledger.network_objects import NetworkRecord
from node.epoch_chain import answer_epochs, read_epochs
from node.peers.groups import pack_group, read_group
from node.state_sync.followed import FollowedEpochs
from node.state_sync.staging import Staging
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from tests.node.sync_epochs import SLOW, run, to_epoch
from tests.node.sync_town import Bend, SyncTown
from tests.node.town import found


def array(raw: bytes) -> tuple[Value, ...]:
    value = decode(raw)
    assert isinstance(value, tuple)
    return value


def bent_item(index: int, place: int, value: "Value | Callable[[bytes], bytes]") -> Bend:
    """One field of one epoch is another."""

    def bend(content: bytes) -> bytes:
        items = read_group(content, 8)
        if len(items) <= index:
            return content
        fields = list(array(items[index]))
        fields[place] = value(cast(bytes, fields[place])) if callable(value) else value
        items[index] = encode(tuple(fields))
        return content[:8] + pack_group(items)

    return bend


def other_terms(raw: bytes) -> bytes:
    """A parameter is another: nothing that the set's hash would tell."""
    record = NetworkRecord.decode(raw)
    parameters = replace(record.terms.parameters, lines_max=77)
    return record._replace(terms=record.terms._replace(parameters=parameters)).encode()


def forged(raw: bytes) -> bytes:
    """A certificate with a signature of nobody."""
    fields = list(array(raw))
    fields[8] = (bytes(64), *cast(tuple[Value, ...], fields[8])[1:])
    return encode(tuple(fields))


LIES: dict[str, Bend] = {
    "other terms": bent_item(0, 6, other_terms),
    "no terms": bent_item(0, 6, None),
    "forged certificate": bent_item(1, 5, forged),
    "another epoch": bent_item(1, 2, 3),
    "no proof": bent_item(0, 7, b""),
    "a gap": lambda content: content[:8] + pack_group(read_group(content, 8)[1:]),
    "twice": lambda content: content[:8] + pack_group(read_group(content, 8)[:1] * 2),
    "garbage": lambda content: content[:8] + b"\x00\x00\x00\x02garbage",
}


@dataclass
class Told:
    """What a real node told of two epochs, to who knows the genesis."""

    genesis: Genesis
    content: bytes

    def followed(self, folder: Path) -> FollowedEpochs:
        staging = Staging(folder / "store", "leveldb")
        return FollowedEpochs(staging, self.genesis, lambda epoch: None)

    def items(self) -> list[bytes]:
        return read_group(self.content, 8)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    town = SyncTown(tmp_path_factory.mktemp("told"), parameters=SLOW)
    answers: list[bytes] = []

    async def work() -> None:
        await town.start(0, 1, 2)
        await town.ready()
        changes = (ChangeParameter("lines_max", 1_000), PauseMember("town2"))
        await to_epoch(town, 2, *changes)
        answers.append(answer_epochs(town.machinery(1).chain, 1))

    run(town, work())
    return Told(town.genesis, answers[0])


@pytest.mark.parametrize("lie", LIES)
def test_what_is_told_of_epochs_is_proved_or_refused(lie: str, told: Told, tmp_path: Path) -> None:
    followed = told.followed(tmp_path)
    with pytest.raises(Refused):
        followed.take(LIES[lie](told.content), 1)
    # What was proved before the lie stays, and the truth leads on from there.
    newest = followed.newest.number
    assert newest == (1 if lie in ("forged certificate", "another epoch", "twice") else 0)
    if newest == 0:
        assert followed.take(told.content, 1) == 2
    assert followed.take(told.content, 1) == 2  # it is known already
    assert followed.newest.number == 2
    assert followed.newest.terms.parameters.lines_max == 1_000


def test_what_was_followed_is_taken_up_again(told: Told, tmp_path: Path) -> None:
    followed = told.followed(tmp_path)
    followed.take(told.content, 1)
    followed._staging.close()
    again = told.followed(tmp_path)
    assert again.newest == followed.newest
    assert again.set_of(0) != again.set_of(2) and again.set_of(3) is None
    again._staging.close()
    other = found(4, [1, 2, 3, 4])
    staging = Staging(tmp_path / "store", "leveldb")
    assert FollowedEpochs(staging, other, lambda epoch: None).newest.number == 0
    # A chain that knows more than was kept is the one to go on from.
    records = {record.epoch: record for record in read_epochs(told.content, 1)}
    staging = Staging(tmp_path / "another", "leveldb")
    assert FollowedEpochs(staging, told.genesis, records.get).newest.number == 2


@given(st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_bent_bytes_are_refused_and_nothing_else(
    told: Told, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Also where a member's key stands twice, or nobody votes: before any proof is looked at."""
    followed = told.followed(tmp_path_factory.mktemp("bent"))
    content = bytearray(told.content)
    if data.draw(st.booleans()):
        content[data.draw(st.integers(8, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        del content[data.draw(st.integers(8, len(content) - 1)) :]
    try:
        followed.take(bytes(content), 1)
    except Refused as refusal:
        assert refusal.code
    finally:
        followed._staging.throw_away()


def twice(raw: bytes) -> bytes:
    """The same member under two names."""
    record = NetworkRecord.decode(raw)
    first = record.terms.members[0]
    members = (first, first._replace(prefix="zwei"), *record.terms.members[1:])
    return record._replace(terms=record.terms._replace(members=members)).encode()


def nobody(raw: bytes) -> bytes:
    """All are paused."""
    record = NetworkRecord.decode(raw)
    members = tuple([each._replace(paused=True) for each in record.terms.members])
    return record._replace(terms=record.terms._replace(members=members)).encode()


@pytest.mark.parametrize("bend", [twice, nobody])
def test_terms_that_no_set_could_have_are_refused(
    bend: Callable[[bytes], bytes], told: Told, tmp_path: Path
) -> None:
    followed = told.followed(tmp_path)
    with pytest.raises(Refused):
        followed.take(bent_item(0, 6, bend)(told.content), 1)
