"""What proves to anybody how an epoch began under CometBFT, and the epochs that follow from it.

Every header's hash of parameters holds the number of the epoch in force (decision 0027). So the
boundary's header and the one above it, which more than two thirds of the known set signed, prove
which block ended the epoch before; the terms that hold from there on are proved under the
boundary's state root. Whoever knows the genesis needs no more than one such proof an epoch, and
nobody's word.

Pure: no disk, no clock, no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consensus.cometbft.certified import SetChange
from consensus.cometbft.commits import COMMIT_BYTES_MAX, Commit
from consensus.cometbft.headers import HEADER_BYTES_MAX, Header
from consensus.cometbft.light import SignedHeader, verify_commit
from consensus.cometbft.priorities import Turns
from consensus.cometbft.validators import ValidatorSet
from consensus.header import Header as OwnHeader
from consensus.header import genesis_digest
from ledger.genesis import Genesis
from ledger.terms import NetworkTerms
from node.block_body import transactions_root
from node.engines.cometbft.network_terms import chain_id_of, consensus_hash, validators_of
from node.epochs import Epoch, EpochRecord, ProvedTerms, voting_set
from primitives.encoding import Value, decode, encode
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import verify

SIGNS_AFTER = 2
"""So many heights after the boundary a new set signs for the first time."""

PROOFS_AT_ONCE = 64
PROOFS_BYTES_MAX = 8 << 20
"""Of one answer; a node stops at half of it, and gives one proof at least."""

PROOF_BYTES_MAX = COMMIT_BYTES_MAX + 2 * HEADER_BYTES_MAX + (2 << 20)


@dataclass(frozen=True, slots=True)
class EpochProof:
    """`boundary` ended an epoch, `above` is the next block's header and `commit` for that one;
    `proved` are the terms from there on."""

    boundary: Header
    above: Header
    commit: Commit
    proved: ProvedTerms

    def value(self) -> Value:
        """The form in which nodes serve it."""
        headers = (self.boundary.encode(), self.above.encode(), self.commit.encode())
        return (*headers, *self.proved)

    @staticmethod
    def from_value(value: Value) -> EpochProof:
        """Read one from anybody; nothing is believed yet. Raises `Refused`."""
        match value:
            case (bytes(boundary), bytes(above), bytes(commit), bytes(network), bytes(proof)):
                return EpochProof(
                    Header.decode(boundary),
                    Header.decode(above),
                    Commit.decode(commit),
                    ProvedTerms(network, proof),
                )
        raise Refused("encoding_not_canonical", "not the proof of an epoch")

    def set_change(self, following: ValidatorSet) -> SetChange | None:
        """What proves to wallets that the set changed with this epoch; None where it did not."""
        if self.above.next_validators_hash == self.above.validators_hash:
            return None
        return SetChange(self.above, self.commit, following)

    def following(self, epoch: Epoch, network_id: bytes) -> Epoch:
        """The epoch that begins after the one that is known. Raises `Refused`: `epoch_unproved`
        where this does not prove it, `certificate_invalid`."""
        number, terms = epoch.number + 1, self.proved.terms
        boundary, above = self.boundary, self.above
        if boundary.chain_id != chain_id_of(network_id) or above.chain_id != boundary.chain_id:
            raise _unproved(number, "of another network")
        if above.height != boundary.height + 1 or above.last_block_id.hash != boundary.hash:
            raise _unproved(number, "the headers are not neighbours")
        if boundary.height <= epoch.height or boundary.time_ms <= epoch.time_ms:
            raise _unproved(number, "it ended before it began")
        if boundary.consensus_hash != consensus_hash(epoch.terms, epoch.number):
            raise _unproved(number, "the boundary is of another epoch")
        if not self.proved.holds_under(boundary.app_hash):
            raise _unproved(number, "its terms are not those of the state")
        if above.consensus_hash != consensus_hash(terms, number):
            raise _unproved(number, "the block above does not begin it")
        if above.version_app != terms.rule_version:
            raise _unproved(number, "the block above has other rules")
        if above.next_validators_hash != set_of(terms).hash:
            raise _unproved(number, "other validators are to come")
        verify_commit(SignedHeader(above, self.commit), set_of(epoch.terms), verify)
        return Epoch.of(self._record(epoch, network_id))

    def _record(self, epoch: Epoch, network_id: bytes) -> EpochRecord:
        """As our own store has it. Which transactions the boundary had, and our own record of the
        block below, nobody needs there: the place of both is held by what is true of none."""
        boundary, terms = self.boundary, self.proved.terms
        header = OwnHeader(
            network_id=network_id,
            epoch=epoch.number,
            view=0,
            parent_view=0,
            parent_digest=genesis_digest(network_id),
            height=boundary.height,
            time_ms=boundary.time_ms,
            rule_version=boundary.version_app,
            transactions_root=transactions_root(()),
            transactions_count=0,
            state_root=boundary.app_hash,
            next_set_hash=voting_set(terms).hash(),
        )
        return EpochRecord(header, (), None, terms, self.proved)


def write_proofs(values: Iterable[Value]) -> bytes:
    """One answer, of the values of proofs: as many in a row as go into it."""
    rows: list[Value] = []
    size = 0
    for value in values:
        size += len(encode(value))
        if len(rows) >= PROOFS_AT_ONCE or (rows and size > PROOFS_BYTES_MAX // 2):
            break
        rows.append(value)
    return encode(tuple(rows))


def read_proofs(raw: bytes) -> tuple[EpochProof, ...]:
    """Read what `write_proofs` gives. Raises `Refused("node_answer_malformed")`."""
    try:
        value = decode(raw, bytes_max=PROOFS_BYTES_MAX)
        if isinstance(value, tuple) and len(value) <= PROOFS_AT_ONCE:
            return tuple([EpochProof.from_value(row) for row in value])
    except Refused as refusal:
        raise Refused("node_answer_malformed", str(refusal), field="epochs") from None
    raise Refused("node_answer_malformed", field="epochs")


class ProvedEpochs:
    """The epochs of a network from the genesis on, as far as they were proved."""

    def __init__(self, genesis: Genesis) -> None:
        self._network_id = genesis.network_id
        self.epochs: list[Epoch] = [Epoch.first(genesis)]
        self.proofs: list[EpochProof] = []
        """Of each but the first."""

    @property
    def newest(self) -> Epoch:
        """As far as it is proved."""
        return self.epochs[-1]

    def take(self, proofs: Sequence[EpochProof]) -> None:
        """Follow what is told of the epochs after the newest; slow. Raises as
        `EpochProof.following`, and `rule_version_unknown` where this program knows no farther."""
        for proof in proofs:
            epoch = proof.following(self.newest, self._network_id)
            _ = epoch.rules
            self.epochs.append(epoch)
            self.proofs.append(proof)

    def epoch_of(self, height: int) -> Epoch:
        """The epoch that the block at this height is of, if the newest proved one is the last."""
        for epoch in reversed(self.epochs):
            if epoch.height < height:
                return epoch
        raise InvariantBroken(f"height {height} is of no epoch")

    def set_at(self, height: int) -> ValidatorSet:
        """The set that signs the block at this height, on the same condition."""
        for epoch in reversed(self.epochs[1:]):
            if epoch.height + SIGNS_AFTER <= height:
                return set_of(epoch.terms)
        return set_of(self.epochs[0].terms)

    def check(self, signed: SignedHeader) -> None:
        """That a header is final and of the epoch that it would be of here. Raises `Refused`:
        `certificate_invalid`, and `epoch_unproved` where it is of an epoch that is not known here,
        or says so."""
        header = signed.header
        first = self.epochs[0]
        if header.chain_id != chain_id_of(self._network_id) or header.height <= first.height:
            raise Refused("certificate_invalid", "of another chain")
        epoch, validators = self.epoch_of(header.height), self.set_at(header.height)
        known = (
            consensus_hash(epoch.terms, epoch.number),
            epoch.terms.rule_version,
            validators.hash,
        )
        if (header.consensus_hash, header.version_app, header.validators_hash) != known:
            raise _unproved(epoch.number, f"height {header.height} is of another epoch")
        verify_commit(signed, validators, verify)

    def priorities(self, height: int) -> dict[bytes, int]:
        """Whose turn it is at this height (`consensus.cometbft.priorities`)."""
        first = self.epochs[0]
        turns = Turns(set_of(first.terms), first.height + 1)
        before = set_of(first.terms)
        for epoch in self.epochs[1:]:
            following = set_of(epoch.terms)
            if following == before:
                continue
            if epoch.height + SIGNS_AFTER > height:
                break
            turns.advance(epoch.height + SIGNS_AFTER - 1)
            turns.change(following)
            before = following
        turns.advance(height)
        return turns.priorities


def set_of(terms: NetworkTerms) -> ValidatorSet:
    """Who votes under these terms."""
    return ValidatorSet.of_members([each.public_key for each in validators_of(terms)])


def _unproved(number: int, detail: str) -> Refused:
    return Refused("epoch_unproved", f"epoch {number}: {detail}")
