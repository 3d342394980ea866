"""What comes from the other members, and what goes to them besides the core's own messages.

Every frame is bounded by the connection; here each finds its reader. What a member may not send
closes its connection (`peer_malformed`) and nothing else.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from consensus.events import Event, PeerConnected, Received
from consensus.header import Header
from consensus.messages import (
    BlockResponse,
    CertificateMessage,
    EpochEnd,
    FetchBlock,
    Message,
    Proposal,
    VoteMessage,
    decode_message,
    encode_message,
    epoch_of,
)
from consensus.votes import Vote
from ledger.transaction import Transaction
from node.block_records import FinalizedBlock
from node.block_shelf import BlockShelf
from node.bodies import Bodies
from node.bounds import TRANSACTION_BYTES_MIN
from node.chain import Chain
from node.epoch_chain import answer_epochs, read_epoch_wanted
from node.epoch_talk import EpochTalk
from node.epochs import Epoch
from node.executor import block_of
from node.intake import VERIFYING_MAX, Intake
from node.mempool import Mempool
from node.peers.catch_up import CatchUpRun, answer_range, read_range
from node.peers.frames import (
    BLOCKS_PRUNED,
    CONSENSUS,
    PROPOSAL,
    THESE_BLOCKS,
    THESE_EPOCHS,
    THESE_TRANSACTIONS,
    THIS_EPOCH,
    THIS_PART,
    THIS_SNAPSHOT,
    TRANSACTIONS,
    WANT_BLOCKS,
    WANT_EPOCH,
    WANT_EPOCHS,
    WANT_PART,
    WANT_SNAPSHOT,
    WANT_TRANSACTIONS,
    Frame,
)
from node.peers.groups import pack_group, read_group
from node.peers.network import PeerNetwork
from node.peers.proposals import (
    PartialProposal,
    Proposals,
    pack_these,
    read_these,
    read_want,
)
from node.peers.serving import WINDOW_SHARE, Budgets, TimeShares
from node.restoration import Restoration, answer_epoch
from node.snapshots.serving import SnapshotServer
from node.state_sync.syncing import Syncing
from node.verifier import Verifier
from node.vote_checks import verify_vote
from primitives.errors import InvariantBroken, Refused

GROUP_BYTES_MAX = 512 << 10
"""Transactions that are passed on together."""

GROUP_ITEMS_MAX = GROUP_BYTES_MAX // TRANSACTION_BYTES_MIN
"""So many fit into that; each takes time, however short it is."""

INTAKE_WAITING_MAX = 4_096
"""Above this, what members pass on is dropped unread: a block that has it will bring it. Votes go
on being read, which they would not if we stopped reading the connection."""

VERIFYING_WAITING_MAX = 2 * VERIFYING_MAX
"""Above this, what a leader gives on demand is dropped too; the block can be asked for whole."""

_HEIGHT_BYTES = 8
MS_PER_SECOND = 1_000
POOL_SHOWN_MAX = 2_000
"""So many waiting transactions are shown to a member that comes back."""


class Engine(Protocol):
    """The part of an engine that peers talk to."""

    @property
    def view(self) -> int:
        """The view it is in."""

    def tell(self, event: Event) -> None:
        """Let an event happen."""

    def follow_end(self, end: EpochEnd, peer_key: bytes) -> None:
        """The end of an epoch was told; the chain may have to be fetched up to it."""


class Traffic:
    """See the module's docstring. The rest is set once it is made."""

    engine: Engine
    network: PeerNetwork
    catch_up: CatchUpRun
    restoration: Restoration
    snapshots: SnapshotServer
    syncing: Syncing

    def __init__(
        self,
        network_id: bytes,
        epoch: Epoch,
        chain: Chain,
        shelf: BlockShelf,
        bodies: Bodies,
        mempool: Mempool,
        intake: Intake,
        verifier: Verifier,
    ) -> None:
        self._network_id = network_id
        self._epoch = epoch
        self._chain = chain
        self._talk = EpochTalk(chain, epoch.number, self._say)
        self._shelf = shelf
        self._bodies = bodies
        self._mempool = mempool
        self._intake = intake
        self._verifier = verifier
        self._time_shares = TimeShares()
        self._budgets = Budgets(epoch.terms.parameters.retry_ms * WINDOW_SHARE / MS_PER_SECOND)
        self.transactions_dropped = 0
        self._readers: dict[int, Callable[[bytes, bytes], None]] = {
            TRANSACTIONS: self._transactions,
            CONSENSUS: self._message,
            PROPOSAL: self._proposal,
            WANT_TRANSACTIONS: self._want_transactions,
            THESE_TRANSACTIONS: self._these_transactions,
            WANT_BLOCKS: self._want_blocks,
            THESE_BLOCKS: self._these_blocks,
            WANT_EPOCH: self._want_epoch,
            THIS_EPOCH: self._this_epoch,
            WANT_SNAPSHOT: lambda peer, content: self.snapshots.wanted(peer, content),
            THIS_SNAPSHOT: self._for_sync(THIS_SNAPSHOT),
            WANT_PART: lambda peer, content: self.snapshots.part_wanted(peer, content),
            THIS_PART: self._for_sync(THIS_PART),
            BLOCKS_PRUNED: self._blocks_pruned,
            WANT_EPOCHS: self._want_epochs,
            THESE_EPOCHS: self._for_sync(THESE_EPOCHS),
        }
        self.proposals = Proposals(
            mempool.get,
            intake.is_coming,
            self._ask_transactions,
            self._proposal_complete,
            lambda: bodies.body_bytes_max,
        )

    def begin_epoch(self, epoch: Epoch) -> None:
        """This epoch has begun here, and the engine is in it: what was said of it already is heard
        now."""
        self._epoch = epoch
        self.proposals.clear()
        for peer_key, frame in self._talk.begin_epoch(epoch.number):
            try:
                self.peer_frame(peer_key, frame)
            except Refused as refusal:
                self.network.drop(peer_key, str(refusal))

    def close(self) -> None:
        """Say nothing more of itself."""
        self._talk.close()

    # -- out ----------------------------------------------------------------------------------

    def _say(self, peer_key: bytes, message: Message) -> None:
        self.network.send(peer_key, CONSENSUS, encode_message(message))

    def pass_on(self, transactions: Sequence[Transaction]) -> None:
        """Show the other members what was accepted here."""
        for group in _groups([transaction.raw for transaction in transactions]):
            self.network.broadcast(TRANSACTIONS, group)

    def tell_final(self, newest: FinalizedBlock) -> None:
        """Show what became final to the peers that have no vote: the core passes certificates on to
        members alone."""
        outsiders = self.network.connected - self._epoch.members.index.keys()
        begun, certificate = newest.begins, newest.certificate
        message: CertificateMessage | EpochEnd
        if begun is not None:
            message = EpochEnd(begun.finality, begun.headers)
        elif certificate is not None:
            message = CertificateMessage(certificate, newest.header)
        else:
            return
        if outsiders:
            told = encode_message(message)
            for key in outsiders:
                self.network.send(key, CONSENSUS, told)

    def peer_connected(self, peer_key: bytes) -> None:
        """See `PeerHandler`: the member may lack what came while it was away."""
        waiting = [transaction.raw for transaction in self._mempool.oldest(POOL_SHOWN_MAX)]
        for group in _groups(waiting):
            self.network.send(peer_key, TRANSACTIONS, group)
        self._talk.connected(peer_key, self.network.epoch_of(peer_key))
        self.engine.tell(PeerConnected(peer_key))

    def peer_disconnected(self, peer_key: bytes) -> None:
        """See `PeerHandler`."""
        self._talk.gone(peer_key)

    def _ask_transactions(self, peer_key: bytes, want: bytes) -> None:
        self.network.send(peer_key, WANT_TRANSACTIONS, want)

    # -- in -----------------------------------------------------------------------------------

    def peer_frame(self, peer_key: bytes, frame: Frame) -> None:
        """See `PeerHandler`."""
        self._readers[frame.type](peer_key, frame.content)

    def _transactions(self, peer_key: bytes, content: bytes) -> None:
        # Twice: the lengths count too, and a member may be an epoch ahead.
        largest = self._epoch.terms.parameters.transaction_bytes_max
        if len(content) > 2 * max(GROUP_BYTES_MAX, largest):
            raise Refused("peer_malformed", "more transactions than are passed on together")
        raws = read_group(content, items_max=GROUP_ITEMS_MAX)
        if self._intake.waiting > INTAKE_WAITING_MAX:
            self.transactions_dropped += len(raws)
            return
        self._intake.submit_all(raws)

    def _message(self, peer_key: bytes, content: bytes) -> None:
        message = decode_message(content)
        if isinstance(message, FetchBlock):
            # The core answers for blocks above the floor; the shelf still has a few below.
            shelved = self._shelf.get(message.digest)
            if shelved is not None and shelved.header.height <= self._chain.height:
                if self._budgets.grants(peer_key, message.digest, len(shelved.body)):
                    self._say(peer_key, BlockResponse(block_of(shelved)))
                return
        frame, is_end = Frame(CONSENSUS, content), isinstance(message, EpochEnd)
        if self._talk.is_ours(peer_key, epoch_of(message), frame, answers=is_end):
            self.engine.tell(Received(peer_key, message))
            if isinstance(message, EpochEnd):
                self.engine.follow_end(message, peer_key)

    def _proposal(self, peer_key: bytes, content: bytes) -> None:
        def is_wanted(header: Header, vote: Vote) -> bool:
            frame = Frame(PROPOSAL, content)
            is_ours = self._talk.is_ours(peer_key, header.epoch, frame, answers=False)
            return is_ours and self._worth_gathering(header, vote)

        other = self.proposals.receive(peer_key, content, is_wanted)
        if other is not None:
            self.engine.tell(Received(peer_key, VoteMessage(other)))

    def _worth_gathering(self, header: Header, vote: Vote) -> bool:
        """Whether a proposal is its leader's and near enough; the core checks all again."""
        view, window = self.engine.view, self._epoch.terms.parameters.view_window
        return (
            view - 1 <= header.view <= view + window
            and 0 < header.height - self._chain.height <= window
            and header.transactions_count <= self._bodies.count_max
            and vote.signer == self._epoch.members.leader(header.epoch, header.view)
            and vote.is_signed(self._network_id, verify_vote)
        )

    def _proposal_complete(self, partial: PartialProposal) -> None:
        transactions = [partial.found[each] for each in partial.ids]
        if sum([len(each.raw) for each in transactions]) > self._bodies.body_bytes_max:
            return
        shelved = self._bodies.shelve_verified(partial.header, transactions)
        self.engine.tell(Received(partial.peer_key, Proposal(block_of(shelved), partial.vote)))

    def _want_transactions(self, peer_key: bytes, content: bytes) -> None:
        digest, indices = read_want(content)
        shelved = self._shelf.get(digest)
        if shelved is None:
            return
        count = len(shelved.transactions)
        # Rising: one large transaction asked for a thousand times would be an answer of gigabytes.
        if any(index >= following for index, following in pairwise([*indices, count])):
            raise Refused("peer_malformed", "transactions twice, or that the block does not have")
        raws = [shelved.transactions[index].raw for index in indices]
        size = sum([len(raw) for raw in raws])
        if self._budgets.grants(peer_key, b"transactions" + digest, size):
            self.network.send(peer_key, THESE_TRANSACTIONS, pack_these(digest, raws))

    def _these_transactions(self, peer_key: bytes, content: bytes) -> None:
        digest, raws = read_these(content)
        if self._verifier.waiting_count > VERIFYING_WAITING_MAX:
            return
        decoded = self._bodies.decode_group(self.proposals.wanted(digest, raws))

        def verified(group: Sequence[Transaction], sound: list[bool]) -> None:
            pairs = zip(group, sound, strict=True)
            self.proposals.supply(digest, [one for one, is_sound in pairs if is_sound])

        if decoded:
            self._verifier.check(decoded, verified)

    def _want_epoch(self, peer_key: bytes, content: bytes) -> None:
        self.network.send(peer_key, THIS_EPOCH, answer_epoch(self._epoch, content))

    def _this_epoch(self, peer_key: bytes, content: bytes) -> None:
        if not self.syncing.answered(peer_key, THIS_EPOCH, content):
            self.restoration.answered(peer_key, content)

    def _want_blocks(self, peer_key: bytes, content: bytes) -> None:
        first, last = read_range(content)
        kept = self._chain.meta.first_height
        if first < kept and self.network.wire_version(peer_key) > 1:
            self.network.send(peer_key, BLOCKS_PRUNED, kept.to_bytes(8, "big"))
            return

        self._answer_slowly(peer_key, THESE_BLOCKS, lambda: answer_range(self._chain, first, last))

    def _want_epochs(self, peer_key: bytes, content: bytes) -> None:
        first = read_epoch_wanted(content)
        self._answer_slowly(peer_key, THESE_EPOCHS, lambda: answer_epochs(self._chain, first))

    def _answer_slowly(self, peer_key: bytes, frame_type: int, read: Callable[[], bytes]) -> None:
        """What takes the disk: the newest such question of a member, in its share of the time."""

        def answer() -> None:
            if peer_key not in self.network.connected:
                return
            try:
                content = read()
            except (
                Refused,
                InvariantBroken,
            ) as refusal:  # our own store is damaged: may it ask another
                self.network.drop(peer_key, str(refusal))
            else:
                self.network.send(peer_key, frame_type, content)

        self._time_shares.ask(peer_key, answer)

    def _these_blocks(self, peer_key: bytes, content: bytes) -> None:
        if not self.syncing.answered(peer_key, THESE_BLOCKS, content):
            self.catch_up.answered(peer_key, content)

    def _blocks_pruned(self, peer_key: bytes, content: bytes) -> None:
        if len(content) != _HEIGHT_BYTES:
            raise Refused("peer_malformed", "a height that is cut")
        if not self.syncing.answered(peer_key, BLOCKS_PRUNED, content):
            self.catch_up.pruned_below(peer_key, int.from_bytes(content, "big"))

    def _for_sync(self, frame_type: int) -> Callable[[bytes, bytes], None]:
        def hear(peer_key: bytes, content: bytes) -> None:
            self.syncing.answered(peer_key, frame_type, content)

        return hear


def _groups(raws: Sequence[bytes]) -> Iterator[bytes]:
    """The raws as contents of frames of a bounded size."""
    group: list[bytes] = []
    size = 0
    for raw in raws:
        if group and size + len(raw) > GROUP_BYTES_MAX:
            yield pack_group(group)
            group, size = [], 0
        group.append(raw)
        size += len(raw)
    if group:
        yield pack_group(group)
