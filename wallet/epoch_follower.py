"""Following a network from epoch to epoch, one certificate each, with nodes that are not trusted.

Within `trust_days_max` of what was last known to be final, the set of one epoch answers for its
headers and for the next set. A wallet that was away for longer, or whose genesis is older, cannot
know whose hands those keys are in by now. So it also wants to hear the newest boundary from f + 1
territories of the set it knew, each asked at its own address, or a checkpoint that its owner was
told (docs/protocol.md, section 8).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

from consensus.epoch_starts import EpochStart, read_epochs
from primitives.errors import Refused
from wallet.light.bundles import HEADER_BYTES_MAX, hex_field
from wallet.light.memory import HeaderMemory
from wallet.light.trust import FinalHeader, KnownEpoch, TrustedNetwork, decode_header
from wallet.node_client import NodeClient, NodeUnreachable
from wallet.node_urls import node_url

EPOCHS_PATH = "/v1/epochs"


class EpochFollower:
    """Brings `network` to a later epoch. `checkpoint`: an epoch and its boundary's digest, which
    the owner vouches for."""

    def __init__(
        self,
        client: NodeClient,
        network: TrustedNetwork,
        memory: HeaderMemory,
        checkpoint: tuple[int, bytes] | None = None,
    ) -> None:
        self._client = client
        self._network = network
        self._memory = memory
        self.checkpoint = checkpoint
        self.bytes_read = 0
        self._agreed_ms = 0
        self._turn = asyncio.Lock()

    def is_needed(self, epoch: int) -> bool:
        """Whether a header of this epoch can't be judged by what is known.

        Raises `Refused("checkpoint_differs")` where what is known is not what the owner was told.
        """
        self._check_checkpoint(())
        return epoch > self._network.newest_epoch or not self._is_recent(_now_ms())

    async def follow(self, url: str, epoch: int) -> None:
        """Learn the sets up to `epoch` from one node.

        Raises `Refused`: `certificate_invalid`, `epoch_unknown` where the node does not lead
        there, `trust_expired` where more than the old set's word is needed and not to be had,
        `checkpoint_differs`, `HeaderConflict` where a boundary contradicts what was final;
        `NodeUnreachable`.
        """
        async with self._turn:
            if not self.is_needed(epoch):
                return
            followed = await self._followed(url, epoch)
            self._check_checkpoint(followed)
            now_ms = _now_ms()
            if not self._is_recent(now_ms):
                await self._check_agreed(epoch, followed, now_ms)
                self._agreed_ms = now_ms
            for known in followed:
                self._remember(known)
                self._network.adopt((known,))

    async def _followed(self, url: str, epoch: int) -> list[KnownEpoch]:
        """Part by part, each checked before the next is asked for: a node can't lead on for ever
        with what nobody signed."""
        followed: list[KnownEpoch] = []
        wanted = self._network.newest_epoch + 1
        while wanted <= epoch:
            starts = await self._starts(url, wanted)
            if not starts:
                raise Refused("epoch_unknown", f"epoch {wanted}")
            followed += self._network.follow(starts, followed)
            wanted += len(starts)
        return followed

    async def _starts(self, url: str, first: int) -> tuple[EpochStart, ...]:
        status, raw = await self._client.get_bytes_from(url, f"{EPOCHS_PATH}?from={first}")
        if status != 200:
            raise Refused("epoch_unknown", f"epoch {first}")
        self.bytes_read += len(raw)
        return read_epochs(raw)

    def _remember(self, known: KnownEpoch) -> None:
        """A boundary is a final header like any other: it must fit what was seen before."""
        start = known.start
        signed = len(start.certificate.signatures)
        size = len(self._network.members.members)
        self._memory.remember(FinalHeader(start.boundary, signed, size), known.bundle())

    # -- after a long absence -----------------------------------------------------------------

    def _is_recent(self, now_ms: int) -> bool:
        newest = self._memory.newest
        known_ms = max(self._network.trusted_ms, newest.time_ms if newest else 0, self._agreed_ms)
        return now_ms - known_ms <= self._network.trust_ms_max

    async def _check_agreed(self, epoch: int, followed: Sequence[KnownEpoch], now_ms: int) -> None:
        """Believe `followed` for the checkpoint's sake, or because f + 1 territories say so."""
        if self._fits_checkpoint(followed, now_ms):
            return
        members = self._network.members
        if followed:
            epoch, digest = followed[-1].start.epoch, followed[-1].start.boundary.digest
        else:
            known = self._network.epochs
            digest = known[-1].start.boundary.digest if known else self._network.network_id
        prefixes = [member.prefix for member in members.members]
        answers = await asyncio.gather(*(self._told(prefix, epoch) for prefix in prefixes))
        agreeing = sum([answer == digest for answer in answers])
        if agreeing < members.faults + 1:
            raise Refused("trust_expired", f"{agreeing} of {members.faults + 1}")

    def _vouched(self, followed: Sequence[KnownEpoch]) -> KnownEpoch | None:
        """The epoch that the owner vouches for, if it is among those known and followed."""
        if self.checkpoint is None:
            return None
        # Epochs count on in a network that took another's place: the first is the genesis's.
        place = self.checkpoint[0] - self._network.first_epoch - 1
        epochs = (*self._network.epochs, *followed)
        return epochs[place] if 0 <= place < len(epochs) else None

    def _check_checkpoint(self, followed: Sequence[KnownEpoch]) -> None:
        """Whatever else is said for them, epochs that contradict the owner are not believed."""
        vouched = self._vouched(followed)
        if vouched is not None and self.checkpoint != (
            vouched.start.epoch,
            vouched.start.boundary.digest,
        ):
            raise Refused("checkpoint_differs", f"epoch {vouched.start.epoch}")

    def _fits_checkpoint(self, followed: Sequence[KnownEpoch], now_ms: int) -> bool:
        vouched = self._vouched(followed)
        if vouched is None:
            return False
        return now_ms - vouched.start.boundary.time_ms <= self._network.trust_ms_max

    async def _told(self, prefix: str, epoch: int) -> bytes | None:
        """What began this epoch as one territory has it, asked where its people ask it: a
        boundary's digest, in the first epoch the network's id. None if it says nothing, or that
        there is a later one."""
        try:
            url = node_url(self._network.territory(prefix).http)
            network = await self._get(url, "/v1/network")
            if network.get("epoch") != epoch:
                return None
            if epoch == self._network.first_epoch:
                return hex_field(network, "network_id", 32)
            began = await self._get(url, f"{EPOCHS_PATH}/{epoch}")
            return decode_header(hex_field(began, "boundary", HEADER_BYTES_MAX)).digest
        except (Refused, NodeUnreachable):
            return None

    async def _get(self, url: str, path: str) -> Mapping[str, object]:
        answer = await self._client.get_from(url, path)
        if answer.status != 200:
            raise answer.refusal()
        return answer.content


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
