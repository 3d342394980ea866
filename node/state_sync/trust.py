"""Whether old keys may lead to today: the trust period (docs/protocol.md, section 8).

Who knew something to be final long ago knows the members of then. Their keys may be anybody's by
now, and whoever holds a quorum of them can sign another past. So beyond `trust_days_max` their
certificates are not enough: f + 1 of these members, each connected under its own key, must be in an
epoch that was followed to and begins above the same block, or the operator names such a block.
"""

import asyncio
import secrets
from collections.abc import Callable

import structlog

from ledger.rules import MS_PER_DAY
from node.chain import Chain
from node.epochs import Epoch
from node.peers.frames import THIS_EPOCH, WANT_EPOCH
from node.state_sync.asking import ASKED_AGAIN_SECONDS, Questions
from node.state_sync.followed import FollowedEpochs
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES

AGREED_SECONDS_MAX = 30.0
_NONCE_BYTES = 16


class TrustPeriod:
    """See the module's docstring. `current` is the newest epoch of this node's own chain,
    `checkpoint` an epoch and the digest of the block that it begins above."""

    def __init__(
        self,
        chain: Chain,
        current: Epoch,
        checkpoint: tuple[int, bytes] | None,
        now_ms: Callable[[], int],
    ) -> None:
        newest = chain.newest
        self._known_ms = current.time_ms if newest is None else newest.header.time_ms
        self._members = current.members
        self._trust_ms = current.terms.parameters.trust_days_max * MS_PER_DAY
        self._checkpoint = checkpoint
        self._now_ms = now_ms
        self._log = structlog.get_logger("state_sync")

    async def check(self, followed: FollowedEpochs, questions: Questions) -> None:
        """Return once what was followed may be believed.

        Raises `Refused`: `history_differs`, and `history_unconfirmed` where too few members agree.
        """
        if self._fits_checkpoint(followed) or self._is_recent(self._known_ms):
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + AGREED_SECONDS_MAX
        agreeing: set[bytes] = set()
        while len(agreeing) <= self._members.faults:
            if loop.time() > until:
                wanted = self._members.faults + 1
                raise Refused("history_unconfirmed", f"{len(agreeing)} of {wanted} members")
            fresh = [
                peer
                for peer in questions.free()
                if peer in self._members.index and peer not in agreeing
            ]
            for peer in fresh:
                if await self._agrees(peer, followed, questions):
                    agreeing.add(peer)
            await asyncio.sleep(ASKED_AGAIN_SECONDS)
        self._log.info("history_agreed", members=len(agreeing))

    def _is_recent(self, time_ms: int) -> bool:
        return self._now_ms() - time_ms <= self._trust_ms

    def _leads_to_today(self, epoch: Epoch, followed: FollowedEpochs) -> bool:
        """Whether no old keys are needed after it."""
        return epoch.number == followed.newest.number or self._is_recent(epoch.time_ms)

    def _fits_checkpoint(self, followed: FollowedEpochs) -> bool:
        """Whether the operator's word leads on to today. One of an epoch that was not followed to
        says nothing."""
        if self._checkpoint is None:
            return False
        number, digest = self._checkpoint
        epoch = followed.epoch(number)
        if epoch is None:
            return False
        if epoch.digest != digest:
            raise Refused("history_differs", f"epoch {number}")
        return self._leads_to_today(epoch, followed)

    async def _agrees(self, peer: bytes, followed: FollowedEpochs, questions: Questions) -> bool:
        """Whether it is in an epoch that was followed to, and says so now."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        told = await questions.ask(peer, WANT_EPOCH, nonce, THIS_EPOCH, nonce)
        if told is None or len(told) != _NONCE_BYTES + 8 + HASH_BYTES:
            return False
        epoch = followed.epoch(int.from_bytes(told[_NONCE_BYTES : _NONCE_BYTES + 8], "big"))
        return (
            epoch is not None
            and told[_NONCE_BYTES + 8 :] == epoch.digest
            and self._leads_to_today(epoch, followed)
        )
