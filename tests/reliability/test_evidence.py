"""Evidence of double votes: kept, shown, and checked by anyone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.evidence import DoubleVote
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY, Vote, vote_message
from ledger.genesis import Genesis
from node.evidence_book import KEPT_PER_MEMBER_MAX, EvidenceBook, read_evidence
from node.evidence_commands import check_all, evidence_lines
from primitives.errors import Refused
from primitives.signatures import verify
from tests.node.town import found, key_of
from tests.processes.network import democite

KEY = key_of("town1 voting")


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return found(4, [1, 2, 3, 4])


def vote(genesis: Genesis, kind: int, digest: bytes, view: int = 7) -> Vote:
    message = vote_message(genesis.network_id, 0, view, kind, digest)
    return Vote(0, view, kind, digest, KEY.public_key, KEY.sign(message))


def double(genesis: Genesis, view: int = 7) -> DoubleVote:
    first, second = (vote(genesis, NOTARIZE, digest * 32, view) for digest in (b"a", b"b"))
    return DoubleVote(genesis.network_id, first, second)


def check(evidence: DoubleVote, genesis: Genesis) -> None:
    members = {territory.voting_key for territory in genesis.territories}
    evidence.check(genesis.network_id, members, verify)


def test_what_proves_guilt(genesis: Genesis) -> None:
    check(double(genesis), genesis)
    gave_up, finalized = vote(genesis, NULLIFY, NO_DIGEST), vote(genesis, FINALIZE, b"a" * 32)
    check(DoubleVote(genesis.network_id, finalized, gave_up), genesis)


def test_what_proves_nothing(genesis: Genesis) -> None:
    sound = double(genesis)
    notarized, gave_up = sound.first, vote(genesis, NULLIFY, NO_DIGEST)
    stranger = key_of("nobody")
    other = genesis.territories[2].voting_key
    for evidence in (
        # What honest members do: NOTARIZE, then give the view up; the same vote twice.
        DoubleVote(genesis.network_id, notarized, gave_up),
        DoubleVote(genesis.network_id, notarized, notarized),
        # Another view, another network, another signer, a signature that is none.
        DoubleVote(genesis.network_id, notarized, vote(genesis, NOTARIZE, b"b" * 32, 8)),
        DoubleVote(bytes(32), sound.first, sound.second),
        DoubleVote(
            genesis.network_id,
            replace(sound.first, signer=other),
            replace(sound.second, signer=other),
        ),
        DoubleVote(
            genesis.network_id,
            replace(sound.first, signer=stranger.public_key),
            replace(sound.second, signer=stranger.public_key),
        ),
        DoubleVote(genesis.network_id, sound.first, replace(sound.second, signature=bytes(64))),
    ):
        with pytest.raises(Refused) as refusal:
            check(evidence, genesis)
        assert refusal.value.code == "evidence_invalid"


def test_files_come_back_and_anything_else_is_refused(genesis: Genesis) -> None:
    content = double(genesis).to_json()
    assert DoubleVote.from_json(json.loads(json.dumps(content))) == double(genesis)
    for field, value in (
        ("kind", "receipt"),
        ("votes", []),
        ("votes", [1, 2]),
        ("votes", [{"kind": "NOTARIZE"}, {}]),
        ("signer", "zz"),
        ("signer", "00"),
        ("view", -1),
        ("view", True),
        ("view", 2**70),
        ("epoch", "0"),
        ("network_id", None),
        ("version", 2),  # it leads nowhere
    ):
        with pytest.raises(Refused) as refusal:
            DoubleVote.from_json({**content, field: value})
        assert refusal.value.code == "evidence_malformed", (field, value)
    for version in (True, "1", 3, None):
        with pytest.raises(Refused) as refusal:
            DoubleVote.from_json({**content, "version": version})
        assert refusal.value.code == "version_unknown", version


def test_what_a_node_says_is_checked(genesis: Genesis) -> None:
    """One forged piece among sound ones, and nothing is believed."""
    sound = double(genesis)
    assert check_all([sound], genesis)[KEY.public_key] == "town1"
    forged = replace(sound, second=replace(sound.second, signature=bytes(64)))
    other = replace(sound, network_id=bytes(32))
    for lie in (forged, other):
        with pytest.raises(Refused, match="evidence_invalid"):
            check_all([sound, lie], genesis)


def test_a_member_that_joined_later_is_not_named_and_not_hidden(genesis: Genesis) -> None:
    key = key_of("town9 voting")
    votes = []
    for digest in (b"a" * 32, b"b" * 32):
        message = vote_message(genesis.network_id, 3, 7, NOTARIZE, digest)
        votes.append(Vote(3, 7, NOTARIZE, digest, key.public_key, key.sign(message)))
    late = DoubleVote(genesis.network_id, votes[0], votes[1])
    names = check_all([double(genesis), late], genesis)
    assert key.public_key not in names
    lines = evidence_lines([double(genesis), late], names).splitlines()
    assert lines[0].startswith("town1")
    assert key.public_key.hex() in lines[1]
    assert "/v1/epochs/3" in lines[1]


def test_the_book_keeps_the_first_few_of_each_member(genesis: Genesis, tmp_path: Path) -> None:
    for begin in (0, 20, 40):
        book = EvidenceBook(tmp_path)  # a node that was started again counts on
        for view in range(begin + 1, begin + 30):
            book.keep(double(genesis, view))
            book.keep(double(genesis, view))
    assert [each.view for each in book.all()] == list(range(1, KEPT_PER_MEMBER_MAX + 1))
    (tmp_path / "cut.json").write_text('{"kind": "double_vo')
    assert len(read_evidence(tmp_path)) == KEPT_PER_MEMBER_MAX


def test_a_full_disk_keeps_nobody_from_voting(genesis: Genesis, tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("not a folder")
    book = EvidenceBook(tmp_path / "evidence")
    book.keep(double(genesis))
    assert (tmp_path / "evidence").read_text() == "not a folder"


def test_anyone_can_verify_a_file(genesis: Genesis, tmp_path: Path) -> None:
    genesis_file, file = tmp_path / "genesis.json", tmp_path / "evidence.json"
    genesis_file.write_text(genesis.to_json())
    (tmp_path / "genesis.json.engine").write_text("simplex\n")
    file.write_text(json.dumps(double(genesis).to_json()))
    done = democite("verify", file, "--genesis", genesis_file, "--json")
    assert done.code == 0, done.err
    assert (done.json["territory"], done.json["view"]) == ("town1", 7)
    told = democite("verify", file, "--genesis", genesis_file)
    assert "which no honest node does" in told.out
    forged = replace(double(genesis), first=replace(double(genesis).first, signature=bytes(64)))
    file.write_text(json.dumps(forged.to_json()))
    done = democite("verify", file, "--genesis", genesis_file)
    assert (done.code, "error[evidence_invalid]" in done.err) == (4, True)
    file.write_text('{"kind": "double_vote", "version": 1}')
    done = democite("verify", file, "--genesis", genesis_file)
    assert (done.code, "error[evidence_malformed]" in done.err) == (2, True)
