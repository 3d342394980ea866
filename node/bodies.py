"""From a block's bytes to verified transactions, each decoded and verified at most once.

What the mempool holds is verified already; only what it lacks goes to the verifier.
"""

from collections.abc import Callable, Sequence

from consensus.header import Block, Header
from ledger.rules import RuleSet
from ledger.transaction import Transaction, decode_transaction
from node.block_body import pack_body, read_body, transactions_root
from node.block_shelf import BlockShelf, ShelvedBlock
from node.bounds import body_bytes_max, transactions_max
from node.mempool import Mempool
from node.verifier import Verifier
from primitives.errors import Refused
from primitives.hashing import hash_bytes

OnShelved = Callable[[ShelvedBlock | None, str], None]
"""Called with the block, or None and what is wrong with it."""


def is_body(header: Header, body: bytes, bytes_max: int) -> bool:
    """Whether these bytes of anyone are the body that a header commits to. Never raises."""
    try:
        raws = read_body(body, bytes_max)
    except Refused:
        return False
    if len(raws) != header.transactions_count:
        return False
    return transactions_root([hash_bytes("tx", raw) for raw in raws]) == header.transactions_root


class Bodies:
    """See the module's docstring."""

    def __init__(
        self,
        network_id: bytes,
        rules: RuleSet,
        shelf: BlockShelf,
        mempool: Mempool,
        verifier: Verifier,
    ) -> None:
        self._network_id = network_id
        self._shelf = shelf
        self._mempool = mempool
        self._verifier = verifier
        self.set_rules(rules)

    def set_rules(self, rules: RuleSet) -> None:
        """From now on these are in force."""
        self._rules = rules
        self.count_max = transactions_max(rules)
        self.body_bytes_max = body_bytes_max(rules)

    def matches(self, header: Header, body: bytes) -> bool:
        """Whether this is the body that the header commits to. Never raises."""
        shelved = self._shelf.get(header.digest)
        if shelved is not None and (shelved.body is body or shelved.body == body):
            return True
        return is_body(header, body, self.body_bytes_max)

    def shelve_verified(self, header: Header, transactions: Sequence[Transaction]) -> ShelvedBlock:
        """Put together a block of verified transactions that its header commits to."""
        return self._shelf.put(ShelvedBlock(header, pack_body(transactions), transactions))

    def shelve(self, block: Block, on_shelved: OnShelved) -> None:
        """Decode and verify what is not known yet; `on_shelved` is called now or later."""
        shelved = self._shelf.get(block.digest)
        if shelved is not None:
            on_shelved(shelved, "")
            return
        try:
            transactions, unknown = self._decode(block)
        except Refused as refusal:
            on_shelved(None, str(refusal))
            return
        whole = ShelvedBlock(block.header, block.body, transactions)
        if not unknown:
            on_shelved(self._shelf.put(whole), "")
            return

        def verified(_: Sequence[Transaction], sound: list[bool]) -> None:
            if all(sound):
                on_shelved(self._shelf.put(whole), "")
            else:
                on_shelved(None, "signature_invalid")

        self._verifier.check(unknown, verified)

    def shelve_final(self, block: Block) -> ShelvedBlock:
        """For a block that is final: its members have verified it. Raises Refused."""
        transactions, _ = self._decode(block)
        return self._shelf.put(ShelvedBlock(block.header, block.body, transactions))

    def decode_group(self, raws: Sequence[bytes]) -> list[Transaction]:
        """Decode what a member sent; what is no transaction is left out."""
        decoded: list[Transaction] = []
        for raw in raws:
            try:
                decoded.append(decode_transaction(raw, self._network_id, self._rules))
            except Refused:
                continue
        return decoded

    def _decode(self, block: Block) -> tuple[list[Transaction], list[Transaction]]:
        """(all transactions, those among them that nobody verified here)."""
        transactions: list[Transaction] = []
        unknown: list[Transaction] = []
        work_left = self._rules.parameters.block_work_max
        for raw in read_body(block.body, self.body_bytes_max):
            transaction = self._mempool.get(hash_bytes("tx", raw))
            if transaction is None:
                transaction = decode_transaction(raw, self._network_id, self._rules)
                unknown.append(transaction)
            transactions.append(transaction)
            work_left -= transaction.work
            if work_left < 0:  # before the rest costs anything
                raise Refused("block_too_large", "work")
        return transactions, unknown
