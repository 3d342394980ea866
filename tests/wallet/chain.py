"""The real ledger under real certificates, in one process, for the wallet's tests.

Proofs are built from docs/protocol.md by hand, as an outsider would, and not with the code that
checks them.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consensus.certificates import Certificate
from consensus.epoch_starts import EPOCHS_AT_ONCE, EpochStart
from consensus.header import Header, genesis_digest
from consensus.members import Member, MemberSet
from consensus.votes import FINALIZE, vote_message
from ledger.envelope import Transaction
from ledger.execution import BlockRefused, execute
from ledger.fields import Issue, Opening, Payment, Redemption, Refunding
from ledger.genesis import Genesis, initial_objects
from ledger.rules import RuleSet
from ledger.state import State
from primitives import merkle
from primitives.encoding import encode
from primitives.hashing import hash_bytes
from primitives.indexed_tree import IndexedTree
from primitives.receipt_log import ReceiptLog
from primitives.signatures import SigningKey
from primitives.state_root import state_root
from primitives.tree_proofs import Presence, value_hash_of

INCLUDED_TAG = "included_node"
Json = dict[str, object]


@dataclass
class Block:
    """A final block as the stand-in keeps it."""

    header: Header
    certificate: Certificate
    transactions: list[Transaction]
    first_number: int
    closing: tuple[Header, ...] = ()


class Chain:
    """The real ledger under a certificate for every block, signed by `signers` of the members."""

    def __init__(self, genesis: Genesis, voting_keys: Sequence[SigningKey]) -> None:
        self.genesis = genesis
        self.network_id = genesis.network_id
        self.members = MemberSet.of(
            Member(one.voting_key, one.recovery_key, one.prefix) for one in genesis.territories
        )
        by_key = {key.public_key: key for key in voting_keys}
        self.voting_keys = [by_key[member.voting_key] for member in self.members.members]
        self.signers = self.members.quorum
        self.objects: dict[bytes, bytes] = {}
        self.tree = IndexedTree(versions_kept=100_000)
        entries = []
        for slot, (key, item) in enumerate(initial_objects(genesis), start=1):
            raw = item.encode()
            self.objects[key] = raw
            entries.append((slot, key, value_hash_of(raw)))
        self.tree.load(entries, len(entries) + 1)
        self.versions = [self.objects]
        self.log = ReceiptLog()
        self.state = State(self, self, genesis.rules, 0)
        self.blocks: list[Block] = []
        self.starts: list[EpochStart] = []
        self.rule_version = genesis.rule_version
        """What headers say; the ledger here is always the newest that the program knows."""
        self.joined: dict[str, bytes] = {}
        """By short name, the proposal by which a later territory joined."""
        self._epoch_height = 0
        self.places: dict[bytes, tuple[int, int]] = {}
        self.clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000

    # -- ports of ledger.state -----------------------------------------------------------------

    def object(self, key: bytes) -> bytes | None:
        """See `ObjectSource`."""
        return self.objects.get(key)

    def objects_of(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `ObjectSource`."""
        return [self.objects.get(key) for key in keys]

    def receipt_leaf(self, number: int) -> bytes | None:
        """See `ReceiptSource`."""
        return self.log.leaf(number)

    def chunk_root(self, index: int) -> bytes | None:
        """See `ReceiptSource`."""
        roots = self.log.chunk_roots()
        return roots[index] if index < len(roots) else None

    # -- blocks --------------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """The newest final height."""
        return len(self.blocks)

    def end_epoch(
        self, members: MemberSet, keys: Sequence[SigningKey], *, closings: int = 0
    ) -> EpochStart:
        """Seal a boundary, certified by itself or by so many closing headers above it; after it
        `members`, whose keys these are, vote."""
        block = self.seal(next_set_hash=members.hash())
        closing: list[Header] = []
        above = block.header
        for _ in range(closings):
            above = dataclasses.replace(
                above,
                view=above.view + 1,
                parent_view=above.view,
                parent_digest=above.digest,
                time_ms=above.time_ms + 1,
                next_set_hash=None,
                closing=True,
                state_root=state_root(self.tree.count(), self.tree.root(), self.log.root()),
            )
            closing.append(above)
        block.closing = tuple(closing)
        block.certificate = self.certify(above)
        changed = members if members != self.members else None
        start = EpochStart(self.epoch + 1, block.header, tuple(closing), block.certificate, changed)
        self.starts.append(start)
        self.members, self._epoch_height = members, self.height
        by_key = {key.public_key: key for key in keys}
        self.voting_keys = [by_key[member.voting_key] for member in members.members]
        self.signers = members.quorum
        return start

    def put_in_force(self) -> None:
        """What was voted rules from the next block on, as it does once an epoch begins."""
        terms = self.state.network().terms
        self.state.rules = RuleSet(terms.rule_version, terms.parameters)

    @property
    def epoch(self) -> int:
        """The epoch that the next block is of."""
        return len(self.starts)

    def seal(
        self, transactions: Sequence[Transaction] = (), next_set_hash: bytes | None = None
    ) -> Block:
        """Make one more final block. Raises `Refused` with the first refusal."""
        time_ms = max(self.clock_ms(), self.blocks[-1].header.time_ms + 1 if self.blocks else 0)
        try:
            candidate = execute(self.state, transactions, time_ms)
        except BlockRefused as refused:
            raise refused.refusal from None
        header = self.next_header(transactions, time_ms)
        if next_set_hash is not None:
            header = dataclasses.replace(header, next_set_hash=next_set_hash)
        block = Block(header, self.certify(header), list(transactions), self.log.count)
        changes = candidate.changes
        self.objects = {**self.objects, **changes}
        self.versions.append(self.objects)
        self.tree.apply([(key, value_hash_of(raw)) for key, raw in changes.items()])
        self.log.append(candidate.ids)
        for index, id in enumerate(candidate.ids):
            self.places[id] = (self.height + 1, index)
        self.state.commit(candidate)
        self.blocks.append(block)
        return block

    def next_header(self, transactions: Sequence[Transaction], time_ms: int) -> Header:
        """The header that the next block has."""
        parent = self.blocks[-1].header if self.blocks else None
        ids = [transaction.id for transaction in transactions]
        leaves = [hash_bytes("included", id) for id in ids]
        return Header(
            network_id=self.network_id,
            epoch=self.epoch,
            view=self.height + 1 - self._epoch_height,
            parent_view=self.height - self._epoch_height,
            parent_digest=parent.digest if parent else genesis_digest(self.network_id),
            height=self.height + 1,
            time_ms=time_ms,
            rule_version=self.rule_version,
            transactions_root=merkle.root(leaves, INCLUDED_TAG) if leaves else bytes(32),
            transactions_count=len(leaves),
            state_root=state_root(self.tree.count(), self.tree.root(), self.log.root()),
        )

    def certify(self, header: Header, *, kind: int = FINALIZE) -> Certificate:
        """A certificate of the first `signers` members."""
        message = vote_message(self.network_id, header.epoch, header.view, kind, header.digest)
        signatures = {
            index: key.sign(message) for index, key in enumerate(self.voting_keys[: self.signers])
        }
        return Certificate.from_votes(
            header.epoch, header.view, kind, header.digest, signatures, len(self.voting_keys)
        )

    # -- answers -------------------------------------------------------------------------------

    def bundle(self, height: int) -> Json:
        """`GET /v1/headers/{height}`."""
        block = self.blocks[height - 1]
        return {
            "height": height,
            "header": block.header.encode().hex(),
            "certificate": block.certificate.encode().hex(),
            "headers": [header.encode().hex() for header in block.closing],
        }

    def network_answer(self) -> Json:
        """`GET /v1/network`, as far as wallets read it."""
        return {"network_id": self.network_id.hex(), "epoch": self.epoch}

    def epoch_answer(self, epoch: int) -> Json:
        """`GET /v1/epochs/{n}`, as far as wallets read it."""
        start = self.starts[epoch - 1]
        return {
            "epoch": epoch,
            "boundary": start.boundary.encode().hex(),
            "headers": [header.encode().hex() for header in start.closing],
            "certificate": start.certificate.encode().hex(),
        }

    def epochs_answer(self, first: int) -> bytes:
        """`GET /v1/epochs?from=N`."""
        wanted = self.starts[first - 1 : first - 1 + EPOCHS_AT_ONCE]
        return encode(tuple([start.value() for start in wanted]))

    def sets_answer(self, above: int) -> bytes | None:
        """`GET /v1/sets?above=HEIGHT`, where CometBFT orders."""
        return None

    def object_answer(self, key: bytes, height: int | None) -> Json:
        """An object with its proof against the header at `height`."""
        height = height or self.height
        block = self.blocks[height - 1]
        version = height - 1
        proof = self.tree.prove(key, version)
        log_root = self.log.root(block.first_number)
        raw = self.versions[version].get(key)
        if isinstance(proof, Presence):
            value = encode(
                ["state_proof", 1, proof.slot, proof.next_key, proof.count, proof.path, log_root]
            )
        else:
            value = encode(
                ["absence_proof", 1, proof.slot, proof.key, proof.next_key, proof.value_hash,
                 proof.count, proof.path, log_root]
            )  # fmt: skip
        return {"object": raw and raw.hex(), "proof": value.hex(), "header_height": height}

    def transaction_answer(self, id: bytes) -> Json:
        """The final part of `GET /v1/transactions/{id}`."""
        height, index = self.places[id]
        block = self.blocks[height - 1]
        number = block.first_number + index
        leaves = [hash_bytes("included", one.id) for one in block.transactions]
        path = merkle.path(leaves, index, INCLUDED_TAG)
        answer: Json = {
            "id": id.hex(),
            "status": "final",
            "height": height,
            "number": number,
            "inclusion": encode(["inclusion", 1, index, len(leaves), path]).hex(),
            "receipt": None,
            "receipt_height": None,
        }
        if height < self.height:
            count = self.blocks[-1].first_number
            place = self.log.prove(number, count)
            version = self.height - 1
            answer["receipt"] = encode(
                ["receipt_proof", 1, number, place.log_count, place.chunk_path,
                 place.chunks_path, place.other, self.tree.count(version),
                 self.tree.root(version)]
            ).hex()  # fmt: skip
            answer["receipt_height"] = self.height
        return answer

    def accounts_of(self, transaction: Transaction) -> set[bytes]:
        """Who may read a transaction."""
        said = transaction.fields
        found = {transaction.account}
        if isinstance(said, Payment):
            found.add(said.payee)
        elif isinstance(said, Refunding):
            found.add(said.original.payer)
        elif isinstance(said, Issue):
            found |= {line.account for line in said.lines}
        return found

    def history(self, account: bytes) -> list[Json]:
        """An account's transactions, newest first."""
        items = []
        for height, block in enumerate(self.blocks, start=1):
            for index, transaction in enumerate(block.transactions):
                if account in self.accounts_of(transaction):
                    items.append(self._item(account, height, block, index, transaction))
        return items[::-1]

    def _item(
        self, account: bytes, height: int, block: Block, index: int, transaction: Transaction
    ) -> Json:
        said = transaction.fields
        amount_minor = 0
        if isinstance(said, Payment | Refunding | Redemption):
            amount_minor = (
                -said.amount_minor if transaction.account == account else said.amount_minor
            )
        elif isinstance(said, Issue):
            amount_minor = sum(line.amount_minor for line in said.lines if line.account == account)
        elif not isinstance(said, Opening):
            raise TypeError(transaction.kind)
        return {
            "number": block.first_number + index,
            "id": transaction.id.hex(),
            "height": height,
            "kind": transaction.kind,
            "time_ms": block.header.time_ms,
            "amount_minor": amount_minor,
            "counterparty": None,
            "raw": transaction.raw.hex(),
        }
