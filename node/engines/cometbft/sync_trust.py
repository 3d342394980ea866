"""Whether old keys may lead to today, for a node that joins (docs/protocol.md, section 8).

As `node.state_sync.trust`, with what CometBFT's headers say: the members of the genesis answer for
all that follows while it is younger than `trust_days_max`. After that the operator's checkpoint, a
height and the hash of its header, must lead on to today, or f + 1 of the genesis's territories,
each asked at its own address, must have the same header.
"""

import asyncio
from collections.abc import Callable

from consensus.cometbft.light import SignedHeader
from ledger.genesis import Genesis
from ledger.rules import MS_PER_DAY
from node.engines.cometbft.epoch_proofs import ProvedEpochs
from node.engines.cometbft.light_answers import LightAnswers
from node.engines.cometbft.members_asked import MembersAsked, NoAnswer
from primitives.errors import Refused

SECONDS_PER_DAY = 86_400
PERIOD_SECONDS_MAX = 36_500 * SECONDS_PER_DAY
"""CometBFT reads nanoseconds, of which 63 bits are 292 years."""


class SyncTrust:
    """See the module's docstring."""

    def __init__(
        self,
        genesis: Genesis,
        proved: ProvedEpochs,
        answers: LightAnswers,
        members: MembersAsked,
        checkpoint: tuple[int, bytes] | None,
        now_ms: Callable[[], int],
    ) -> None:
        self._genesis = genesis
        self._proved = proved
        self._answers = answers
        self._members = members
        self._checkpoint = checkpoint
        self._now_ms = now_ms
        self._trust_ms = proved.epochs[0].terms.parameters.trust_days_max * MS_PER_DAY

    async def check(self, root: SignedHeader) -> None:
        """Return once a verified header, and what leads to it, may be believed. Raises `Refused`:
        `history_differs`, and `history_unconfirmed` where too few members agree."""
        if await self._fits_checkpoint() or self._is_recent(self._genesis.time_ms):
            return
        first = self._proved.epochs[0].terms.active
        faults = (len(first) - 1) // 3
        names = [each.prefix for each in first if each.prefix in self._members.names]
        told = await asyncio.gather(*[self._told(name, root) for name in names])
        if sum(told) < faults + 1:
            raise Refused("history_unconfirmed", f"{sum(told)} of {faults + 1} members")

    def period_s(self, root: SignedHeader) -> int:
        """How long CometBFT may go on from this header, which is believed now."""
        age_ms = max(0, self._now_ms() - root.header.time_ms)
        return min((age_ms + self._trust_ms) // 1_000 + SECONDS_PER_DAY, PERIOD_SECONDS_MAX)

    async def _fits_checkpoint(self) -> bool:
        """Whether the operator's word leads on to today. One of a height that nobody gives says
        nothing."""
        if self._checkpoint is None:
            return False
        height, digest = self._checkpoint
        try:
            header = (await self._answers.header(height)).header
        except NoAnswer:
            return False
        if header.hash != digest:
            raise Refused("history_differs", f"height {height}")
        return height > self._proved.newest.height or self._is_recent(header.time_ms)

    def _is_recent(self, time_ms: int) -> bool:
        return self._now_ms() - time_ms <= self._trust_ms

    async def _told(self, name: str, root: SignedHeader) -> bool:
        try:
            told = await self._members.header(name, root.header.height)
        except (NoAnswer, Refused):
            return False
        return told.header.hash == root.header.hash
