"""The descriptors are CometBFT's own, and what is read and written with them is what was meant."""

import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from node.engines.cometbft import descriptors
from node.engines.cometbft.descriptors import message_class, set_time, time_ns_of
from node.engines.cometbft.frames import FrameReader, frame
from node.engines.cometbft.messages import (
    BlockIDFlag,
    BlockParams,
    CommitInfo,
    ConsensusParams,
    EvidenceParams,
    ExecTxResult,
    Misbehavior,
    MisbehaviorType,
    Snapshot,
    ValidatorUpdate,
    VoteInfo,
    time_ms_of,
)
from node.engines.cometbft.requests import (
    RequestFinalizeBlock,
    RequestInitChain,
    RequestOfferSnapshot,
)
from node.engines.cometbft.responses import (
    ApplySnapshotChunkResult,
    ResponseApplySnapshotChunk,
    ResponseFinalizeBlock,
    ResponseInitChain,
    ResponseListSnapshots,
)
from node.engines.cometbft.wire import block_bytes_of, decode_request, encode_response
from primitives.errors import InvariantBroken
from tests.architecture.sources import ROOT

MADE = ("abci.pb", "abci.LICENSE", "abci.NOTICE")
TIME_NS = 1_700_000_000_123_456_789
PARAMS = ConsensusParams(
    BlockParams(2_097_152),
    EvidenceParams(1000, 5 * 10**9, 65_536),
    ("ed25519",),
    7,
    0,
)


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
def test_the_descriptors_are_what_the_script_makes(tmp_path: Path) -> None:
    """It needs Go's module proxy the first time."""
    done = subprocess.run(
        [ROOT / "scripts" / "abci-descriptors", tmp_path], capture_output=True, check=False
    )
    if b"error[cometbft_unreachable]" in done.stderr:
        pytest.skip("no module proxy can be reached")
    assert done.returncode == 0, done.stderr.decode()
    for name in MADE:
        kept = files(descriptors.__package__ or "").joinpath(name).read_bytes()
        assert (tmp_path / name).read_bytes() == kept, name


def _params_message() -> object:
    message = message_class("types.ConsensusParams")()
    message.block.max_bytes, message.block.max_gas = 2_097_152, -1
    message.evidence.max_age_num_blocks, message.evidence.max_bytes = 1000, 65_536
    message.evidence.max_age_duration.seconds = 5
    message.validator.pub_key_types.append("ed25519")
    message.version.app = 7
    message.abci.SetInParent()
    return message


def test_a_genesis_is_read() -> None:
    request = message_class("abci.Request")()
    begun = request.init_chain
    set_time(begun.time, TIME_NS)
    begun.chain_id, begun.app_state_bytes, begun.initial_height = "words", b'"x"', 1
    begun.consensus_params.CopyFrom(_params_message())
    begun.validators.add(power=1).pub_key.ed25519 = b"k" * 32
    assert decode_request(request.SerializeToString()) == RequestInitChain(
        TIME_NS, "words", PARAMS, (ValidatorUpdate(b"k" * 32, 1),), b'"x"', 1
    )
    begun.validators[0].pub_key.secp256k1 = b"k" * 33
    with pytest.raises(InvariantBroken):
        decode_request(request.SerializeToString())


def test_a_decided_block_is_read() -> None:
    request = message_class("abci.Request")()
    block = request.finalize_block
    block.txs.extend([b"one", b""])
    block.height, block.hash, block.next_validators_hash = 9, b"h" * 32, b"n" * 32
    block.proposer_address = b"p" * 20
    set_time(block.time, TIME_NS)
    vote = block.decided_last_commit.votes.add(block_id_flag=2)
    vote.validator.address, vote.validator.power = b"a" * 20, 3
    block.decided_last_commit.round = 4
    bad = block.misbehavior.add(type=1, height=8, total_voting_power=4)
    bad.validator.address, bad.validator.power = b"b" * 20, 1
    set_time(bad.time, TIME_NS - 1)
    assert decode_request(request.SerializeToString()) == RequestFinalizeBlock(
        (b"one", b""),
        CommitInfo(4, (VoteInfo(b"a" * 20, 3, BlockIDFlag.COMMIT),)),
        (Misbehavior(MisbehaviorType.DUPLICATE_VOTE, b"b" * 20, 1, 8, TIME_NS - 1, 4),),
        b"h" * 32,
        9,
        TIME_NS,
        b"n" * 32,
        b"p" * 20,
    )


def test_an_offered_snapshot_is_read() -> None:
    request = message_class("abci.Request")()
    snapshot = Snapshot(5, 1, 3, b"h", b"m")
    offered = request.offer_snapshot
    offered.app_hash = b"r" * 32
    offered.snapshot.MergeFrom(
        message_class("abci.Snapshot")(height=5, format=1, chunks=3, hash=b"h", metadata=b"m")
    )
    read = decode_request(request.SerializeToString())
    assert read == RequestOfferSnapshot(snapshot, b"r" * 32)
    listed = message_class("abci.Response").FromString(
        encode_response(ResponseListSnapshots((snapshot,)))
    )
    assert list(listed.list_snapshots.snapshots) == [offered.snapshot]


def test_what_a_block_changes_is_written() -> None:
    update = ValidatorUpdate(b"k" * 32, 0)
    raw = encode_response(
        ResponseFinalizeBlock(
            (ExecTxResult(0, b"d"), ExecTxResult(3, log="no", codespace="c")),
            b"r" * 32,
            (update,),
            ConsensusParams(app_version=8),
        )
    )
    found = message_class("abci.Response").FromString(raw).finalize_block
    assert [(each.code, each.data) for each in found.tx_results] == [(0, b"d"), (3, b"")]
    assert (found.tx_results[1].log, found.tx_results[1].codespace) == ("no", "c")
    assert found.app_hash == b"r" * 32
    assert [(each.pub_key.ed25519, each.power) for each in found.validator_updates] == [
        (b"k" * 32, 0)
    ]
    # What is absent stays as it was.
    assert found.consensus_param_updates.version.app == 8
    assert not any(
        found.consensus_param_updates.HasField(name)
        for name in ("block", "evidence", "validator", "abci")
    )
    kept = message_class("abci.Response").FromString(
        encode_response(ResponseFinalizeBlock((), b"r"))
    )
    assert not kept.finalize_block.HasField("consensus_param_updates")


def test_parameters_are_written_whole() -> None:
    raw = encode_response(ResponseInitChain(b"r", (ValidatorUpdate(b"k" * 32, 2),), PARAMS))
    found = message_class("abci.Response").FromString(raw).init_chain
    assert found.consensus_params == _params_message()
    assert found.validators[0].power == 2


def test_chunks_to_fetch_again_are_written() -> None:
    raw = encode_response(
        ResponseApplySnapshotChunk(ApplySnapshotChunkResult.RETRY, (1, 2), ("ab" * 20,))
    )
    found = message_class("abci.Response").FromString(raw).apply_snapshot_chunk
    assert (found.result, list(found.refetch_chunks)) == (3, [1, 2])
    assert list(found.reject_senders) == ["ab" * 20]


def test_times_are_exact() -> None:
    timestamp = message_class("abci.RequestInitChain")().time
    for time_ns in (0, 1, TIME_NS, -1, -62_135_596_800 * 10**9):
        set_time(timestamp, time_ns)
        assert time_ns_of(timestamp) == time_ns
    assert time_ms_of(TIME_NS) == 1_700_000_000_123


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 262_144])
def test_a_transaction_takes_its_bytes_of_a_block(length: int) -> None:
    data = message_class("types.Data")(txs=[bytes(length)])
    assert block_bytes_of(bytes(length)) == data.ByteSize()


def test_frames_are_cut_where_they_end() -> None:
    payloads = [b"", b"a" * 127, b"b" * 128, b"c" * 70_000]
    stream = b"".join(map(frame, payloads))
    for step in (1, 2, 129, len(stream)):
        reader = FrameReader(70_000)
        found: list[bytes] = []
        for at in range(0, len(stream), step):
            found += reader.feed(stream[at : at + step])
        assert found == payloads
        assert not reader.is_inside
    with pytest.raises(InvariantBroken):
        FrameReader(69_999).feed(frame(payloads[3])[:4])
