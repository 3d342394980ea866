"""Which key of a node's signs for CometBFT: by height, with its own record, and never without."""

from collections.abc import Callable
from pathlib import Path

import pytest

from node.comet_keys import CometKeys, signed_last_file
from node.data_folder import SIGNED_LAST_FILE
from node.engines.cometbft.descriptors import message_class, parse
from node.engines.cometbft.own_signer import OwnSigner, Voters, record_opener
from node.engines.cometbft.signed_last import SignedLastFile, fresh_record
from node.engines.cometbft.signer import validator_address
from primitives.errors import Refused
from primitives.signatures import SigningKey
from tests.node.cometbft.signing import CHAIN as CHAIN_ID
from tests.node.town import key_of

NETWORK_ID = bytes(range(32))
OLD, NEW, OTHER = (key_of(f"comet {name}") for name in ("old", "new", "other"))
TURN = 10
"""From this height on the new key votes."""
PREVOTE, PROPOSAL = 1, 32


def voters(next_height: int) -> Voters:
    before, after = ({OTHER.public_key, key.public_key} for key in (OLD, NEW))
    return Voters(next_height, ((TURN, frozenset(after)), (0, frozenset(before))))


def create_old(root: Path) -> None:
    SignedLastFile.create(root / SIGNED_LAST_FILE, CHAIN_ID, OLD.public_key)


def create_new(root: Path) -> None:
    path = signed_last_file(root, NETWORK_ID, NEW.public_key)
    path.write_bytes(fresh_record(CHAIN_ID, NEW.public_key))


def make(root: Path, keys: CometKeys, next_height: int = 1) -> OwnSigner:
    opened = record_opener(root, NETWORK_ID, CHAIN_ID)
    return OwnSigner(CHAIN_ID, keys, voters(next_height), opened, key_of("nobody"))


def told(signer: OwnSigner) -> bytes:
    """The public key that CometBFT hears."""
    asked = message_class("privval.Message")()
    asked.pub_key_request.chain_id = CHAIN_ID
    answer = parse("privval.Message", signer.answer(asked.SerializeToString()))
    return bytes(answer.pub_key_response.pub_key.ed25519)


def votes(signer: OwnSigner, key: SigningKey, height: int, round_: int = 0) -> bool:
    """Whether it signs a vote for nothing, in the name of this key."""
    asked = message_class("privval.Message")()
    request = asked.sign_vote_request
    request.chain_id = CHAIN_ID
    request.vote.type, request.vote.height, request.vote.round = PREVOTE, height, round_
    request.vote.validator_address = validator_address(key.public_key)
    request.vote.timestamp.seconds = 1_700_000_000
    answer = parse("privval.Message", signer.answer(asked.SerializeToString()))
    return bool(answer.signed_vote_response.vote.signature)


def proposes(signer: OwnSigner, height: int) -> bool:
    asked = message_class("privval.Message")()
    request = asked.sign_proposal_request
    request.chain_id = CHAIN_ID
    request.proposal.type, request.proposal.height = PROPOSAL, height
    request.proposal.pol_round = -1
    request.proposal.timestamp.seconds = 1_700_000_000
    answer = parse("privval.Message", signer.answer(asked.SerializeToString()))
    return bool(answer.signed_proposal_response.proposal.signature)


def test_the_key_that_votes_at_a_height_signs_there_and_no_other(tmp_path: Path) -> None:
    create_old(tmp_path)
    create_new(tmp_path)
    signer = make(tmp_path, CometKeys(OLD, NEW), TURN - 1)
    assert told(signer) == OLD.public_key
    assert votes(signer, OLD, TURN - 1) and not votes(signer, NEW, TURN - 1)
    assert not votes(signer, OLD, TURN), "its set is over then"
    signer.voters = voters(TURN)
    assert told(signer) == NEW.public_key
    assert proposes(signer, TURN) and votes(signer, NEW, TURN)
    assert not votes(signer, OLD, TURN)
    assert not votes(signer, OTHER, TURN), "another member's"
    assert signer.withheld == 4


def test_a_key_without_its_record_signs_nothing_for_ever(tmp_path: Path) -> None:
    (tmp_path / SIGNED_LAST_FILE).write_bytes(b"")  # as a restored node has it
    signer = make(tmp_path, CometKeys(OLD))
    assert signer.has_forgotten(OLD.public_key)
    assert signer.key_at(1) is None
    assert told(signer) not in (OLD.public_key, NEW.public_key)
    assert not votes(signer, OLD, 1) and not proposes(signer, 1)
    # Not even once the file is there again: what it says may be older than what was signed.
    create_new(tmp_path)
    (tmp_path / SIGNED_LAST_FILE).unlink()
    create_old(tmp_path)
    assert not votes(signer, OLD, 2)


def test_a_new_key_has_its_record_and_votes_again(tmp_path: Path) -> None:
    (tmp_path / SIGNED_LAST_FILE).write_bytes(b"")
    keys = CometKeys(OLD)
    signer = make(tmp_path, keys, TURN)
    assert not votes(signer, NEW, TURN), "nobody prepared it"
    create_new(tmp_path)
    keys.put(OLD, NEW)
    assert told(signer) == NEW.public_key
    assert votes(signer, NEW, TURN)


def test_a_pending_key_from_a_backup_has_no_record_and_signs_nothing(tmp_path: Path) -> None:
    create_old(tmp_path)
    signer = make(tmp_path, CometKeys(OLD, NEW), TURN)
    assert signer.key_at(TURN) is None
    assert not votes(signer, NEW, TURN)
    assert votes(signer, OLD, TURN - 1)


@pytest.mark.parametrize("kept", [False, True])
def test_what_was_signed_is_remembered_over_a_restart_at_each_step(
    tmp_path: Path, *, kept: bool
) -> None:
    """Killed before the files of the new key took their place, or after: the record is the same."""
    create_old(tmp_path)
    create_new(tmp_path)
    keys = CometKeys(OLD, NEW)
    signer = make(tmp_path, keys, TURN)
    assert votes(signer, NEW, TURN, 3)
    assert keys.take(NEW.public_key) and votes(signer, NEW, TURN, 4)
    if kept:
        (tmp_path / SIGNED_LAST_FILE).unlink()
    again = make(tmp_path, CometKeys(NEW) if kept else CometKeys(OLD, NEW), TURN)
    assert not votes(again, NEW, TURN, 3), "it goes back"
    assert votes(again, NEW, TURN, 4) and votes(again, NEW, TURN, 5)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: path.write_bytes(b"\0" * 10), "signer_state_malformed"),
        (lambda path: path.write_bytes(fresh_record("other", OLD.public_key)), "of_other_key"),
        (lambda path: path.write_bytes(fresh_record(CHAIN_ID, OTHER.public_key)), "of_other_key"),
    ],
)
def test_a_record_that_can_not_be_believed_keeps_a_node_from_starting(
    tmp_path: Path, spoil: Callable[[Path], object], code: str
) -> None:
    spoil(tmp_path / SIGNED_LAST_FILE)
    with pytest.raises(Refused, match=code):
        make(tmp_path, CometKeys(OLD))


def test_a_taken_key_is_told_once_and_files_of_before_do_not_bring_the_old_one_back() -> None:
    taken: list[bytes] = []
    keys = CometKeys(OLD, NEW, lambda key: taken.append(key.public_key))
    assert not keys.take(OLD.public_key) and keys.take(NEW.public_key)
    assert not keys.take(NEW.public_key)
    assert taken == [NEW.public_key]
    keys.put(OLD, NEW)
    assert (keys.current, keys.pending) == (NEW, None)
    keys.put(NEW, OTHER)
    assert keys.pending == OTHER


def test_a_key_that_was_prepared_a_moment_ago_is_looked_for_once_it_votes() -> None:
    reads = []

    def read() -> tuple[SigningKey, SigningKey | None]:
        reads.append(1)
        return OLD, NEW

    keys = CometKeys(OLD, read_again=read)
    assert keys.meet({OLD.public_key, OTHER.public_key}) == OLD and not reads
    assert keys.meet({NEW.public_key}) == NEW and keys.pending == NEW
    assert keys.meet({OTHER.public_key}) is None and len(reads) == 2
