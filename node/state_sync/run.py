"""Fetching one snapshot from several peers at once.

Every offer is checked against a certificate before it is chosen, every part against its root before
it is kept. Who sends anything false is set aside for good and named in the log; who does not answer
rests for a while; who has another snapshot is not asked for parts of this one. Several peers serve
at once, each a part at a time, so a slow one holds nobody up.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from consensus.certificates import Certificate
from consensus.header import Block
from ledger.genesis import Genesis
from node.chain_records import Meta
from node.peers.catch_up import PartReader, Target, pack_range
from node.peers.frames import (
    BLOCKS_PRUNED,
    THESE_BLOCKS,
    THIS_PART,
    THIS_SNAPSHOT,
    WANT_BLOCKS,
    WANT_PART,
    WANT_SNAPSHOT,
)
from node.snapshots.offers import (
    Offer,
    SetOf,
    check_offer,
    is_of_known_epoch,
    pack_part_asked,
    read_offer,
    read_part,
)
from node.state_sync.staging import Staging
from primitives.errors import Refused

ANSWER_SECONDS_MAX = 10.0
SILENT_SECONDS = 60.0
OFFERS_SECONDS = 3.0
"""So long peers have to connect and to say what they have, once one of them has said something."""

PEERS_SECONDS_MAX = 30.0
_ASKED_AGAIN_SECONDS = 0.2
_ATTEMPTS_MAX = 5


class NoSnapshot(Exception):
    """Nobody has one that is of use: blocks will have to do."""


@dataclass(frozen=True)
class SyncPeers:
    """The peers as this needs them.

    `usable` are those connected that speak of snapshots, `send` sends a frame, `drop` closes the
    connection of a liar, `name` is what the log calls a peer.
    """

    usable: Callable[[], Sequence[bytes]]
    send: Callable[[bytes, int, bytes], bool]
    drop: Callable[[bytes, str], None]
    name: Callable[[bytes], str]


class StateSync:
    """One run; see the module's docstring."""

    def __init__(
        self,
        staging: Staging,
        peers: SyncPeers,
        reader: PartReader,
        network_id: bytes,
        set_of: SetOf,
        height_min: int,
    ) -> None:
        self._staging = staging
        self._peers = peers
        self._reader = reader
        self._network_id = network_id
        self._set_of = set_of
        self._height_min = height_min
        self._asked: dict[bytes, tuple[int, bytes, asyncio.Future[bytes]]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="staging")
        self._liars: set[bytes] = set()
        self._resting: dict[bytes, float] = {}
        self._lacking: set[bytes] = set()
        self._log = structlog.get_logger("state_sync")
        self.parts_taken = 0

    def answered(self, peer_key: bytes, frame_type: int, content: bytes) -> bool:
        """A peer sent something; whether it was asked for that here."""
        asked = self._asked.get(peer_key)
        if asked is None or asked[2].done():
            return False
        answer, head, future = asked
        if frame_type == BLOCKS_PRUNED and answer == THESE_BLOCKS:
            future.set_result(b"")
            return True
        # What begins otherwise answers an earlier question, too late.
        if frame_type != answer or not content.startswith(head):
            return False
        future.set_result(content)
        return True

    @property
    def liars(self) -> frozenset[bytes]:
        """Who was set aside for good."""
        return frozenset(self._liars)

    async def run(self) -> tuple[list[Block], Certificate]:
        """Fetch all parts; the blocks that belong after them, with their certificate.

        Raises `NoSnapshot`, and OSError where the disk refuses.
        """
        for _ in range(_ATTEMPTS_MAX):
            offer, raw = await self._choose()
            manifest = offer.manifest
            await self._in_thread(self._staging.begin, offer, raw)
            self._lacking.clear()
            self._log.info(
                "snapshot_chosen",
                height=manifest.height,
                parts=manifest.parts,
                missing=len(self._staging.missing),
            )
            if await self._fetch_parts(offer):
                blocks = await self._fetch_blocks(offer)
                if blocks is not None:
                    return blocks
        raise NoSnapshot

    async def finish(
        self, genesis: Genesis, old: Meta, blocks: list[Block], certificate: Certificate
    ) -> None:
        """See `Staging.finish`."""
        await self._in_thread(self._staging.finish, genesis, old, blocks, certificate)

    def close(self) -> None:
        """Let go of what is half here, so that it can be taken up again."""
        self._thread.shutdown(wait=True)
        self._staging.close()

    async def _in_thread(self, work: Callable[..., None], *words: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work, *words)

    # -- asking -------------------------------------------------------------------------------

    def _free(self) -> list[bytes]:
        """Peers that may be asked for something now."""
        now = asyncio.get_running_loop().time()
        return [
            key
            for key in self._peers.usable()
            if key not in self._liars
            and key not in self._asked
            and self._resting.get(key, 0.0) <= now
        ]

    async def _ask(
        self, peer: bytes, want: int, content: bytes, answer: int, head: bytes = b""
    ) -> bytes | None:
        """What the peer answers, beginning with `head`; None if it does not."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._asked[peer] = (answer, head, future)
        try:
            if not self._peers.send(peer, want, content):
                return None
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await future
        except TimeoutError:
            self._log.warning("peer_silent", peer=self._peers.name(peer))
            self._resting[peer] = loop.time() + SILENT_SECONDS
            return None
        finally:
            del self._asked[peer]

    def _set_aside(self, peer: bytes, refusal: Refused) -> None:
        if peer in self._liars:
            return  # several of its answers were on their way
        self._liars.add(peer)
        self._log.error("peer_set_aside", peer=self._peers.name(peer), reason=str(refusal))
        self._peers.drop(peer, str(refusal))

    # -- which snapshot -----------------------------------------------------------------------

    async def _choose(self) -> tuple[Offer, bytes]:
        """The newest that anybody has, or the one that is half here if anybody still has that."""
        loop = asyncio.get_running_loop()
        heard: set[bytes] = set()
        offers: list[tuple[Offer, bytes]] = []
        until = loop.time() + PEERS_SECONDS_MAX
        while loop.time() < until:
            fresh = [peer for peer in self._free() if peer not in heard]
            heard.update(fresh)
            answers = await asyncio.gather(*(self._ask_offer(peer) for peer in fresh))
            offers += [answer for answer in answers if answer is not None]
            if fresh:
                until = min(until, loop.time() + OFFERS_SECONDS)
            await asyncio.sleep(_ASKED_AGAIN_SECONDS)
        begun = self._staging.offer
        same = [each for each in offers if begun and each[0].manifest == begun.manifest]
        if not offers:
            raise NoSnapshot
        return same[0] if same else max(offers, key=lambda each: each[0].manifest.height)

    async def _ask_offer(self, peer: bytes) -> tuple[Offer, bytes] | None:
        begun = self._staging.offer
        wanted = b"" if begun is None else begun.manifest.height.to_bytes(8, "big")
        raw = await self._ask(peer, WANT_SNAPSHOT, wanted, THIS_SNAPSHOT)
        if raw is None:
            return None
        try:
            offer = read_offer(raw)
            # Of an epoch whose members are not known here: no lie, and of no use.
            if offer is None or not is_of_known_epoch(offer, self._set_of):
                return None
            check_offer(offer, self._network_id, self._set_of)
        except Refused as refusal:
            self._set_aside(peer, refusal)
            return None
        return (offer, raw) if offer.manifest.height > self._height_min else None

    # -- its parts ----------------------------------------------------------------------------

    async def _fetch_parts(self, offer: Offer) -> bool:
        """Whether all parts are here; False where nobody has this snapshot any more."""
        waiting = sorted(self._staging.missing)
        running: set[asyncio.Task[int | None]] = set()
        idle_since: float | None = None
        loop = asyncio.get_running_loop()
        try:
            while waiting or running:
                free = [peer for peer in self._free() if peer not in self._lacking]
                while free and waiting:
                    work = self._fetch_part(free.pop(), offer, waiting.pop(0))
                    running.add(loop.create_task(work))
                if not running:
                    idle_since = loop.time() if idle_since is None else idle_since
                    if loop.time() - idle_since > PEERS_SECONDS_MAX or self._nobody_has_it():
                        return False
                    await asyncio.sleep(_ASKED_AGAIN_SECONDS)
                    continue
                idle_since = None
                done, running = await asyncio.wait(
                    running,
                    timeout=_ASKED_AGAIN_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                waiting += [part for task in done if (part := task.result()) is not None]
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        return True

    def _nobody_has_it(self) -> bool:
        """Whether all that are connected, and are no liars, have another snapshot."""
        honest = [peer for peer in self._peers.usable() if peer not in self._liars]
        return bool(honest) and all(peer in self._lacking for peer in honest)

    async def _fetch_part(self, peer: bytes, offer: Offer, part: int) -> int | None:
        """Fetch, check and keep a part; the part again if it did not come from this peer."""
        height = offer.manifest.height
        asked = pack_part_asked(height, part)
        raw = await self._ask(peer, WANT_PART, asked, THIS_PART, asked)
        if raw is None:
            return part
        try:
            content = read_part(raw, height, part)
            if not content:
                self._lacking.add(peer)
                return part
            await self._in_thread(self._staging.put, part, content)
        except Refused as refusal:
            self._set_aside(peer, refusal)
            return part
        self.parts_taken += 1
        return None

    # -- its blocks ---------------------------------------------------------------------------

    async def _fetch_blocks(self, offer: Offer) -> tuple[list[Block], Certificate] | None:
        """The snapshot's own block and those after it, up to one that a certificate names."""
        header, newest = offer.manifest.header, offer.newest
        want = pack_range(header.height, newest.height)
        loop = asyncio.get_running_loop()
        until = loop.time() + PEERS_SECONDS_MAX
        while loop.time() < until:
            for peer in self._free():
                raw = await self._ask(peer, WANT_BLOCKS, want, THESE_BLOCKS)
                if not raw:
                    continue
                try:
                    blocks, vouching = self._reader.read(
                        raw,
                        header.height,
                        header.parent_digest,
                        Target(newest, offer.certificate),
                    )
                except Refused as refusal:
                    self._set_aside(peer, refusal)
                    continue
                if blocks and vouching is not None and blocks[0].header == header:
                    return blocks, vouching
            await asyncio.sleep(_ASKED_AGAIN_SECONDS)
        return None
