"""ABCI 2.0 as bytes: a request from CometBFT, a response to it. No input or output here.

Source: CometBFT v0.38, `proto/tendermint/abci/types.proto`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.engines.cometbft import requests as asked
from node.engines.cometbft import responses as told
from node.engines.cometbft.descriptors import message_class, parse, time_ns_of
from node.engines.cometbft.parts import (
    new_result,
    new_snapshot,
    read_commit_info,
    read_consensus_params,
    read_misbehavior,
    read_snapshot,
    read_validator_updates,
    write_consensus_params,
    write_validator_updates,
)
from node.engines.cometbft.requests import Request
from node.engines.cometbft.responses import Response
from primitives.errors import InvariantBroken

BLOCK_ENTRY_KEY_BYTES = 1


@dataclass(frozen=True, slots=True)
class Echo:
    """To be answered with the same text."""

    message: str


@dataclass(frozen=True, slots=True)
class Flush:
    """To be answered once everything before it is, and all of it sent."""


@dataclass(frozen=True, slots=True)
class ResponseException:
    """Makes CometBFT stop."""

    error: str


def block_bytes_of(tx: bytes) -> int:
    """How many of `max_tx_bytes` a transaction takes: its key, its length, itself.

    Source: CometBFT v0.38, `types.ComputeProtoSizeForTxs`.
    """
    length, prefix = len(tx), 1
    while length > 0x7F:
        length >>= 7
        prefix += 1
    return BLOCK_ENTRY_KEY_BYTES + prefix + len(tx)


# -- requests ---------------------------------------------------------------------------------


def decode_request(raw: bytes) -> Request | Echo | Flush:
    """A request. Raises `InvariantBroken` for what is none, and for vote extensions, which our
    consensus parameters switch off."""
    request = parse("abci.Request", raw)
    name = request.WhichOneof("value")
    decode = _REQUESTS.get(name)
    if decode is None:
        raise InvariantBroken(f"CometBFT asks {name or 'nothing'}, which is not expected")
    return decode(getattr(request, name))


def _info(found: Any) -> asked.RequestInfo:
    return asked.RequestInfo(
        found.version, found.block_version, found.p2p_version, found.abci_version
    )


def _init_chain(found: Any) -> asked.RequestInitChain:
    return asked.RequestInitChain(
        time_ns_of(found.time),
        found.chain_id,
        read_consensus_params(found.consensus_params),
        read_validator_updates(found.validators),
        found.app_state_bytes,
        found.initial_height,
    )


def _query(found: Any) -> asked.RequestQuery:
    return asked.RequestQuery(found.path, found.data, found.height, found.prove)


def _check_tx(found: Any) -> asked.RequestCheckTx:
    if found.type not in (asked.CheckTxType.NEW, asked.CheckTxType.RECHECK):
        raise InvariantBroken("a check of an unknown type")
    return asked.RequestCheckTx(found.tx, asked.CheckTxType(found.type))


def _offer_snapshot(found: Any) -> asked.RequestOfferSnapshot:
    return asked.RequestOfferSnapshot(read_snapshot(found.snapshot), found.app_hash)


def _load_snapshot_chunk(found: Any) -> asked.RequestLoadSnapshotChunk:
    return asked.RequestLoadSnapshotChunk(found.height, found.format, found.chunk)


def _apply_snapshot_chunk(found: Any) -> asked.RequestApplySnapshotChunk:
    return asked.RequestApplySnapshotChunk(found.index, found.chunk, found.sender)


def _prepare_proposal(found: Any) -> asked.RequestPrepareProposal:
    return asked.RequestPrepareProposal(
        found.max_tx_bytes,
        tuple(found.txs),
        read_commit_info(found.local_last_commit),
        read_misbehavior(found.misbehavior),
        found.height,
        time_ns_of(found.time),
        found.next_validators_hash,
        found.proposer_address,
    )


def _process_proposal(found: Any) -> asked.RequestProcessProposal:
    return asked.RequestProcessProposal(
        tuple(found.txs),
        read_commit_info(found.proposed_last_commit),
        read_misbehavior(found.misbehavior),
        found.hash,
        found.height,
        time_ns_of(found.time),
        found.next_validators_hash,
        found.proposer_address,
    )


def _finalize_block(found: Any) -> asked.RequestFinalizeBlock:
    return asked.RequestFinalizeBlock(
        tuple(found.txs),
        read_commit_info(found.decided_last_commit),
        read_misbehavior(found.misbehavior),
        found.hash,
        found.height,
        time_ns_of(found.time),
        found.next_validators_hash,
        found.proposer_address,
    )


_REQUESTS: dict[str | None, Callable[[Any], Request | Echo | Flush]] = {
    "echo": lambda found: Echo(found.message),
    "flush": lambda found: Flush(),
    "info": _info,
    "init_chain": _init_chain,
    "query": _query,
    "check_tx": _check_tx,
    "commit": lambda found: asked.RequestCommit(),
    "list_snapshots": lambda found: asked.RequestListSnapshots(),
    "offer_snapshot": _offer_snapshot,
    "load_snapshot_chunk": _load_snapshot_chunk,
    "apply_snapshot_chunk": _apply_snapshot_chunk,
    "prepare_proposal": _prepare_proposal,
    "process_proposal": _process_proposal,
    "finalize_block": _finalize_block,
}


# -- responses --------------------------------------------------------------------------------


def encode_response(response: Response | Echo | Flush | ResponseException) -> bytes:
    """A response."""
    written = message_class("abci.Response")()
    _write(written, response)
    return bytes(written.SerializeToString())


def _write(written: Any, response: Response | Echo | Flush | ResponseException) -> None:
    match response:
        case ResponseException():
            written.exception.error = response.error
        case Echo():
            written.echo.message = response.message
            written.echo.SetInParent()
        case Flush():
            written.flush.SetInParent()
        case told.ResponseCheckTx():
            _plain(written.check_tx, response)
        case told.ResponseInfo():
            _plain(written.info, response)
        case told.ResponseQuery():
            _plain(written.query, response)
        case told.ResponseCommit():
            _plain(written.commit, response)
        case told.ResponseLoadSnapshotChunk():
            _plain(written.load_snapshot_chunk, response)
        case told.ResponsePrepareProposal():
            written.prepare_proposal.SetInParent()
            written.prepare_proposal.txs.extend(response.txs)
        case told.ResponseProcessProposal():
            _plain(written.process_proposal, response)
        case told.ResponseFinalizeBlock():
            _write_finalized(written.finalize_block, response)
        case told.ResponseInitChain():
            _write_begun(written.init_chain, response)
        case told.ResponseListSnapshots():
            written.list_snapshots.SetInParent()
            written.list_snapshots.snapshots.extend(map(new_snapshot, response.snapshots))
        case told.ResponseOfferSnapshot():
            _plain(written.offer_snapshot, response)
        case told.ResponseApplySnapshotChunk():
            chunk = written.apply_snapshot_chunk
            chunk.result = int(response.result)
            chunk.refetch_chunks.extend(response.refetch_chunks)
            chunk.reject_senders.extend(response.reject_senders)


def _plain(place: Any, response: Any) -> None:
    """All fields are numbers, text or bytes, under the names that CometBFT gives them."""
    place.SetInParent()
    for name in response.__slots__:
        setattr(place, name, getattr(response, name))


def _write_begun(place: Any, response: told.ResponseInitChain) -> None:
    place.SetInParent()
    place.app_hash = response.app_hash
    write_validator_updates(place.validators, response.validators)
    if response.consensus_params is not None:
        place.consensus_params.SetInParent()
        write_consensus_params(place.consensus_params, response.consensus_params)


def _write_finalized(place: Any, response: told.ResponseFinalizeBlock) -> None:
    place.SetInParent()
    place.app_hash = response.app_hash
    place.tx_results.extend(map(new_result, response.tx_results))
    write_validator_updates(place.validator_updates, response.validator_updates)
    if response.consensus_param_updates is not None:
        place.consensus_param_updates.SetInParent()
        write_consensus_params(place.consensus_param_updates, response.consensus_param_updates)
