"""The committed chain on disk: one synced batch a commit, and all that is read from it.

Writing is in two steps, so that the disk can be waited for in another thread: `batch` makes the
changes and touches nothing, `applied` takes note that they are on disk. Between the two, reads
answer as before. What is stored where: `node.chain_records`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from consensus.header import Header
from node.account_index import newest_of, on_lane
from node.answers import CertifiedHeader
from node.block_body import read_body
from node.block_records import FinalizedBlock, IndexedTransaction, put_block, put_index
from node.cards_kept import card_entries, card_proposal
from node.chain_records import (
    BASE,
    BODY,
    BODY_BYTES_MAX,
    CHUNK,
    EPOCH,
    FIRST_NUMBER,
    FORMAT,
    HEADER,
    META_KEY,
    OBJECT,
    RESTORED,
    SLOT_BYTES,
    TRANSACTION,
    Base,
    Meta,
    PrunedBlocks,
    Restored,
    StoredHeader,
    damage_told,
    number_key,
)
from node.epochs import EpochRecord
from node.receipt_ids import ids_between
from node.snapshots.shelf import Due
from node.store import Change, Store, after_prefix
from primitives.errors import InvariantBroken, Refused

_IDS_CACHED_BLOCKS = 64
_RAWS_CACHED_BLOCKS = 4


class Chain:
    """See the module's docstring. Raises Refused for a store that can't be read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        raw = store.get(META_KEY)
        if raw is None:
            raise Refused("store_corrupt", "the store is empty: it was not made by `node init`")
        self.newest: StoredHeader | None = None
        with damage_told():
            self.meta = Meta.decode(raw)
            if self.meta.format != FORMAT:
                raise Refused("data_of_older_version", f"store format {self.meta.format}")
            base = store.get(BASE)
            self.base = None if base is None else Base.decode(base)
            if self.meta.height > self.base_height:
                self.newest = self.stored_header(self.meta.height)
                if self.newest is None:
                    raise Refused("store_corrupt", "the newest final header is missing")
        self._unstored: Mapping[bytes, bytes] = {}
        """Objects of the newest block, which go to disk with the next one."""
        self._unstored_created: frozenset[bytes] = frozenset()
        self._raws = lru_cache(_RAWS_CACHED_BLOCKS)(self._read_raws)
        self._ids = lru_cache(_IDS_CACHED_BLOCKS)(self._read_ids)

    # -- beginnings ---------------------------------------------------------------------------

    def begin(self, network_id: bytes, objects: Sequence[tuple[bytes, bytes]]) -> None:
        """At the first start, store the genesis's objects (key order); later, check the network.

        Refuses `data_of_other_network`.
        """
        if self.meta.network_id == network_id:
            return
        if self.meta.network_id is not None:
            raise Refused("data_of_other_network", self.meta.network_id.hex())
        meta = replace(self.meta, network_id=network_id, slots=len(objects) + 1)
        changes: list[Change] = [
            (OBJECT + key, slot.to_bytes(SLOT_BYTES, "big") + content)
            for slot, (key, content) in enumerate(objects, 1)
        ]
        self._store.write([*changes, (META_KEY, meta.encode())], sync=True)
        self.meta = meta

    def index_again(self, height: int, transactions: Sequence[IndexedTransaction]) -> None:
        """Put the indexes of a block's transactions."""
        stored = self.stored_header(height)
        if stored is None:
            raise InvariantBroken(f"the header at height {height} is missing")
        changes: list[Change] = []
        put_index(transactions, stored.first_number, changes)
        self._store.write(changes, sync=True)

    def stored_with_slots(self) -> Iterator[tuple[bytes, bytes]]:
        """Every stored object as it is stored, by key: the state after `height` − 1."""
        return self._store.iterate(OBJECT, after_prefix(OBJECT))

    def stored_objects(self) -> Iterator[tuple[bytes, bytes]]:
        """(key, object) of the same state."""
        for key, value in self.stored_with_slots():
            yield key[1:], value[SLOT_BYTES:]

    def newest_objects(self) -> Iterator[tuple[bytes, bytes]]:
        """(key, object) of the state after the newest block; new ones last, in slot order."""
        newer = dict(self._unstored)
        for key, raw in self.stored_objects():
            yield key, newer.pop(key, raw)
        yield from newer.items()

    def restore_newest(self, changes: Mapping[bytes, bytes], created: frozenset[bytes]) -> None:
        """After a start: the newest block's objects, found again by executing it."""
        self._unstored, self._unstored_created = changes, created

    def renew_journal(self, journal_id: bytes, restored: Restored) -> None:
        """A new journal takes the place of the lost one. Nothing is being committed."""
        meta = replace(self.meta, journal_id=journal_id, journal_sequence=0)
        changes: list[Change] = [(RESTORED, restored.encode()), (META_KEY, meta.encode())]
        self._store.write(changes, sync=True)
        self.meta = meta

    def keep_restored(self, restored: Restored) -> None:
        """Note anew until when this node only observes."""
        self._store.write([(RESTORED, restored.encode())], sync=True)

    @property
    def restored(self) -> Restored | None:
        """Until when this node only observes; None if it never lost its journal."""
        raw = self._store.get(RESTORED)
        return None if raw is None else Restored.decode(raw)

    # -- committing ---------------------------------------------------------------------------

    def batch(
        self,
        blocks: Sequence[FinalizedBlock],
        slot_of: Callable[[bytes], int | None],
        chunk_roots: Iterable[tuple[int, bytes]],
        journal_sequence: int,
    ) -> tuple[list[Change], Meta]:
        """Everything that one commit puts on disk; the last block has its certificate.

        `slot_of` is asked for objects that were there before; `chunk_roots` are chunks of the
        receipt log that were completed before the last block.
        """
        changes: list[Change] = []
        slots = self._put_objects(blocks, slot_of, changes)
        written = [value[SLOT_BYTES:] for _, value in changes if value is not None]
        changes.extend(card_entries(written, self._store.get))
        receipts = self.meta.receipts
        for block in blocks:
            put_block(block, receipts, changes)
            receipts += len(block.transactions)
        changes.extend((number_key(CHUNK, index), root) for index, root in chunk_roots)
        meta = replace(
            self.meta,
            height=blocks[-1].header.height,
            slots=slots,
            receipts=receipts,
            # A cut journal must stay known as cut, so this never goes back.
            journal_sequence=max(journal_sequence, self.meta.journal_sequence),
        )
        changes.append((META_KEY, meta.encode()))
        return changes, meta

    def _put_objects(
        self,
        blocks: Sequence[FinalizedBlock],
        slot_of: Callable[[bytes], int | None],
        changes: list[Change],
    ) -> int:
        """The objects of every block but the last, and the number of slots after them."""
        slots = self.meta.slots
        new_slots: dict[bytes, int] = {}
        objects: dict[bytes, bytes] = {}
        layers = [(self._unstored, self._unstored_created)]
        layers += [(block.changes, block.created) for block in blocks[:-1]]
        for layer, created in layers:
            for key, content in layer.items():
                if key in created:
                    new_slots[key] = slots
                    slots += 1
                objects[key] = content
        for key, content in objects.items():
            slot = new_slots.get(key)
            if slot is None:
                slot = slot_of(key)
            if slot is None:
                raise InvariantBroken("a committed object has no slot in the tree")
            changes.append((OBJECT + key, slot.to_bytes(SLOT_BYTES, "big") + content))
        return slots

    def pin_before(
        self, blocks: Sequence[FinalizedBlock], slot_of: Callable[[bytes], int | None]
    ) -> Due:
        """The state before the last of these blocks, which are not on disk yet."""
        newer: list[Change] = []
        slots = self._put_objects(blocks, slot_of, newer)
        receipts = self.meta.receipts + sum(len(block.transactions) for block in blocks[:-1])
        pinned = self._store.pin(OBJECT, after_prefix(OBJECT))
        known = {key: value for key, value in newer if value is not None}
        return Due(blocks[-1].header, slots, pinned, known, receipts)

    def write(self, changes: list[Change]) -> None:
        """The one synced write; called in the store's thread."""
        self._store.write(changes, sync=True)

    def applied(self, blocks: Sequence[FinalizedBlock], meta: Meta) -> None:
        """The batch made from these is on disk."""
        last = blocks[-1]
        first_number = meta.receipts - len(last.transactions)
        self.meta = meta
        self.newest = StoredHeader(last.header, first_number, last.certificate)
        self._unstored, self._unstored_created = last.changes, last.created

    def forget(self, old: PrunedBlocks) -> list[Change]:
        """What takes them off the disk. Here they are gone at once: reads must not meet what
        another thread is removing."""
        first, number = old.first_height, old.first_number
        self.meta = replace(self.meta, first_height=first, first_number=number)
        return [*old.changes, (META_KEY, self.meta.encode())]

    @property
    def base_height(self) -> int:
        """Of the block below the first one here whose state is not the genesis's, if there is such
        a block; else 0."""
        return 0 if self.base is None else self.base.height

    @property
    def receipts_proved(self) -> int:
        """How many receipts the newest header's state root holds."""
        if self.newest is not None:
            return self.newest.first_number
        return 0 if self.base is None else self.base.receipts

    # -- objects (`ledger.sources.ObjectSource`) ------------------------------------------------

    def object(self, key: bytes) -> bytes | None:
        """The object as of the newest block."""
        content = self._unstored.get(key)
        if content is not None:
            return content
        value = self._store.get(OBJECT + key)
        return None if value is None else value[SLOT_BYTES:]

    def objects_of(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The same of several, in their order."""
        unstored = self._unstored
        stored = [key for key in keys if key not in unstored]
        values = self._store.get_many([OBJECT + key for key in stored])
        found = {
            key: value[SLOT_BYTES:]
            for key, value in zip(stored, values, strict=True)
            if value is not None
        }
        return [unstored.get(key) or found.get(key) for key in keys]

    def card_proposal(self, prefix: str) -> bytes | None:
        """Id of the proposal with a later territory's card, as of the newest header's root."""
        return card_proposal(self._store.get, prefix)

    # -- blocks -------------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """Of the newest final block; 0 before the first."""
        return self.meta.height

    def stored_header(self, height: int) -> StoredHeader | None:
        """The final header at a height."""
        raw = self._store.get(number_key(HEADER, height))
        return None if raw is None else StoredHeader.decode(raw)

    def body(self, height: int) -> bytes:
        """The body at a final height."""
        body = self._store.get(number_key(BODY, height))
        if body is None:
            raise InvariantBroken(f"the body at height {height} is missing")
        return body

    def certified(self, height: int) -> CertifiedHeader | None:
        """The header with the nearest FINALIZE certificate at or above it."""
        first = self.stored_header(height)
        if first is None:
            return None
        between: list[Header] = []
        stored: StoredHeader | None = first
        while stored is not None:
            if stored is not first:
                between.append(stored.header)
            if stored.header.next_set_hash is not None:
                begun = self.epoch_record(stored.header.epoch + 1)
                if begun is None:
                    raise InvariantBroken(f"what ended epoch {stored.header.epoch} is missing")
                between.extend(begun.closing)
                return CertifiedHeader(height, first.header, begun.finality, tuple(between))
            if stored.certificate is not None:
                return CertifiedHeader(height, first.header, stored.certificate, tuple(between))
            stored = self.stored_header(stored.header.height + 1)
        raise InvariantBroken(f"no certificate at or above the final height {height}")

    def epoch_record(self, epoch: int) -> EpochRecord | None:
        """How an epoch began; None for epoch 0, which follows from the genesis, and for those that
        have not begun."""
        raw = self._store.get(number_key(EPOCH, epoch))
        return None if raw is None else EpochRecord.decode(raw)

    def raws(self, height: int) -> tuple[bytes, ...]:
        """The raw transactions at a height."""
        return self._raws(height)

    def _read_raws(self, height: int) -> tuple[bytes, ...]:
        return read_body(self.body(height), BODY_BYTES_MAX)

    def ids(self, height: int) -> tuple[bytes, ...]:
        """The ids of the transactions at a height."""
        return self._ids(height)

    def _read_ids(self, height: int) -> tuple[bytes, ...]:
        stored = self.stored_header(height)
        if stored is None:
            raise InvariantBroken(f"the header at height {height} is missing")
        first = stored.first_number
        return tuple(self.ids_between(first, first + stored.header.transactions_count))

    # -- transactions -------------------------------------------------------------------------

    def number_of(self, transaction_id: bytes) -> int | None:
        """The receipt number of a final transaction. One that is on disk and not applied yet is not
        told of: its header could not be read either."""
        raw = self._store.get(TRANSACTION + transaction_id)
        number = self.meta.receipts if raw is None else int.from_bytes(raw, "big")
        return number if number < self.meta.receipts else None

    def place_of(self, number: int) -> tuple[int, int] | None:
        """(height, index) of the transaction with this receipt number; None where its block is
        kept no more."""
        if number < self.meta.first_number:
            return None
        entries = self._store.iterate(
            FIRST_NUMBER, number_key(FIRST_NUMBER, number + 1), reverse=True
        )
        for key, value in entries:
            return int.from_bytes(value, "big"), number - int.from_bytes(key[1:], "big")
        raise InvariantBroken(f"no block holds receipt {number}")

    def history(self, account_id: bytes, before: int, limit: int) -> tuple[list[int], bool]:
        """Receipt numbers below `before` that concern an account, newest first, and whether older
        ones are known to be kept no more."""
        first, before = self.meta.first_number, min(before, self.meta.receipts)
        return newest_of(self._store, account_id, first, before, limit)

    def on_lane(
        self, account_id: bytes, device: bytes, number: int, entries_max: int
    ) -> int | None:
        """The receipt number of the account's transaction with this lane number, if that is among
        the newest `entries_max` of its history."""
        lane, first = (device, number), self.meta.first_number
        found = on_lane(self._store, account_id, first, lane, entries_max)
        return found if found is None or found < self.meta.receipts else None

    # -- receipt log --------------------------------------------------------------------------

    def chunk_roots(self) -> list[bytes]:
        """Roots of all full chunks, in order."""
        return [root for _, root in self._store.iterate(CHUNK, after_prefix(CHUNK))]

    def ids_between(self, first_number: int, end_number: int) -> Iterator[bytes]:
        """Ids of receipts first_number ≤ number < end_number."""
        return ids_between(self._store, first_number, end_number)

    def compact(self) -> None:
        """See `Store.compact`."""
        self._store.compact()
