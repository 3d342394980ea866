"""A member that lost its journal votes again by itself, two epochs after the newest others know.

It asks the other members for their newest epoch, each answer with the block that the epoch begins
above; an answer counts once this node's own chain, whose every certificate it verified, begins that
epoch above the same block. With q such answers of other members of the set, E is the highest of
them: one honest member among them signed the end of the epoch before any in which this node ever
voted. From E + 2 on nothing that it may have forgotten can be contradicted (docs/protocol.md,
section 4). A new journal is begun then, and the store keeps until when only to observe. Where so
many others do not exist, it observes for good.

The honest member is sure to be among them only while the set is the one that was asked. So in each
epoch before E + 2 whose set is another one, that set is asked too, and nothing is signed before it
answered.

    question  nonce(16)        answer  nonce(16) ‖ epoch(8) ‖ digest(32)
"""

import asyncio
import secrets
from collections.abc import Callable

import structlog

from consensus.journal_records import certificate_record, position
from consensus.replica import Replica
from node.chain import Chain
from node.chain_records import UNASKED_EPOCH, Restored
from node.committer import Committer
from node.epoch_book import EpochBook
from node.epochs import Epoch
from node.journal import JOURNAL_ID_BYTES, Journal
from node.peers.frames import WANT_EPOCH
from node.peers.network import PeerNetwork
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import HASH_BYTES

ASK_SECONDS = 1.0
EPOCHS_AFTER = 2
_NONCE_BYTES = 16


def answer_epoch(current: Epoch, nonce: bytes) -> bytes:
    """The epoch that this node is in. Refuses `peer_malformed`."""
    if len(nonce) != _NONCE_BYTES:
        raise Refused("peer_malformed", "a question that is cut")
    return nonce + current.number.to_bytes(8, "big") + current.digest


def observed_until(chain: Chain, current: Epoch) -> int:
    """The first epoch in which this node may vote, as an epoch begins; 0 if it never lost its
    journal. Notes where the set that was asked is not the one that votes now."""
    restored = chain.restored
    if restored is None:
        return 0
    if current.number < restored.until_epoch and restored.set_hash != current.members.hash():
        restored = Restored(UNASKED_EPOCH, restored.set_hash)
        chain.keep_restored(restored)
    return restored.until_epoch


class Restoration:
    """See the module's docstring. `is_needed` until a new journal was begun."""

    def __init__(
        self,
        own_key: Callable[[], bytes],
        chain: Chain,
        epochs: EpochBook,
        journal: Journal,
        committer: Committer,
        network: PeerNetwork,
        replica: Callable[[], Replica],
        *,
        is_wanted: bool,
    ) -> None:
        self._own_key = own_key
        self._chain = chain
        self._epochs = epochs
        self._journal = journal
        self._committer = committer
        self._network = network
        self._replica = replica
        self._is_wanted = is_wanted
        self._nonce = secrets.token_bytes(_NONCE_BYTES)
        self._answers: dict[bytes, tuple[int, bytes]] = {}
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("restoration")

    def begin(self) -> None:
        """Ask, if there is a reason to; again at the beginning of each epoch."""
        if self._is_wanted and self._must_ask() and (self._task is None or self._task.done()):
            self._nonce, self._answers = secrets.token_bytes(_NONCE_BYTES), {}
            self._task = asyncio.get_running_loop().create_task(self._ask_for_ever())

    def _must_ask(self) -> bool:
        restored = self._chain.restored
        is_unasked = restored is not None and restored.until_epoch == UNASKED_EPOCH
        return is_unasked or self._journal.lost_reason is not None

    async def end(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def answered(self, peer_key: bytes, content: bytes) -> None:
        """A peer answered. Refuses `peer_malformed`."""
        if len(content) != _NONCE_BYTES + 8 + HASH_BYTES:
            raise Refused("peer_malformed", "an answer that is cut")
        if content[:_NONCE_BYTES] == self._nonce:
            epoch = int.from_bytes(content[_NONCE_BYTES : _NONCE_BYTES + 8], "big")
            self._answers[peer_key] = (epoch, content[_NONCE_BYTES + 8 :])

    async def _ask_for_ever(self) -> None:
        while self._must_ask():
            for key in self._others():
                self._network.send(key, WANT_EPOCH, self._nonce)
            await asyncio.sleep(ASK_SECONDS)
            newest = self._newest_proved()
            if newest is not None:
                await self._answer_found(newest + EPOCHS_AFTER)

    def _others(self) -> list[bytes]:
        """Members of the present set; this node has to be one of them too."""
        members, own_key = self._epochs.current.members.index, self._own_key()
        return [key for key in members if key != own_key] if own_key in members else []

    def _newest_proved(self) -> int | None:
        """The highest epoch that q other members proved; None while they are fewer."""
        proved = [
            self._answers[key][0]
            for key in self._others()
            if key in self._answers and self._is_proved(*self._answers[key])
        ]
        if len(proved) < self._epochs.current.members.quorum:
            return None
        return max(*proved, self._epochs.current.number)

    def _is_proved(self, epoch: int, digest: bytes) -> bool:
        if epoch > self._epochs.current.number:
            return False  # perhaps later, when the chain has come so far
        return self._epochs.epoch(epoch).digest == digest

    async def _answer_found(self, until_epoch: int) -> None:
        """Begin a new journal with what the newest block's finality rests on, unless this was
        done when another set was asked."""
        await self._committer.drained()
        if self._journal.is_writing:
            return
        restored = Restored(until_epoch, self._epochs.current.members.hash())
        if self._journal.lost_reason is None:
            self._chain.keep_restored(restored)
            self._log.warning("votes_again", from_epoch=until_epoch)
            return
        # From here on without a pause: nothing may be committed in between.
        records = self._finals()
        journal_id = secrets.token_bytes(JOURNAL_ID_BYTES)
        self._chain.renew_journal(journal_id, restored)
        self._journal.renew(journal_id, records)
        self._log.warning("votes_again", from_epoch=until_epoch)

    def _finals(self) -> list[tuple[bytes, int]]:
        """The newest F that the chain holds, and that the consensus holds above it."""
        records: list[tuple[bytes, int]] = []
        newest = self._chain.newest
        if newest is not None:
            certified = self._chain.certified(newest.header.height)
            if certified is None:
                raise InvariantBroken("the newest block is not certified")
            header = (certified.header, *certified.between)[-1]
            at = position(header.epoch, header.view)
            records.append((certificate_record(certified.certificate, header), at))
        known = self._replica().known
        final = known.highest_final()
        if final is not None:
            at = position(final.epoch, final.view)
            records.append((certificate_record(final, known.header(final.digest)), at))
        return records
