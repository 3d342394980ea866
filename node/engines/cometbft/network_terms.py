"""What CometBFT is told of a network: its name, its validators, its parameters, who is who.

All of it follows from the genesis, or from the terms of an epoch, so that every node tells its own
CometBFT the same. Pure: no disk, no clock, no network.

Source: CometBFT v0.38, `spec/core/data_structures.md`, `types/params.go` and `types/block.go`.
"""

import hashlib
from collections.abc import Iterable, Sequence

from consensus.cometbft.wire import number_field
from ledger.rules import MS_PER_DAY, Parameters, RuleSet
from ledger.terms import NetworkTerms
from node.bounds import TRANSACTION_BYTES_MIN, transactions_max
from node.engines.cometbft.messages import (
    ADDRESS_BYTES,
    KEY_TYPE,
    NANOSECONDS_PER_MS,
    BlockParams,
    ConsensusParams,
    EvidenceParams,
    ValidatorUpdate,
)
from node.epochs import Epoch, voting_set
from primitives.errors import InvariantBroken, Refused

POWER = 1
"""Of every validator: more than two thirds of the power is then the protocol's q."""

TX_OVERHEAD_BYTES = 6
"""At most, for each transaction in a block's data: its key and the length of 256 KiB or more."""

_HEADER_BYTES_MAX = 626 + 11
_COMMIT_BYTES = 94
_SIGNATURE_BYTES = 109
_MEMBERS_MAX = 1_024
EVIDENCE_BYTES_MAX = 65_536
BLOCK_BYTES_CEILING = 104_857_600
_TRUST_DAYS_CEILING = 36_500
_BLOCKS_PER_DAY = 86_400


def chain_id_of(network_id: bytes) -> str:
    """The name of a network among chains (protocol, section 9): at most 50 characters there, so it
    holds 20 bytes of the id; the whole of it is compared when the chain begins."""
    return f"democite-{network_id.hex()[:40]}"


def address_of(public_key: bytes) -> bytes:
    """The address of an Ed25519 key, a validator's as well as a node's."""
    return hashlib.sha256(public_key).digest()[:ADDRESS_BYTES]


def node_id_of(public_key: bytes) -> str:
    """The id under which peers know the node with this key."""
    return address_of(public_key).hex()


def validators_of(terms: NetworkTerms) -> tuple[ValidatorUpdate, ...]:
    """Those that vote under these terms, in the order of their keys. A member whose card is of
    before `node init` made such a key has no vote here until it brings one."""
    keys = sorted([each.cometbft_key for each in terms.active if each.cometbft_key is not None])
    return tuple([ValidatorUpdate(key, POWER) for key in keys])


def first_validators(terms: NetworkTerms) -> tuple[ValidatorUpdate, ...]:
    """The same for the genesis, of which everyone must have a key. Raises `Refused`:
    `engine_keys_missing`."""
    for each in terms.active:
        if each.cometbft_key is None:
            raise Refused("engine_keys_missing", each.prefix)
    return validators_of(terms)


def validator_updates(before: NetworkTerms, after: NetworkTerms) -> tuple[ValidatorUpdate, ...]:
    """What makes the set of `before` that of `after`: removals first, each in the order of keys.

    Raises InvariantBroken where nobody would be left: CometBFT could not go on from there.
    """
    old = {each.public_key for each in validators_of(before)}
    new = {each.public_key for each in validators_of(after)}
    if not new:
        raise InvariantBroken("no member with a voting key for this engine would be left")
    gone = [ValidatorUpdate(key, 0) for key in sorted(old - new)]
    return (*gone, *[ValidatorUpdate(key, POWER) for key in sorted(new - old)])


def next_set_hash(epoch: Epoch, voted: NetworkTerms, time_ms: int) -> bytes | None:
    """What our record of a block at `time_ms` says whose parent's state has these terms: it ends
    the epoch as under the other engine, and where the keys that vote here are others."""
    if validators_of(voted) != validators_of(epoch.terms):
        return voting_set(voted).hash()
    return epoch.next_set_hash(voted, time_ms)


def block_params(parameters: Parameters, epoch: int) -> BlockParams:
    """Blocks that have room for whatever the ledger allows, beside header, commit and evidence.

    Nothing here takes gas, so its bound stops nobody. It holds the number of the epoch in force:
    the hash of these two stands in every header, so that validators sign where epochs end
    (decision 0027).
    """
    transactions = RuleSet(parameters=parameters)
    overhead = (
        TX_OVERHEAD_BYTES * transactions_max(transactions)
        + _HEADER_BYTES_MAX
        + _COMMIT_BYTES
        + _SIGNATURE_BYTES * _MEMBERS_MAX
        + EVIDENCE_BYTES_MAX
    )
    return BlockParams(min(parameters.block_bytes_max + overhead, BLOCK_BYTES_CEILING), epoch)


def consensus_hash(terms: NetworkTerms, epoch: int) -> bytes:
    """What a header of this epoch says of its parameters: CometBFT's `ConsensusParams.Hash`."""
    block = block_params(terms.parameters, epoch)
    fields = number_field(1, block.max_bytes) + number_field(2, block.max_gas)
    return hashlib.sha256(fields).digest()


def evidence_params(parameters: Parameters) -> EvidenceParams:
    """Who lied is told of as long as wallets may trust the set that the liar was in."""
    days = min(parameters.trust_days_max, _TRUST_DAYS_CEILING)
    return EvidenceParams(
        days * _BLOCKS_PER_DAY, days * MS_PER_DAY * NANOSECONDS_PER_MS, EVIDENCE_BYTES_MAX
    )


def consensus_params(terms: NetworkTerms, epoch: int) -> ConsensusParams:
    """Everything that holds in an epoch with this number."""
    return ConsensusParams(
        block_params(terms.parameters, epoch),
        evidence_params(terms.parameters),
        (KEY_TYPE,),
        terms.rule_version,
        0,
    )


def param_updates(before: NetworkTerms, after: NetworkTerms, epoch: int) -> ConsensusParams:
    """What of it is another under the next terms, those of epoch `epoch`."""
    old, new = consensus_params(before, epoch - 1), consensus_params(after, epoch)
    return ConsensusParams(
        new.block,
        None if old.evidence == new.evidence else new.evidence,
        None,
        None if old.app_version == new.app_version else new.app_version,
        None,
    )


def room_for(transactions: Sequence[object], max_tx_bytes: int) -> int:
    """How many bytes these may have together, so that they fit as CometBFT encodes them."""
    count = min(len(transactions), max_tx_bytes // TRANSACTION_BYTES_MIN + 1)
    return max(max_tx_bytes - TX_OVERHEAD_BYTES * count, 1)


def node_ids_of(voting_keys: Iterable[bytes]) -> frozenset[str]:
    """The ids of the nodes that territories with these keys run."""
    return frozenset([node_id_of(key) for key in voting_keys])
