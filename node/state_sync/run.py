"""Fetching one snapshot from several peers at once.

The epochs up to it are followed first (`choosing`). Every offer is checked against a certificate
before it is chosen, every part against its root before it is kept. Who sends anything false is set
aside for good and named in the log; who does not answer rests for a while; who has another snapshot
is not asked for parts of this one. Several peers serve at once, each a part at a time, so a slow
one holds nobody up.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from consensus.header import Block, Header
from ledger.genesis import Genesis
from node.bodies import is_body
from node.chain_records import BODY_BYTES_MAX, Meta
from node.peers.catch_up import PartReader, Target, pack_range
from node.peers.frames import THESE_BLOCKS, THIS_PART, WANT_BLOCKS, WANT_PART
from node.snapshots.offers import Offer, pack_part_asked, read_part
from node.state_sync.asking import ASKED_AGAIN_SECONDS, Questions
from node.state_sync.choosing import PEERS_SECONDS_MAX, Choosing, NoSnapshot
from node.state_sync.followed import FollowedEpochs
from node.state_sync.staging import Staging
from node.state_sync.trust import TrustPeriod
from primitives.errors import InvariantBroken, Refused

_ATTEMPTS_MAX = 5
T = TypeVar("T")


class StateSync:
    """One run; see the module's docstring. Snapshots up to `height_min` are of no use.
    `on_followed` is told when a later epoch is known."""

    def __init__(
        self,
        staging: Staging,
        epochs: FollowedEpochs,
        questions: Questions,
        trust: TrustPeriod,
        network_id: bytes,
        height_min: int,
        on_followed: Callable[[], None],
    ) -> None:
        self._staging = staging
        self._epochs = epochs
        self._questions = questions
        self._network_id = network_id
        self._height_min = height_min
        self._trust = trust
        self._on_followed = on_followed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="staging")
        self._lacking: set[bytes] = set()
        self._log = structlog.get_logger("state_sync")
        self.parts_taken = 0

    async def run(self) -> tuple[list[Block], Target]:
        """Fetch all parts; the blocks that belong after them, and what makes the last one final.

        Raises `NoSnapshot`, what `TrustPeriod.check` raises, `Refused("rule_version_unknown")`, and
        OSError where the disk refuses.
        """
        for _ in range(_ATTEMPTS_MAX):
            choosing = Choosing(
                self._questions,
                self._staging,
                self._epochs,
                self._network_id,
                self._height_min,
                self._in_thread,
                self._on_followed,
            )
            offer, raw = await choosing.choose()
            await self._trust.check(self._epochs, self._questions)
            manifest = offer.manifest
            await self._in_thread(self._staging.begin, offer, raw)
            self._lacking.clear()
            self._log.info(
                "snapshot_chosen",
                height=manifest.height,
                epoch=manifest.header.epoch,
                parts=manifest.parts,
                missing=len(self._staging.missing),
            )
            if await self._fetch_parts(offer):
                blocks = await self._fetch_blocks(offer)
                if blocks is not None:
                    return blocks
        raise NoSnapshot

    async def finish(
        self, genesis: Genesis, old: Meta, blocks: list[Block], reached: Target
    ) -> None:
        """See `Staging.finish`."""
        await self._in_thread(self._staging.finish, genesis, old, blocks, reached)

    def close(self) -> None:
        """Let go of what is half here, so that it can be taken up again."""
        self._thread.shutdown(wait=True)
        self._staging.close()

    async def _in_thread(self, work: Callable[..., T], *words: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *words)

    # -- its parts ----------------------------------------------------------------------------

    async def _fetch_parts(self, offer: Offer) -> bool:
        """Whether all parts are here; False where nobody has this snapshot any more."""
        waiting = sorted(self._staging.missing)
        running: set[asyncio.Task[int | None]] = set()
        idle_since: float | None = None
        loop = asyncio.get_running_loop()
        try:
            while waiting or running:
                free = [peer for peer in self._questions.free() if peer not in self._lacking]
                while free and waiting:
                    work = self._fetch_part(free.pop(), offer, waiting.pop(0))
                    running.add(loop.create_task(work))
                if not running:
                    idle_since = loop.time() if idle_since is None else idle_since
                    if loop.time() - idle_since > PEERS_SECONDS_MAX or self._nobody_has_it():
                        return False
                    await asyncio.sleep(ASKED_AGAIN_SECONDS)
                    continue
                idle_since = None
                done, running = await asyncio.wait(
                    running,
                    timeout=ASKED_AGAIN_SECONDS,
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
        honest = self._questions.honest()
        return bool(honest) and all(peer in self._lacking for peer in honest)

    async def _fetch_part(self, peer: bytes, offer: Offer, part: int) -> int | None:
        """Fetch, check and keep a part; the part again if it did not come from this peer."""
        height = offer.manifest.height
        asked = pack_part_asked(height, part)
        raw = await self._questions.ask(peer, WANT_PART, asked, THIS_PART, asked)
        if raw is None:
            return part
        try:
            content = read_part(raw, height, part)
            if not content:
                self._lacking.add(peer)
                return part
            await self._in_thread(self._staging.put, part, content)
        except Refused as refusal:
            self._questions.set_aside(peer, refusal)
            return part
        self.parts_taken += 1
        return None

    # -- its blocks ---------------------------------------------------------------------------

    async def _fetch_blocks(self, offer: Offer) -> tuple[list[Block], Target] | None:
        """The snapshot's own block and those after it, up to one that a certificate names."""
        header, newest = offer.manifest.header, offer.newest
        members = self._epochs.set_of(header.epoch)
        if members is None:
            raise InvariantBroken("an offer was chosen of an epoch that was not followed to")
        reader = PartReader(header.epoch, members, self._network_id, _is_body)
        target = Target(newest, offer.certificate, offer.closing)
        want = pack_range(header.height, newest.height)
        loop = asyncio.get_running_loop()
        until = loop.time() + PEERS_SECONDS_MAX
        while loop.time() < until:
            for peer in self._questions.free():
                raw = await self._questions.ask(peer, WANT_BLOCKS, want, THESE_BLOCKS)
                if not raw:
                    continue
                try:
                    blocks, vouching = reader.read(raw, header.height, header.parent_digest, target)
                except Refused as refusal:
                    self._questions.set_aside(peer, refusal)
                    continue
                if blocks and vouching is not None and blocks[0].header == header:
                    last = blocks[-1].header
                    return blocks, target if last == newest else Target(last, vouching)
            await asyncio.sleep(ASKED_AGAIN_SECONDS)
        return None


def _is_body(header: Header, body: bytes) -> bool:
    """The bounds that this node has may be those of an earlier epoch."""
    return is_body(header, body, BODY_BYTES_MAX)
