"""What is read of the final chain, with its proofs.

Proofs are made against the newest final header (or one of the last 64 before it): its state root
is the one after the block before.
"""

from collections.abc import Callable, Sequence

from ledger.commitment import ProvedObject
from ledger.fields import ACCOUNT_OPEN
from ledger.lanes import WINDOW
from ledger.network_objects import ProposalRecord
from ledger.objects import ACCOUNT, CURRENCY
from ledger.power_objects import REQUEST, retired_key
from ledger.proofs import InclusionProof
from ledger.state import Candidate
from ledger.transaction import Transaction, decode_transaction
from node.answers import (
    BlocksKept,
    CertifiedHeader,
    HistoryItem,
    HistoryPage,
    LaneStatus,
    ObjectWithProof,
    TransactionStatus,
)
from node.chain import Chain
from node.concerns import concerns, touched_accounts
from node.epoch_book import EpochBook
from node.executor import Executor
from node.inclusion_paths import InclusionPaths
from node.intake import Intake
from node.mempool import Mempool
from node.receipt_paths import ReceiptPaths
from primitives.errors import InvariantBroken, Refused

LANE_ENTRIES_MAX = 50_000
"""How far back a history is searched for a lane's number."""

_NUMBER_MAX = (1 << 53) - 1


class Reads:
    """All reading on behalf of the API."""

    def __init__(
        self,
        network_id: bytes,
        epochs: EpochBook,
        chain: Chain,
        executor: Executor,
        mempool: Mempool,
        intake: Intake,
        prove_inclusion: Callable[[Sequence[bytes], int], bytes] | None = None,
    ) -> None:
        """`prove_inclusion` is of an engine whose headers commit otherwise to a block's
        transactions: over their bytes, in their order."""
        self._network_id = network_id
        self._epochs = epochs
        self._chain = chain
        self._executor = executor
        self._mempool = mempool
        self._intake = intake
        self._prove_inclusion = prove_inclusion
        self._inclusion_paths = InclusionPaths(chain.ids)
        self._receipt_paths = ReceiptPaths(chain.ids_between, chain.chunk_roots)

    # -- headers and objects ------------------------------------------------------------------

    def certified(self, height: int | None) -> CertifiedHeader | None:
        """A final header (None: the newest) with what makes it final."""
        wanted = self._chain.height if height is None else height
        return self._chain.certified(wanted) if 1 <= wanted <= self._chain.height else None

    def object_with_proof(
        self, kind: str, identity: bytes | str, height: int | None
    ) -> ObjectWithProof | None:
        """An object, or its absence, against the header at a height (None: the newest)."""
        wanted = self._chain.height if height is None else height
        at = self._state_named_by(wanted)
        if at is None:
            return None
        try:
            proved: ProvedObject = self._executor.commitment.prove_object(kind, identity, at)
        except Refused:
            return None
        return ObjectWithProof(proved.raw, proved.proof, wanted)

    def account(self, account_id: bytes, height: int | None) -> ObjectWithProof | None:
        """An account."""
        return self.object_with_proof(ACCOUNT, account_id, height)

    def request(self, account_id: bytes, maker: bytes) -> ObjectWithProof | None:
        """The request that this maker has open for an account."""
        return self.object_with_proof(REQUEST, account_id + maker, None)

    def currency(self, code: str) -> ObjectWithProof | None:
        """A currency's totals."""
        return self.object_with_proof(CURRENCY, code, None)

    def proposals(self) -> list[ProposalRecord]:
        """Those that the ballot lists: open ones first, then those decided last."""
        state = self._executor.state
        ballot = state.ballot()
        ids = [*[line.id for line in ballot.open], *ballot.decided]
        return [one for one in map(state.proposal, dict.fromkeys(ids)) if one is not None]

    def _state_named_by(self, height: int) -> Candidate | None:
        """The state whose root the final header at this height carries, if it is held."""
        recent = self._executor.state.recent
        place = len(recent) - 2 - (self._chain.height - height)
        if not 1 <= height <= self._chain.height or place < 0:
            return None
        return recent[place]

    # -- transactions -------------------------------------------------------------------------

    def status(self, transaction_id: bytes) -> TransactionStatus:
        """Where a transaction stands; with proofs when final."""
        number = self._chain.number_of(transaction_id)
        if number is None:
            if transaction_id in self._mempool or self._intake.is_coming(transaction_id):
                return TransactionStatus(transaction_id, "pending")
            refusal = self._mempool.refusal(transaction_id)
            if refusal is not None:
                return TransactionStatus(transaction_id, "refused", refusal.code)
            return TransactionStatus(transaction_id, "unknown")
        place = self._chain.place_of(number)
        receipt = self.receipt(number)
        return TransactionStatus(
            transaction_id,
            "final",
            None,
            None if place is None else place[0],
            number,
            None if place is None else self._inclusion(*place),
            None if receipt is None else receipt[0],
            None if receipt is None else receipt[1],
        )

    def inclusion(self, transaction_id: bytes) -> bytes | None:
        """That it stands in its block."""
        number = self._chain.number_of(transaction_id)
        place = None if number is None else self._chain.place_of(number)
        return None if place is None else self._inclusion(*place)

    def _inclusion(self, height: int, index: int) -> bytes:
        if self._prove_inclusion is not None:
            return self._prove_inclusion(self._chain.raws(height), index)
        count, path = self._inclusion_paths.path(height, index)
        return InclusionProof(index, count, path).encode()

    def receipt(self, number: int) -> tuple[bytes, int] | None:
        """That it stands in the receipt log under the newest header; None if that is too early."""
        height = self._chain.height
        at = self._state_named_by(height)
        if at is None or not 0 <= number < at.receipt_count:
            return None
        commitment = self._executor.commitment
        try:
            return commitment.prove_receipt(number, at), height
        except Refused:
            path = self._receipt_paths.path(number)
            return commitment.prove_receipt(number, at, chunk_path=path), height

    def raw(self, transaction_id: bytes) -> bytes | None:
        """The signed bytes of a pending transaction, or of a final one whose block is kept."""
        pending = self._mempool.get(transaction_id)
        if pending is not None:
            return pending.raw
        number = self._chain.number_of(transaction_id)
        place = None if number is None else self._chain.place_of(number)
        return None if place is None else self._chain.raws(place[0])[place[1]]

    def accounts_of(self, transaction_id: bytes) -> frozenset[bytes]:
        """Whom a pending or final transaction concerns; of a refused one, who sent it."""
        transaction = self._mempool.get(transaction_id)
        if transaction is None:
            raw = self.raw(transaction_id)
            if raw is None:
                sender = self._mempool.refused_account(transaction_id)
                return frozenset() if sender is None else frozenset({sender})
            place = self._chain.place_of(self._chain.number_of(transaction_id) or 0)
            if place is None:
                return frozenset()
            transaction = self._decode(raw, place[0])
        return frozenset(touched_accounts(transaction, self._executor.state.tip))

    def is_signed_by_gone(self, raw: bytes) -> bool:
        """Whether one who signed was on the account that acts, or on its territory's, and has left
        for ever. Raises `Refused` for what is no transaction."""
        rules, state = self._epochs.current.rules, self._executor.state
        transaction = decode_transaction(raw, self._network_id, rules)
        home = state.account(transaction.account)
        hall = None if home is None else state.territory(home.prefix)
        hall_account = None if hall is None else state.account(hall.account_id)
        accounts = [each for each in (home, hall_account) if each is not None]
        return any(
            all(each.device(key) is None for each in accounts)
            and any(state.record(retired_key(each.id, key).tree_key) for each in accounts)
            for key, _ in transaction.signers
        )

    def _decode(self, raw: bytes, height: int) -> Transaction:
        return decode_transaction(raw, self._network_id, self._epochs.rules_at(height))

    # -- accounts -----------------------------------------------------------------------------

    def history(self, account_id: bytes, before: int | None, limit: int) -> HistoryPage:
        """Newest first, below a receipt number."""
        start = _NUMBER_MAX if before is None else before
        numbers, is_cut = self._chain.history(account_id, start, limit)
        items = tuple([self._history_item(account_id, number) for number in numbers])
        # A store that began with a snapshot can't tell whose history went on before it; but nothing
        # is older than an account's opening.
        oldest = items[-1] if items else None
        if oldest is not None and oldest.kind == ACCOUNT_OPEN and oldest.counterparty is not None:
            return HistoryPage(items, None)
        if len(numbers) == limit:
            return HistoryPage(items, numbers[-1])
        if is_cut or self._chain.meta.first_number > 0:
            return HistoryPage(items, None, self.blocks_kept())
        return HistoryPage(items, None)

    def blocks_kept(self) -> BlocksKept:
        """Where the blocks of this node begin."""
        first = self._chain.meta.first_height
        stored = self._chain.stored_header(first)
        return BlocksKept(first, 0 if stored is None else stored.header.time_ms)

    def _history_item(self, account_id: bytes, number: int) -> HistoryItem:
        place = self._chain.place_of(number)
        if place is None:
            raise InvariantBroken(f"the block of receipt {number} is listed and not kept")
        height, index = place
        stored = self._chain.stored_header(height)
        raw = self._chain.raws(height)[index]
        transaction = self._decode(raw, height)
        sides = concerns(transaction, self._executor.state.tip)
        side = next((each for each in sides if each.account == account_id), None)
        return HistoryItem(
            number,
            transaction.id,
            height,
            transaction.kind,
            0 if stored is None else stored.header.time_ms,
            0 if side is None else side.amount_minor,
            None if side is None else side.counterparty,
            raw,
        )

    def lane(self, account_id: bytes, device: bytes, number: int) -> LaneStatus:
        """What a number of a device's lane was used for."""
        newest = self._chain.newest
        height = self._chain.height
        time_ms = 0 if newest is None else newest.header.time_ms
        account = self._executor.state.account(account_id)
        key = None if account is None else account.device(device)
        if key is not None and number <= key.high:
            receipt = self._chain.on_lane(account_id, device, number, LANE_ENTRIES_MAX)
            if receipt is not None:
                place = self._chain.place_of(receipt)
                (found,) = self._chain.ids_between(receipt, receipt + 1)
                held = None if place is None else place[0]
                return LaneStatus("final", height, time_ms, found, held)
            below = key.high - number
            if below == 0 or (below <= WINDOW and key.bitmap >> (below - 1) & 1):
                return LaneStatus("final", height, time_ms)
            if below > WINDOW and self._chain.meta.first_number > 0:
                return LaneStatus("unknown", height, time_ms)
        pending = self._mempool.on_lane(account_id, device, number)
        if pending is not None:
            return LaneStatus("pending", height, time_ms, pending)
        return LaneStatus("free", height, time_ms)
