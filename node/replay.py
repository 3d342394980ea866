"""Everything again from the genesis: for `node verify`, and for whoever doubts a disk.

Every signature, every rule, every root and every certificate of the whole chain is checked, in
memory, against nothing but the genesis; then the stored objects must be the state that came out,
and each currency's totals the sums of its accounts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consensus.certificates import Certificate, verify_certificate
from consensus.finality import check_descent, check_finalizes
from consensus.header import Header, genesis_digest
from consensus.votes import FINALIZE
from ledger.commitment import Commitment, LogReceipts
from ledger.execution import BlockRefused, execute
from ledger.genesis import Genesis, initial_objects
from ledger.invariants import full_sums
from ledger.objects import decode_object
from ledger.state import State
from ledger.terms import terms_of
from ledger.transaction import decode_transaction
from node.block_body import transactions_root
from node.chain import Chain
from node.chain_records import StoredHeader
from node.engines.cometbft.network_terms import next_set_hash
from node.epochs import Epoch
from node.genesis_file import SIMPLEX
from node.verifier import verified
from primitives.errors import Refused
from primitives.indexed_tree import IndexedTree
from primitives.receipt_log import ReceiptLog
from primitives.signatures import verify
from primitives.tree_proofs import value_hash_of


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was checked."""

    height: int
    transactions: int
    signatures: int
    certificates: int
    state_root: bytes
    """After the newest block."""


class MemoryObjects:
    """The objects of the replayed state (`ledger.sources.ObjectSource`)."""

    def __init__(self) -> None:
        self.objects: dict[bytes, bytes] = {}

    def object(self, key: bytes) -> bytes | None:
        """See `ObjectSource`."""
        return self.objects.get(key)

    def objects_of(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `ObjectSource`."""
        return [self.objects.get(key) for key in keys]


class Replay:
    """One replay; `on_block` is told each height that holds."""

    def __init__(
        self,
        chain: Chain,
        genesis: Genesis,
        on_block: Callable[[int], None] | None = None,
        engine: str = SIMPLEX,
    ) -> None:
        """Under CometBFT headers and certificates are its own, in its own files: here the ledger
        is replayed, and what our records say of it."""
        self._certified = engine == SIMPLEX
        self._chain = chain
        self._genesis = genesis
        self._on_block = on_block
        self._epoch = Epoch.first(genesis)
        self._voted = self._epoch.terms
        """As of the state before the block that is looked at."""
        self._source = MemoryObjects()
        entries = []
        for slot, (key, item) in enumerate(initial_objects(genesis), 1):
            self._source.objects[key] = item.encode()
            entries.append((slot, key, value_hash_of(self._source.objects[key])))
        tree, log = IndexedTree(), ReceiptLog()
        tree.load(entries, len(entries) + 1)
        self._state = State(self._source, LogReceipts(log), self._epoch.rules, 0)
        self._commitment = Commitment(self._state, tree, log)
        self._signatures = 0
        self._certificates = 0

    def run(self) -> Replayed:
        """Check everything. Raises Refused `store_corrupt` with the first thing that fails."""
        chain = self._chain
        if chain.meta.network_id not in (None, self._genesis.network_id):
            raise Refused("data_of_other_network")
        parent_digest = genesis_digest(self._genesis.network_id)
        parent_time_ms = self._genesis.time_ms
        # A store that was never started holds no objects yet.
        started = chain.meta.network_id is not None
        before_newest = dict(self._source.objects) if started else {}
        for height in range(1, chain.height + 1):
            if height == chain.height:
                before_newest = dict(self._source.objects)
            stored = chain.stored_header(height)
            if stored is None:
                raise _corrupt(height, "the header is missing")
            header = stored.header
            # CometBFT's first block has the genesis's time.
            is_later = header.time_ms > parent_time_ms - (height == 1 and not self._certified)
            if header.parent_digest != parent_digest or not is_later:
                raise _corrupt(height, "it does not follow the block before")
            self._check_epoch(header)
            if self._certified:
                self._check_certificate(stored)
            self._execute(stored)
            if header.next_set_hash is not None:
                self._end_epoch(header)
            parent_digest, parent_time_ms = header.digest, header.time_ms
            if self._on_block is not None:
                self._on_block(height)
        if dict(chain.stored_objects()) != before_newest:
            raise _corrupt(chain.height, "the stored objects are not the state")
        full_sums(decode_object(raw) for raw in self._source.objects.values())
        return Replayed(
            chain.height,
            self._state.receipt_count,
            self._signatures,
            self._certificates,
            self._commitment.root_after(self._state.tip),
        )

    def _check_epoch(self, header: Header) -> None:
        """That it is of the epoch in force, and ends it just where it must."""
        epoch = self._epoch
        if (header.epoch, header.rule_version) != (epoch.number, epoch.terms.rule_version):
            raise _corrupt(header.height, "it is of another epoch, or under other rules")
        self._voted = terms_of(self._state)
        if self._certified:
            following = epoch.next_set_hash(self._voted, header.time_ms)
        else:
            following = next_set_hash(epoch, self._voted, header.time_ms)
        if header.closing or header.next_set_hash != following:
            raise _corrupt(header.height, "it ends the epoch wrongly, or fails to end it")

    def _end_epoch(self, header: Header) -> None:
        """The boundary was executed: what is stored of the next epoch must follow from it."""
        record = self._chain.epoch_record(self._epoch.number + 1)
        if record is None or (record.boundary, record.terms) != (header, self._voted):
            raise _corrupt(header.height, "the record of the epoch that it begins is another")
        if record.proved is not None and not record.proved.holds_under(header.state_root):
            raise _corrupt(header.height, "the terms of the next epoch are not proved")
        if self._certified:
            try:
                check_descent(record.headers)
                check_finalizes(record.finality, record.headers[-1])
            except Refused as refusal:
                told = f"what makes it final does not: {refusal}"
                raise _corrupt(header.height, told) from refusal
            self._verify(record.finality)
        self._epoch = Epoch.of(record)
        if header.height < self._chain.height:
            self._state.rules = self._epoch.rules

    def _check_certificate(self, stored: StoredHeader) -> None:
        header, certificate = stored.header, stored.certificate
        if header.next_set_hash is not None:
            return  # it stands in the epoch's record
        if certificate is None:
            if header.height == self._chain.height:
                raise _corrupt(header.height, "the newest block has no certificate")
            return
        named = (certificate.kind, certificate.view, certificate.digest)
        if named != (FINALIZE, header.view, header.digest):
            raise _corrupt(header.height, "the certificate is another block's")
        self._verify(certificate)

    def _verify(self, certificate: Certificate) -> None:
        if certificate.epoch != self._epoch.number:
            raise Refused("certificate_invalid", "it is of another epoch")
        verify_certificate(certificate, self._epoch.members, self._genesis.network_id, verify)
        self._certificates += 1

    def _execute(self, stored: StoredHeader) -> None:
        header = stored.header
        if self._commitment.root_after(self._state.tip) != header.state_root:
            raise _corrupt(header.height, "the state root before it is another")
        network_id = self._genesis.network_id
        try:
            transactions = [
                decode_transaction(raw, network_id, self._state.rules)
                for raw in self._chain.raws(header.height)
            ]
        except Refused as refusal:
            raise _corrupt(header.height, f"the body can't be read: {refusal}") from refusal
        ids = [transaction.id for transaction in transactions]
        if (
            len(ids) != header.transactions_count
            or transactions_root(ids) != header.transactions_root
            or stored.first_number != self._state.receipt_count
        ):
            raise _corrupt(header.height, "the body is not the one the header names")
        for number, transaction in enumerate(transactions, stored.first_number):
            if not verified(transaction):
                raise _corrupt(header.height, "a signature does not verify")
            if self._chain.number_of(transaction.id) != number:
                raise _corrupt(header.height, "a transaction is not in the index")
            self._signatures += len(transaction.signers)
        try:
            candidate = execute(self._state, transactions, header.time_ms)
        except BlockRefused as refused:
            raise _corrupt(header.height, f"it does not apply: {refused.refusal}") from refused
        changes = candidate.changes
        self._state.commit(candidate)
        self._source.objects.update(changes)


def _corrupt(height: int, reason: str) -> Refused:
    return Refused("store_corrupt", f"block {height}: {reason}")
