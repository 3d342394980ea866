"""Headers, commits and validators as CometBFT's RPC tells them in JSON (`/commit`, `/validators`).

Numbers of 64 bits are text there, hashes upper-case hex, signatures and keys base64, times RFC
3339. What is read here has the bounds of the protobuf forms: it is written so and read again.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.commits import Commit, CommitSignature
from consensus.cometbft.headers import Header
from consensus.cometbft.light import SignedHeader
from consensus.cometbft.timestamps import time_from_text
from consensus.cometbft.validators import VALIDATORS_MAX, Validator, ValidatorSet
from consensus.cometbft.wire import not_canonical

Json = Mapping[str, object]
_NUMBER = re.compile(r"-?[0-9]{1,20}")
_BYTES_MAX = 64
ED25519_KEY_TYPE = "tendermint/PubKeyEd25519"


def signed_header_from_json(content: object) -> SignedHeader:
    """The `signed_header` of `/commit`. Raises `Refused("encoding_not_canonical")`."""
    row = _object(content)
    return SignedHeader(header_from_json(row.get("header")), commit_from_json(row.get("commit")))


def header_from_json(content: object) -> Header:
    """A header. Raises `Refused("encoding_not_canonical")`."""
    row = _object(content)
    version = _object(row.get("version"))
    hashes = (
        "last_commit_hash", "data_hash", "validators_hash", "next_validators_hash",
        "consensus_hash", "app_hash", "last_results_hash", "evidence_hash", "proposer_address",
    )  # fmt: skip
    header = Header(
        _number(version.get("block")),
        _number(version.get("app", 0)),
        _text(row.get("chain_id")),
        _number(row.get("height")),
        time_from_text(_text(row.get("time"))),
        _block_id(row.get("last_block_id")),
        *[_hex(row.get(name)) for name in hashes],
    )
    return Header.decode(header.encode())


def commit_from_json(content: object) -> Commit:
    """A commit. Raises `Refused("encoding_not_canonical")`."""
    row = _object(content)
    commit = Commit(
        _number(row.get("height")),
        _number(row.get("round")),
        _block_id(row.get("block_id")),
        tuple([_signature(one) for one in _list(row.get("signatures"))]),
    )
    return Commit.decode(commit.encode())


def validators_from_json(content: object) -> ValidatorSet:
    """The `validators` of `/validators`, all of them. Raises `Refused`: `encoding_not_canonical`,
    `members_malformed`."""
    found: list[Validator] = []
    for entry in _list(content):
        row = _object(entry)
        key = _object(row.get("pub_key"))
        if key.get("type") != ED25519_KEY_TYPE:
            raise not_canonical("a key of another kind")
        found.append(Validator(_base64(key.get("value")), _number(row.get("voting_power"))))
    return ValidatorSet(tuple(found))


def _signature(content: object) -> CommitSignature:
    row = _object(content)
    return CommitSignature(
        _number(row.get("block_id_flag")),
        _hex(row.get("validator_address")),
        time_from_text(_text(row.get("timestamp"))),
        _base64(row.get("signature")),
    )


def _block_id(content: object) -> BlockId:
    row = _object(content)
    parts = _object(row.get("parts"))
    return BlockId(_hex(row.get("hash")), _number(parts.get("total")), _hex(parts.get("hash")))


def _object(content: object) -> Json:
    if not isinstance(content, dict):
        raise not_canonical("not an object")
    return content


def _list(content: object) -> list[object]:
    if not isinstance(content, list) or len(content) > VALIDATORS_MAX:
        raise not_canonical("not a list, or too long")
    return content


def _text(content: object) -> str:
    if not isinstance(content, str) or not content.isascii():
        raise not_canonical("not a text")
    return content


def _number(content: object) -> int:
    if type(content) is int and 0 <= content < 2**64:
        return content
    if isinstance(content, str) and _NUMBER.fullmatch(content):
        return int(content)
    raise not_canonical("not a number")


def _hex(content: object) -> bytes:
    if not isinstance(content, str) or len(content) > 2 * _BYTES_MAX:
        raise not_canonical("not hex")
    try:
        return bytes.fromhex(content)
    except ValueError:
        raise not_canonical("not hex") from None


def _base64(content: object) -> bytes:
    if content is None:
        return b""
    if not isinstance(content, str) or len(content) > 4 * _BYTES_MAX:
        raise not_canonical("not base64")
    try:
        return b64decode(content, validate=True)
    except (Base64Error, ValueError):
        raise not_canonical("not base64") from None
