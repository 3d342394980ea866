"""What proves how each epoch began, kept in the store for who joins later.

The two headers and the commit are fetched from CometBFT once the block above the boundary is on
disk, and kept for ever, whatever was pruned: a new node follows every epoch since the genesis.
"""

from collections.abc import Iterator

from consensus.cometbft.commits import Commit
from consensus.cometbft.headers import Header
from node.chain_records import EPOCH_PROOF, number_key
from node.engines.cometbft.epoch_proofs import PROOF_BYTES_MAX, EpochProof
from node.epoch_book import EpochBook
from node.epochs import Epoch
from node.store import Change, Store
from primitives.encoding import Value, decode, encode
from primitives.errors import InvariantBroken, Refused


class ProofBook:
    """See the module's docstring."""

    def __init__(self, store: Store, epochs: EpochBook) -> None:
        self._store = store
        self._epochs = epochs
        self._looked_at = epochs.first
        self._lacking: list[int] = []

    def missing(self, chain_height: int) -> Iterator[tuple[Epoch, Epoch]]:
        """(epoch before, epoch) of those whose proof is not kept yet, ascending, as far as their
        blocks are on disk. Every epoch is looked at once."""
        book = self._epochs
        while self._looked_at < book.current.number:
            self._looked_at += 1
            if self._store.get(number_key(EPOCH_PROOF, self._looked_at)) is None:
                self._lacking.append(self._looked_at)
        for number in list(self._lacking):
            epoch = book.epoch(number)
            if epoch.height + 1 <= chain_height:
                yield book.epoch(number - 1), epoch

    def put(self, number: int, proof: EpochProof) -> None:
        """Keep a proof that was checked. Slow: it waits for the disk."""
        self._store.write([proof_entry(number, proof)], sync=True)
        self._lacking.remove(number)

    def give_up(self, number: int) -> None:
        """Nothing proves this one, until the next start looks again."""
        self._lacking.remove(number)

    def from_epoch(self, first: int) -> Iterator[Value]:
        """The values of the proofs of epochs in a row, as far as they are here."""
        book = self._epochs
        # Only in a row: who asks from further back than the genesis follows nothing of it.
        for number in range(first, book.current.number + 1):
            if number <= book.first:
                return
            raw = self._store.get(number_key(EPOCH_PROOF, number))
            proved = book.epoch(number).record
            if raw is None or proved is None or proved.proved is None:
                return
            match decode(raw, bytes_max=PROOF_BYTES_MAX):
                case (bytes(boundary), bytes(above), bytes(commit)):
                    yield (boundary, above, commit, *proved.proved)
                case _:
                    raise InvariantBroken(f"the proof of epoch {number} can't be read")


def proof_entry(number: int, proof: EpochProof) -> Change:
    """As the store has it; the terms and their proof stand with the epoch."""
    value = (proof.boundary.encode(), proof.above.encode(), proof.commit.encode())
    return number_key(EPOCH_PROOF, number), encode(value)


def made_proof(before: Epoch, epoch: Epoch, signed: tuple[Header, Header, Commit]) -> EpochProof:
    """The proof of an epoch of our own chain, checked as a newcomer would. Raises `Refused`."""
    record = epoch.record
    if record is None or record.proved is None:
        raise Refused("epoch_unproved", f"epoch {epoch.number}: its terms have no proof here")
    proof = EpochProof(*signed, record.proved)
    proof.following(before, record.boundary.network_id)
    return proof
