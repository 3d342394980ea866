"""The parts of ABCI messages, to and from CometBFT's. See `wire` for whole messages."""

from collections.abc import Iterable
from typing import Any

from node.engines.cometbft.descriptors import message_class, set_time, time_ns_of
from node.engines.cometbft.messages import (
    PUBLIC_KEY_BYTES,
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
)
from primitives.errors import InvariantBroken


def read_validator_updates(found: Iterable[Any]) -> tuple[ValidatorUpdate, ...]:
    """Ed25519 only."""
    updates = []
    for each in found:
        key = bytes(each.pub_key.ed25519)
        if len(key) != PUBLIC_KEY_BYTES:
            raise InvariantBroken("a validator whose key is not Ed25519")
        updates.append(ValidatorUpdate(key, int(each.power)))
    return tuple(updates)


def write_validator_updates(place: Any, updates: Iterable[ValidatorUpdate]) -> None:
    """Into a repeated field."""
    for update in updates:
        written = place.add()
        written.pub_key.ed25519 = update.public_key
        written.power = update.power


def read_commit_info(found: Any) -> CommitInfo:
    """Of an extended one too; vote extensions, which are never on, are not looked at."""
    votes = tuple(
        VoteInfo(
            bytes(vote.validator.address),
            int(vote.validator.power),
            _block_id_flag(vote.block_id_flag),
        )
        for vote in found.votes
    )
    return CommitInfo(int(found.round), votes)


def _block_id_flag(value: int) -> BlockIDFlag:
    try:
        return BlockIDFlag(value)
    except ValueError:
        return BlockIDFlag.UNKNOWN


def read_misbehavior(found: Iterable[Any]) -> tuple[Misbehavior, ...]:
    """Evidence of the block."""
    return tuple(
        Misbehavior(
            _misbehavior_type(each.type),
            bytes(each.validator.address),
            int(each.validator.power),
            int(each.height),
            time_ns_of(each.time),
            int(each.total_voting_power),
        )
        for each in found
    )


def _misbehavior_type(value: int) -> MisbehaviorType:
    try:
        return MisbehaviorType(value)
    except ValueError:
        return MisbehaviorType.UNKNOWN


def read_consensus_params(found: Any) -> ConsensusParams:
    """Parts that are absent are None."""
    block = evidence = None
    if found.HasField("block"):
        block = BlockParams(int(found.block.max_bytes), int(found.block.max_gas))
    if found.HasField("evidence"):
        evidence = EvidenceParams(
            int(found.evidence.max_age_num_blocks),
            time_ns_of(found.evidence.max_age_duration),
            int(found.evidence.max_bytes),
        )
    return ConsensusParams(
        block,
        evidence,
        tuple(found.validator.pub_key_types) if found.HasField("validator") else None,
        int(found.version.app) if found.HasField("version") else None,
        int(found.abci.vote_extensions_enable_height) if found.HasField("abci") else None,
    )


def write_consensus_params(place: Any, params: ConsensusParams) -> None:
    """Only what is not None."""
    if params.block is not None:
        place.block.SetInParent()
        place.block.max_bytes = params.block.max_bytes
        place.block.max_gas = params.block.max_gas
    if params.evidence is not None:
        evidence = place.evidence
        evidence.max_age_num_blocks = params.evidence.max_age_num_blocks
        set_time(evidence.max_age_duration, params.evidence.max_age_duration_ns)
        evidence.max_bytes = params.evidence.max_bytes
    if params.public_key_types is not None:
        place.validator.SetInParent()
        place.validator.pub_key_types.extend(params.public_key_types)
    if params.app_version is not None:
        place.version.SetInParent()
        place.version.app = params.app_version
    if params.vote_extensions_enable_height is not None:
        place.abci.SetInParent()
        place.abci.vote_extensions_enable_height = params.vote_extensions_enable_height


def read_snapshot(found: Any) -> Snapshot:
    """As a peer offers it."""
    return Snapshot(
        int(found.height),
        int(found.format),
        int(found.chunks),
        bytes(found.hash),
        bytes(found.metadata),
    )


def new_snapshot(snapshot: Snapshot) -> Any:
    """As we offer it."""
    return message_class("abci.Snapshot")(
        height=snapshot.height,
        format=snapshot.format,
        chunks=snapshot.chunks,
        hash=snapshot.hash,
        metadata=snapshot.metadata,
    )


def new_result(result: ExecTxResult) -> Any:
    """One transaction's."""
    return message_class("abci.ExecTxResult")(
        code=result.code, data=result.data, log=result.log, codespace=result.codespace
    )
