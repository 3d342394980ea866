"""Which snapshot to fetch: first the epochs are followed, then every peer says what it has.

All are asked at once, each on its own: who is slow, or silent, holds nobody up. An offer counts
once its header is proved final by the members of its epoch.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from node.epoch_chain import pack_epoch_wanted
from node.peers.frames import THESE_EPOCHS, THIS_SNAPSHOT, WANT_EPOCHS, WANT_SNAPSHOT
from node.snapshots.offers import Offer, check_offer, is_of_known_epoch, read_offer
from node.state_sync.asking import ASKED_AGAIN_SECONDS, Questions
from node.state_sync.followed import FollowedEpochs
from node.state_sync.staging import Staging
from primitives.errors import Refused

PEERS_SECONDS_MAX = 30.0
"""So long nobody may say anything."""
OFFERS_SECONDS = 3.0
"""So long peers have to connect and to say what they have, once one of them has said something."""

ROUNDS_MAX = 3
"""So often one peer is asked for epochs and then for its snapshot."""

T = TypeVar("T")


class NoSnapshot(Exception):
    """Nobody has one that is of use: blocks will have to do."""


class InThread(Protocol):
    """Runs what is slow."""

    async def __call__(self, work: Callable[..., T], *words: object) -> T:
        """What it returns, once it is done; raises what it raises."""


class Choosing:
    """One look around; see the module's docstring. Snapshots up to `height_min` are of no use.
    `on_followed` is told when a later epoch is known."""

    def __init__(
        self,
        questions: Questions,
        staging: Staging,
        epochs: FollowedEpochs,
        network_id: bytes,
        height_min: int,
        in_thread: InThread,
        on_followed: Callable[[], None],
    ) -> None:
        self._questions = questions
        self._staging = staging
        self._epochs = epochs
        self._network_id = network_id
        self._height_min = height_min
        self._in_thread = in_thread
        self._on_followed = on_followed
        self._following: set[bytes] = set()
        """Who told of new epochs last time, and is asked for more."""
        self._offers: list[tuple[Offer, bytes]] = []

    async def choose(self) -> tuple[Offer, bytes]:
        """The newest that anybody has, or the one that is half here if anybody still has that.

        Raises `NoSnapshot`, and `Refused("rule_version_unknown")`.
        """
        loop = asyncio.get_running_loop()
        self._epochs.check_known()
        asked: dict[bytes, asyncio.Task[None]] = {}
        until = loop.time() + PEERS_SECONDS_MAX
        try:
            while loop.time() < until or self._following:
                for peer in self._questions.free():
                    if peer not in asked:
                        asked[peer] = loop.create_task(self._hear(peer))
                await asyncio.sleep(ASKED_AGAIN_SECONDS)
                done = [task for task in asked.values() if task.done()]
                for task in done:
                    task.result()
                if done:
                    until = min(until, loop.time() + OFFERS_SECONDS)
        finally:
            for task in asked.values():
                task.cancel()
            await asyncio.gather(*asked.values(), return_exceptions=True)
        offers, begun = self._offers, self._staging.offer
        if not offers:
            raise NoSnapshot
        same = [each for each in offers if begun and each[0].manifest == begun.manifest]
        return same[0] if same else max(offers, key=lambda each: each[0].manifest.height)

    async def _hear(self, peer: bytes) -> None:
        """What one peer knows and has. Raises `Refused("rule_version_unknown")`."""
        try:
            for _ in range(ROUNDS_MAX):
                if await self._follow(peer) and await self._hear_offer(peer):
                    return
        except Refused as refusal:
            if refusal.code == "rule_version_unknown":
                raise
            self._questions.set_aside(peer, refusal)
        finally:
            self._following.discard(peer)

    async def _follow(self, peer: bytes) -> bool:
        """Learn the epochs after the newest that this peer knows; whether it answered."""
        while True:
            before = self._epochs.newest.number
            asked = pack_epoch_wanted(before + 1)
            raw = await self._questions.ask(peer, WANT_EPOCHS, asked, THESE_EPOCHS, asked)
            if raw is None:
                return False
            if not await self._in_thread(self._epochs.take, raw, before + 1):
                return True
            if self._epochs.newest.number > before:
                self._following.add(peer)
                self._on_followed()
            else:
                self._following.discard(peer)  # others are faster: nobody waits for this one

    async def _hear_offer(self, peer: bytes) -> bool:
        """Ask what it has; False where that is of an epoch that was not followed to: no lie, if one
        began meanwhile."""
        begun = self._staging.offer
        wanted = b"" if begun is None else begun.manifest.height.to_bytes(8, "big")
        raw = await self._questions.ask(peer, WANT_SNAPSHOT, wanted, THIS_SNAPSHOT)
        offer = None if raw is None else read_offer(raw)
        if raw is None or offer is None:
            return True
        epochs = self._epochs
        if not is_of_known_epoch(offer, epochs.set_of, epochs.begins_above):
            return False
        check_offer(offer, self._network_id, epochs.set_of)
        if offer.manifest.height > self._height_min:
            self._offers.append((offer, raw))
        return True
