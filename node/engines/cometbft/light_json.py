"""Headers, sets and parameters in the form of CometBFT's RPC, for its light client alone.

Numbers of 64 bits are text there, hashes upper-case hex, signatures and keys base64. Source:
CometBFT v0.38, `rpc/core/types/responses.go`, `libs/json`.
"""

import base64
from collections.abc import Mapping

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.commits import Commit
from consensus.cometbft.headers import Header
from consensus.cometbft.light import SignedHeader
from consensus.cometbft.validators import ValidatorSet
from node.engines.cometbft.comet_genesis import (
    PUBLIC_KEY_TYPE,
    params_json,
    rfc3339,
    typed_key,
)
from node.engines.cometbft.messages import ConsensusParams

Json = dict[str, object]


def commit_answer(signed: SignedHeader) -> Json:
    """As `/commit`."""
    whole = {"header": _header(signed.header), "commit": _commit(signed.commit)}
    return {"signed_header": whole, "canonical": True}


def validators_answer(
    height: int, validators: ValidatorSet, priorities: Mapping[bytes, int]
) -> Json:
    """As `/validators`, all on one page."""
    rows = [
        {
            "address": _hex(one.address),
            "pub_key": typed_key(PUBLIC_KEY_TYPE, one.public_key),
            "voting_power": str(one.power),
            "proposer_priority": str(priorities[one.address]),
        }
        for one in validators.validators
    ]
    count = str(len(rows))
    return {"block_height": str(height), "validators": rows, "count": count, "total": count}


def params_answer(height: int, params: ConsensusParams) -> Json:
    """As `/consensus_params`."""
    return {"block_height": str(height), "consensus_params": params_json(params)}


def _header(header: Header) -> Json:
    return {
        "version": {"block": str(header.version_block), "app": str(header.version_app)},
        "chain_id": header.chain_id,
        "height": str(header.height),
        "time": rfc3339(header.time_ns),
        "last_block_id": _block_id(header.last_block_id),
        "last_commit_hash": _hex(header.last_commit_hash),
        "data_hash": _hex(header.data_hash),
        "validators_hash": _hex(header.validators_hash),
        "next_validators_hash": _hex(header.next_validators_hash),
        "consensus_hash": _hex(header.consensus_hash),
        "app_hash": _hex(header.app_hash),
        "last_results_hash": _hex(header.last_results_hash),
        "evidence_hash": _hex(header.evidence_hash),
        "proposer_address": _hex(header.proposer_address),
    }


def _commit(commit: Commit) -> Json:
    return {
        "height": str(commit.height),
        "round": commit.round,
        "block_id": _block_id(commit.block_id),
        "signatures": [
            {
                "block_id_flag": one.flag,
                "validator_address": _hex(one.address),
                "timestamp": rfc3339(one.time_ns),
                "signature": base64.b64encode(one.signature).decode() or None,
            }
            for one in commit.signatures
        ],
    }


def _block_id(block_id: BlockId) -> Json:
    parts = {"total": block_id.parts_total, "hash": _hex(block_id.parts_hash)}
    return {"hash": _hex(block_id.hash), "parts": parts}


def _hex(raw: bytes) -> str:
    return raw.hex().upper()
