"""Proposals on the wire: a header, the leader's vote and the ids of its transactions.

Receivers hold most transactions already, or are just verifying them; what else is missing they
ask of the sender. The consensus core only ever sees whole blocks.

    proposal = length(4) ‖ enc(["compact", 1, header, vote]) ‖ id(32) × transactions count
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from consensus.header import Header
from consensus.messages import Proposal
from consensus.votes import NOTARIZE, Vote
from ledger.transaction import Transaction
from node.block_body import transactions_root
from node.peers.groups import pack_group, read_group
from primitives.encoding import decode, encode
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES, hash_bytes

PROPOSALS_WAITING_MAX = 8
_HEAD_BYTES_MAX = 4096
_INDEX_BYTES = 4


@dataclass(slots=True)
class PartialProposal:
    """A proposal whose transactions are being gathered."""

    peer_key: bytes
    header: Header
    vote: Vote
    ids: tuple[bytes, ...]
    found: dict[bytes, Transaction]
    missing: set[bytes]
    asked: bool = False
    taken: set[bytes] = field(default_factory=set)
    """Ids of what the peer sent for it: an id is over all bytes, so one look at each is enough."""
    bytes_found: int = 0

    def add(self, transaction: Transaction) -> None:
        """One of the missing is here."""
        self.missing.discard(transaction.id)
        self.found[transaction.id] = transaction
        self.bytes_found += len(transaction.raw)


OnComplete = Callable[[PartialProposal], None]


class Proposals:
    """Packs own proposals and gathers others'.

    `find` gives a transaction that was verified, `is_coming` says that one is being verified,
    `ask` sends a request for transactions (`WANT_TRANSACTIONS`) to a peer. What comes to more than
    `bytes_max` is let go of: no block is so large, and a leader could fill the memory with it.
    """

    def __init__(
        self,
        find: Callable[[bytes], Transaction | None],
        is_coming: Callable[[bytes], bool],
        ask: Callable[[bytes, bytes], None],
        on_complete: OnComplete,
        bytes_max: Callable[[], int],
    ) -> None:
        self._find = find
        self._is_coming = is_coming
        self._ask = ask
        self._on_complete = on_complete
        self._bytes_max = bytes_max
        self._partial: dict[bytes, PartialProposal] = {}
        self._gathered: dict[int, bytes] = {}
        """By view, the digest of the one proposal of its leader that was taken."""
        self.asked_for = 0

    @staticmethod
    def pack(proposal: Proposal, ids: Sequence[bytes]) -> bytes:
        """The frame's content; `ids` are the block's transactions in order."""
        head = encode(("compact", 1, proposal.block.header.encode(), proposal.vote.value()))
        return len(head).to_bytes(4, "big") + head + b"".join(ids)

    def receive(
        self, peer_key: bytes, content: bytes, is_wanted: Callable[[Header, Vote], bool]
    ) -> Vote | None:
        """A proposal came; gather it if it is wanted. Gives the vote of one that is left alone
        since its leader signed another of the same view: many would drive out everybody's.

        Refuses `peer_malformed` and what the core's codec refuses.
        """
        partial = _read(peer_key, content)
        digest, view = partial.header.digest, partial.header.view
        if not is_wanted(partial.header, partial.vote):
            return None
        if self._gathered.get(view, digest) != digest:
            return partial.vote
        standing = self._partial.get(digest)
        if standing is not None:  # sent again: what was asked for may have been lost
            standing.asked = False
            self._ask_missing(standing)
            return None
        if transactions_root(partial.ids) != partial.header.transactions_root:
            raise Refused("peer_malformed", "these are not the transactions that the header names")
        self._gathered[view] = digest
        self._make_room(partial.vote.signer)
        self._partial[digest] = partial
        # In a later turn: transactions that came just before it were not looked at yet.
        asyncio.get_running_loop().call_soon(self._begin, partial)
        return None

    def _make_room(self, leader: bytes) -> None:
        """Where too many wait, the same leader's oldest goes first."""
        while len(self._partial) >= PROPOSALS_WAITING_MAX:
            own = [digest for digest, each in self._partial.items() if each.vote.signer == leader]
            del self._partial[next(iter(own or self._partial))]

    def _begin(self, partial: PartialProposal) -> None:
        self._gather(partial)
        if not partial.missing:
            self._complete(partial)
        else:
            self._ask_missing(partial)

    def arrived(self, ids: Iterable[bytes]) -> None:
        """These were verified, or turned out not to be sound: look again at what waits."""
        if not self._partial:
            return
        arrived = set(ids)
        for partial in list(self._partial.values()):
            if partial.missing & arrived:
                self._gather(partial)
                if not partial.missing:
                    self._complete(partial)
                else:
                    self._ask_missing(partial)

    def wanted(self, digest: bytes, raws: Sequence[bytes]) -> list[bytes]:
        """Of what a peer sent for this proposal, the transactions that it lacks, each once."""
        partial = self._partial.get(digest)
        if partial is None:
            return []
        fresh: list[bytes] = []
        for raw in raws:
            transaction_id = hash_bytes("tx", raw)
            if transaction_id in partial.missing and transaction_id not in partial.taken:
                partial.taken.add(transaction_id)
                fresh.append(raw)
        return fresh

    def supply(self, digest: bytes, transactions: Iterable[Transaction]) -> None:
        """Verified transactions for one proposal, whether or not the mempool has room for them."""
        partial = self._partial.get(digest)
        if partial is None:
            return
        for transaction in transactions:
            if transaction.id in partial.missing:
                partial.add(transaction)
        if partial.bytes_found > self._bytes_max():
            del self._partial[digest]
        elif not partial.missing:
            self._complete(partial)

    def clear(self) -> None:
        """Another epoch has begun: views count anew."""
        self._partial.clear()
        self._gathered.clear()

    def forget(self, floor_view: int) -> None:
        """The chain passed this view."""
        dead = [d for d, partial in self._partial.items() if partial.header.view <= floor_view]
        for digest in dead:
            del self._partial[digest]
        for view in [view for view in self._gathered if view <= floor_view]:
            del self._gathered[view]

    def _gather(self, partial: PartialProposal) -> None:
        find = self._find
        for transaction_id in list(partial.missing):
            transaction = find(transaction_id)
            if transaction is not None:
                partial.add(transaction)

    def _ask_missing(self, partial: PartialProposal) -> None:
        """Ask once for all that is not on its way already."""
        if partial.asked or any(self._is_coming(each) for each in partial.missing):
            return
        partial.asked = True
        indices = [
            index.to_bytes(_INDEX_BYTES, "big")
            for index, each in enumerate(partial.ids)
            if each in partial.missing
        ]
        self.asked_for += len(indices)
        self._ask(partial.peer_key, partial.header.digest + b"".join(indices))

    def _complete(self, partial: PartialProposal) -> None:
        if self._partial.pop(partial.header.digest, None) is partial:
            self._on_complete(partial)


def read_want(content: bytes) -> tuple[bytes, list[int]]:
    """(digest, indices) of a request for transactions. Refuses `peer_malformed`."""
    indices = content[HASH_BYTES:]
    if len(content) < HASH_BYTES or len(indices) % _INDEX_BYTES:
        raise Refused("peer_malformed", "a request for transactions that is cut")
    return content[:HASH_BYTES], [
        int.from_bytes(indices[at : at + _INDEX_BYTES], "big")
        for at in range(0, len(indices), _INDEX_BYTES)
    ]


def pack_these(digest: bytes, raws: Sequence[bytes]) -> bytes:
    """The answer to a request for transactions."""
    return digest + pack_group(raws)


def read_these(content: bytes) -> tuple[bytes, list[bytes]]:
    """(digest, raw transactions). Refuses `peer_malformed`."""
    if len(content) < HASH_BYTES:
        raise Refused("peer_malformed", "an answer that is cut")
    return content[:HASH_BYTES], read_group(content, HASH_BYTES)


def _read(peer_key: bytes, content: bytes) -> PartialProposal:
    head_bytes = int.from_bytes(content[:4], "big")
    if head_bytes > _HEAD_BYTES_MAX or len(content) < 4 + head_bytes:
        raise Refused("peer_malformed", "a proposal that is cut")
    match decode(content[4 : 4 + head_bytes], bytes_max=_HEAD_BYTES_MAX):
        case ("compact", version, bytes(header_raw), vote_value) if (
            type(version) is int and version == 1  # true equals 1
        ):
            header, vote = Header.decode(header_raw), Vote.from_value(vote_value)
        case _:
            raise Refused("peer_malformed", "not a proposal")
    rest = content[4 + head_bytes :]
    if len(rest) != header.transactions_count * HASH_BYTES:
        raise Refused("peer_malformed", "not as many ids as the header says")
    if vote.kind != NOTARIZE or vote.digest != header.digest:
        raise Refused("peer_malformed", "a proposal's vote is for its block")
    ids = tuple([rest[at : at + HASH_BYTES] for at in range(0, len(rest), HASH_BYTES)])
    return PartialProposal(peer_key, header, vote, ids, {}, set(ids))
