"""The light client and the byte formats of `consensus.cometbft`, as the public checker calls them.

The checker's files write some things otherwise than CometBFT's RPC does (`part_set_header` for
`parts`, null for an empty block id, 1970 as the time of an absent vote); they are put into its form
here and read by our reader.
"""

from collections.abc import Mapping
from typing import Any

from consensus.cometbft import merkle
from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.commits import ABSENT
from consensus.cometbft.light import SignedHeader, Trusted, Trusting, verify
from consensus.cometbft.rpc_json import (
    commit_from_json,
    header_from_json,
    validators_from_json,
)
from consensus.cometbft.validators import ValidatorSet
from consensus.cometbft.votes import sign_bytes as vote_sign_bytes
from primitives.errors import Refused
from primitives.signatures import verify as ed25519_verify

Json = Mapping[str, Any]


def verify_step(trusted: Json, untrusted: Json, now_ns: int, trusting_period_ns: int) -> str:
    """One step of the checker, with trust level 1/3 and no clock drift."""
    signed = SignedHeader(
        header_from_json(_header(untrusted["signed_header"]["header"])),
        commit_from_json(_commit(untrusted["signed_header"]["commit"])),
    )
    known = Trusted(header_from_json(_header(trusted["header"])), _set(trusted["next_validators"]))
    validators = _set(untrusted["validator_set"]["validators"])
    following = untrusted["next_validator_set"]["validators"]
    next_hash = _set(following).hash if following else merkle.EMPTY_ROOT
    if next_hash != signed.header.next_validators_hash:
        return "INVALID"  # after a success the checker believes the set that it is given
    try:
        verify(known, signed, validators, Trusting(now_ns, trusting_period_ns), ed25519_verify)
    except Refused as refusal:
        return "NOT_ENOUGH_TRUST" if refusal.code == "trust_insufficient" else "INVALID"
    return "SUCCESS"


def sign_bytes(
    chain_id: str, kind: int, height: int, round: int, block_id: None, time_ns: int
) -> bytes:
    """The checker's votes are all for nil."""
    return vote_sign_bytes(chain_id, kind, height, round, BlockId(), time_ns)


def header_hash(header: Json) -> bytes:
    """A header's hash."""
    return header_from_json(_header(header)).hash


def tree_root(items: list[bytes]) -> bytes:
    """The RFC 6962 root."""
    return merkle.root(items)


def _block_id(content: Json | None) -> Json:
    if content is None:
        return {"hash": "", "parts": {"total": 0, "hash": ""}}
    parts = content["parts"] if "parts" in content else content["part_set_header"]
    return {"hash": content["hash"], "parts": {"total": int(parts["total"]), "hash": parts["hash"]}}


def _header(content: Json) -> Json:
    return {**content, "last_block_id": _block_id(content["last_block_id"])}


def _commit(content: Json) -> Json:
    places = [
        one if one["block_id_flag"] != ABSENT else {**one, "timestamp": "0001-01-01T00:00:00Z"}
        for one in content["signatures"]
    ]
    return {**content, "block_id": _block_id(content["block_id"]), "signatures": places}


def _set(rows: list[Json] | None) -> ValidatorSet:
    return validators_from_json([{"voting_power": row.get("power"), **row} for row in rows or ()])
