"""A voting key signs one thing at each height, round and step, whatever is asked."""

import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.votes import sign_bytes as light_sign_bytes
from node.engines.cometbft.canonical_votes import canonical_vote, sign_bytes
from node.engines.cometbft.descriptors import message_class, time_ns_of
from node.engines.cometbft.signed_last import BLOCK_BYTES, Place, SignedLastFile
from node.engines.cometbft.signer import Signer
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey, verify
from tests.architecture.sources import ROOT
from tests.node.cometbft.signing import (
    ADDRESS,
    CHAIN,
    KEY,
    PRECOMMIT,
    PREVOTE,
    PROPOSAL,
    TIME_NS,
    a_request,
    ask,
    failing_write,
    new_signer,
    signed_bytes,
)

VECTORS = ROOT.parent / "shared" / "vectors" / "cometbft"

# -- what is signed ---------------------------------------------------------------------------


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cometbft_reference", VECTORS / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside this checkout")
def test_the_bytes_are_those_of_the_vectors() -> None:
    known = json.loads((VECTORS / "bytes.json").read_text())["vote_sign_bytes"]
    assert known
    for case in known:
        vote = message_class("types.Vote")(
            type=case["type"], height=case["height"], round=case["round"]
        )
        made = sign_bytes(canonical_vote(vote, case["chain_id"]), case["timestamp_unix_s"] * 10**9)
        assert made == bytes.fromhex(case["sign_bytes"])
    reference = _reference()
    block = {"hash": "ab" * 32, "part_set_header": {"total": 3, "hash": "cd" * 32}}
    vote = message_class("types.Vote")(type=PRECOMMIT, height=7, round=2)
    vote.block_id.hash = bytes.fromhex("ab" * 32)
    vote.block_id.part_set_header.total = 3
    vote.block_id.part_set_header.hash = bytes.fromhex("cd" * 32)
    assert sign_bytes(canonical_vote(vote, CHAIN), TIME_NS) == reference.sign_bytes(
        CHAIN, PRECOMMIT, 7, 2, block, TIME_NS
    )


@given(
    st.sampled_from([PREVOTE, PRECOMMIT]),
    st.integers(1, 2**62),
    st.integers(0, 2**31 - 1),
    st.one_of(st.just(b""), st.binary(min_size=32, max_size=32)),
    st.integers(0, 2**61),
)
def test_the_bytes_are_those_that_wallets_check(
    kind: int, height: int, round_: int, block: bytes, time_ns: int
) -> None:
    vote = a_request(kind, height, round_, block).sign_vote_request.vote
    block_id = BlockId(block, 1, block) if block else BlockId(b"", 0, b"")
    made = sign_bytes(canonical_vote(vote, CHAIN), time_ns)
    assert made == light_sign_bytes(CHAIN, kind, height, round_, block_id, time_ns)


def test_a_round_is_signed_in_order(tmp_path: Path) -> None:
    signer = new_signer(tmp_path / "signed.json")
    for kind in (PROPOSAL, PREVOTE, PRECOMMIT):
        found = ask(signer, a_request(kind))
        assert verify(KEY.public_key, signed_bytes(found), found.signature)
    assert time_ns_of(found.timestamp) == TIME_NS
    assert signer.withheld == 0


def test_the_public_key_is_told_for_this_chain_alone(tmp_path: Path) -> None:
    signer = new_signer(tmp_path / "signed.json")
    for chain_id, told in ((CHAIN, KEY.public_key), ("other", b"")):
        request = message_class("privval.Message")()
        request.pub_key_request.chain_id = chain_id
        raw = signer.answer(request.SerializeToString())
        found = message_class("privval.Message").FromString(raw).pub_key_response
        assert found.pub_key.ed25519 == told
        assert found.HasField("error") == (not told)


def test_a_ping_is_answered(tmp_path: Path) -> None:
    request = message_class("privval.Message")()
    request.ping_request.SetInParent()
    raw = new_signer(tmp_path / "signed.json").answer(request.SerializeToString())
    assert message_class("privval.Message").FromString(raw).WhichOneof("sum") == "ping_response"


# -- what is withheld -------------------------------------------------------------------------


@pytest.mark.parametrize("again", [False, True], ids=["running", "started again"])
@pytest.mark.parametrize(
    "request_",
    [
        a_request(PREVOTE, 5, 1, b"c" * 32),  # another block
        a_request(PREVOTE, 5, 1, b""),  # nil
        a_request(PROPOSAL, 5, 1),  # a step back
        a_request(PRECOMMIT, 5, 0),  # a round back
        a_request(PRECOMMIT, 4, 9),  # a height back
        a_request(PRECOMMIT, 0, 0),
        a_request(PRECOMMIT, -1, 0),
        a_request(PRECOMMIT, 6, -1),
        a_request(PRECOMMIT, 6, chain_id="democite-" + "00" * 20),
        a_request(PRECOMMIT, 6, address=b"a" * 20),
        a_request(PRECOMMIT, 6, extension=b"x"),
        a_request(7, 6),
    ],
)
def test_what_contradicts_or_goes_back_is_withheld(
    tmp_path: Path, request_: Any, again: bool
) -> None:
    signer = new_signer(tmp_path / "signed.json")
    assert ask(signer, a_request(PREVOTE, 5, 1)) is not None
    if again:
        signer = new_signer(tmp_path / "signed.json")
    assert ask(signer, request_) is None
    assert signer.withheld == 1
    assert ask(signer, a_request(PRECOMMIT, 5, 1)) is not None


def test_the_same_message_is_signed_with_the_time_of_before(tmp_path: Path) -> None:
    path = tmp_path / "signed.json"
    for kind in (PROPOSAL, PREVOTE, PRECOMMIT):
        first = ask(new_signer(path), a_request(kind))
        second = ask(new_signer(path), a_request(kind, time_ns=TIME_NS + 5))
        assert second == first


def test_who_observes_signs_nothing_but_what_was_signed(tmp_path: Path) -> None:
    path = tmp_path / "signed.json"
    before = ask(new_signer(path), a_request(PREVOTE, 5))
    observing = new_signer(path, may_sign=lambda height: height > 9)
    assert ask(observing, a_request(PREVOTE, 5)) == before
    assert ask(observing, a_request(PRECOMMIT, 5)) is None
    assert ask(observing, a_request(PREVOTE, 9)) is None
    assert ask(observing, a_request(PREVOTE, 10)) is not None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([PROPOSAL, PREVOTE, PRECOMMIT]),
            st.integers(1, 3),
            st.integers(0, 2),
            st.sampled_from([b"", b"b" * 32, b"c" * 32]),
            st.integers(0, 3),
            st.sampled_from(["go on", "start again", "disk fails before", "disk fails after"]),
        ),
        max_size=40,
    )
)
def test_no_two_messages_are_ever_signed_at_one_place(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("signer") / "signed.json"
    signer = new_signer(path)
    released: dict[tuple[int, int, int], bytes] = {}
    for kind, height, round_, block, time_ns, event in steps:
        if event == "start again":
            signer = new_signer(path)
        if event.startswith("disk fails"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    "node.engines.cometbft.signed_last.write_in_place",
                    failing_write(event.endswith("after")),
                )
                try:
                    found = ask(signer, a_request(kind, height, round_, block, time_ns))
                except OSError:
                    signer = new_signer(path)  # the node stops
                    continue
        else:
            found = ask(signer, a_request(kind, height, round_, block, time_ns))
        if found is None:
            continue
        place = (height, round_, kind)
        content = signed_bytes(found)
        assert verify(KEY.public_key, content, found.signature)
        assert released.setdefault(place, content) == content


# -- the file ---------------------------------------------------------------------------------


def test_a_file_that_is_gone_keeps_the_node_from_signing(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="signer_state_missing"):
        SignedLastFile.read(tmp_path / "none.json", CHAIN, KEY.public_key)


def test_the_file_of_another_key_or_chain_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "signed.json"
    file = SignedLastFile.create(path, CHAIN, KEY.public_key)
    for chain_id, key in (("other", KEY.public_key), (CHAIN, b"k" * 32)):
        with pytest.raises(Refused, match="signer_state_of_other_key"):
            SignedLastFile.read(path, chain_id, key)
    with pytest.raises(InvariantBroken):
        Signer(SigningKey.from_seed(b"w" * 32), file)
    with pytest.raises(FileExistsError):
        SignedLastFile.create(path, CHAIN, KEY.public_key)


def with_version(raw: bytes) -> bytes:
    """Both slots as a later program might write them."""
    slots = []
    for at in (0, BLOCK_BYTES):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        record = raw[at + 2 : end].replace(b"signed_last\x01", b"signed_last\x02")
        slots.append(raw[at : at + 2] + record + hash_bytes("signed_last", record))
    return b"".join(slot.ljust(BLOCK_BYTES, b"\0") for slot in slots)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda raw: raw[:-20], "signer_state_malformed"),
        (lambda raw: b"", "signer_state_missing"),
        (lambda raw: raw + b"\0", "signer_state_malformed"),
        (lambda raw: bytes(len(raw)), "signer_state_malformed"),
        (lambda raw: b"\xff" * len(raw), "signer_state_malformed"),
        # The newest is gone, and the one before says that less was signed.
        (lambda raw: raw[:BLOCK_BYTES] * 2, "signer_state_malformed"),
        (lambda raw: raw[BLOCK_BYTES:] * 2, "signer_state_malformed"),
        (lambda raw: raw[BLOCK_BYTES:] + raw[:BLOCK_BYTES], "signer_state_malformed"),
        (with_version, "data_of_newer_version"),
    ],
)
def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path, change: Any, code: str) -> None:
    path = tmp_path / "signed.json"
    for height in (1, 2, 3):
        ask(new_signer(path), a_request(PREVOTE, height))
    raw = path.read_bytes()
    assert change(raw) != raw
    path.write_bytes(change(raw))
    with pytest.raises(Refused, match=code):
        new_signer(path)


def test_no_damaged_byte_makes_it_forget(tmp_path: Path) -> None:
    path = tmp_path / "signed.json"
    for height in (1, 2):
        ask(new_signer(path), a_request(PREVOTE, height))
    raw, last = path.read_bytes(), new_signer(path)
    for at in (*range(300), *range(BLOCK_BYTES, BLOCK_BYTES + 300)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :])
        try:
            found = SignedLastFile.read(path, CHAIN, KEY.public_key)
        except Refused:
            continue
        # Only what stands behind a slot's hash is of no account.
        assert found.last.place == Place(2, 0, 2)
    path.write_bytes(raw)
    assert ask(last, a_request(PREVOTE, 2, block=b"c" * 32)) is None


def test_what_has_no_room_or_no_time_is_withheld(tmp_path: Path) -> None:
    signer = new_signer(tmp_path / "signed.json")
    assert ask(signer, a_request(PREVOTE, 1, block=b"b" * 500)) is None
    assert ask(signer, a_request(PREVOTE, 1, time_ns=-1)) is None
    assert ask(signer, a_request(PREVOTE, 1, time_ns=2**63)) is None
    assert ask(new_signer(tmp_path / "signed.json"), a_request(PROPOSAL, 1)) is not None


def test_an_address_is_the_beginning_of_a_hash() -> None:
    assert hashlib.sha256(KEY.public_key).digest()[:20] == ADDRESS
