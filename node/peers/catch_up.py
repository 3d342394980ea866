"""Catching up by height: the chain of another member, in bounded parts, checked before it is used.

    want  = first height(8) ‖ last height(8)
    these = first height(8) ‖ group of [certificate or "", header, body, header, body, …]

A part ends at the block that its certificate names, or at the one the asker has a certificate for.
Each header names its parent, down to our newest block; so one certificate vouches for all of a
part. Who sends anything else is dropped, and another member is asked.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog

from consensus.certificates import Certificate, verify_certificate
from consensus.finality import check_finalizes
from consensus.header import Block, Header
from consensus.members import MemberSet
from node.chain import Chain
from node.peers.groups import pack_group, read_group
from primitives.errors import Refused
from primitives.signatures import verify

PART_BYTES = 2 << 20
PART_BLOCKS_MAX = 64
ANSWER_SECONDS_MAX = 10.0
QUICK_SECONDS = 2.0
"""Who takes longer is not asked again next: it could keep us behind for ever, block by block."""
_HEIGHT_BYTES = 8
FRUITLESS_MAX = 3
"""So often a peer may be asked for the same blocks and give none, before it counts for nothing
beside others that say they have pruned them."""
_REST_SECONDS = 0.25


def read_range(content: bytes) -> tuple[int, int]:
    """(first, last height) that a peer wants. Refuses `peer_malformed`."""
    if len(content) != 2 * _HEIGHT_BYTES:
        raise Refused("peer_malformed", "a request for blocks that is cut")
    return int.from_bytes(content[:8], "big"), int.from_bytes(content[8:], "big")


def pack_range(first: int, last: int) -> bytes:
    """A request for blocks."""
    return first.to_bytes(8, "big") + last.to_bytes(8, "big")


def answer_range(chain: Chain, first: int, last: int) -> bytes:
    """What this chain has of the range: at least one certified part, or an empty group.

    It goes on to the next certificate even where the part's size is reached before.
    """
    items: list[bytes] = [b""]
    complete = 1
    size = 0
    for height in range(first, min(last, chain.height) + 1):
        stored = chain.stored_header(height)
        if stored is None:
            break
        body = chain.body(height)
        items += (stored.header.encode(), body)
        size += len(body)
        if stored.certificate is not None or height == last:
            complete = len(items)
            items[0] = b"" if stored.certificate is None else stored.certificate.encode()
            if size >= PART_BYTES or height - first >= PART_BLOCKS_MAX:
                break
    return first.to_bytes(_HEIGHT_BYTES, "big") + pack_group(items[:complete])


class Target(NamedTuple):
    """A header that is known to be final: by its own certificate, or by that of the last of the
    closing headers above it."""

    header: Header
    certificate: Certificate
    closing: tuple[Header, ...] = ()


class PartReader:
    """Reads and checks parts of one epoch against its member set and what is known to be final. A
    part never goes on into the next epoch: nothing above a boundary is known to be final before
    that is on disk."""

    def __init__(
        self,
        epoch: int,
        members: MemberSet,
        network_id: bytes,
        body_matches: Callable[[Header, bytes], bool],
    ) -> None:
        self._epoch = epoch
        self._members = members
        self._network_id = network_id
        self._body_matches = body_matches

    def begin_epoch(self, epoch: int, members: MemberSet) -> None:
        """Blocks of this epoch come from now on."""
        self._epoch, self._members = epoch, members

    def read(
        self, content: bytes, first: int, parent_digest: bytes, target: Target
    ) -> tuple[list[Block], Certificate | None]:
        """The blocks from height `first` on, and the certificate of the last one: the target's own
        where they reach it.

        No blocks if the peer has none. Refuses `peer_malformed` and `certificate_invalid`.
        """
        if int.from_bytes(content[:_HEIGHT_BYTES], "big") != first:
            raise Refused("peer_malformed", "blocks that were not asked for")
        items = read_group(content, _HEIGHT_BYTES, items_max=2 * PART_BLOCKS_MAX + 1024)
        if len(items) == 1:
            return [], None
        if len(items) % 2 == 0:
            raise Refused("peer_malformed", "a header without a body")
        blocks: list[Block] = []
        digest = parent_digest
        for at in range(1, len(items), 2):
            header = Header.decode(items[at])
            if header.parent_digest != digest or header.height != first + len(blocks):
                raise Refused("peer_malformed", "headers that do not follow each other")
            if header.epoch != self._epoch or header.closing:
                raise Refused("peer_malformed", "a header of another epoch")
            blocks.append(Block(header, items[at + 1]))
            digest = header.digest
        certificate = target.certificate
        if digest != target.header.digest:
            certificate = Certificate.decode(items[0])
            self._check(certificate, blocks[-1].header)
        if blocks[-1].header.height > target.header.height:
            raise Refused("peer_malformed", "more blocks than were asked for")
        # Bodies last: only now is it known that these headers are worth the work.
        if not all(self._body_matches(block.header, block.body) for block in blocks):
            raise Refused("peer_malformed", "a body that its header does not name")
        return blocks, certificate

    def _check(self, certificate: Certificate, header: Header) -> None:
        check_finalizes(certificate, header)
        verify_certificate(certificate, self._members, self._network_id, verify)


class CatchUpRun:
    """Brings the chain up to one final header after the other, while newer ones may be told."""

    def __init__(
        self,
        reader: PartReader,
        peers: Callable[[], Sequence[bytes]],
        ask: Callable[[bytes, bytes], bool],
        drop: Callable[[bytes, str], None],
        position: Callable[[], tuple[int, bytes]],
        take: Callable[[list[Block], Target], Awaitable[None]],
        finished: Callable[[Target], None],
        pruned: Callable[[], None],
    ) -> None:
        """`peers` are those that can be asked, `ask` sends a want, `drop` closes a liar's
        connection, `position` is the newest (height, digest) handed on, `take` executes and
        commits blocks in order, of which the last is the header it is given, `finished` is told
        when the target is reached, `pruned` that some keep the wanted blocks no longer and nobody
        else gives them."""
        self._reader = reader
        self._peers = peers
        self._ask = ask
        self._drop = drop
        self._position = position
        self._take = take
        self._finished = finished
        self._pruned = pruned
        self._first_kept: dict[bytes, int] = {}
        self._fruitless: Counter[bytes] = Counter()
        """How often each was asked in vain for the blocks that are next."""
        self._target: Target | None = None
        self._prefer: bytes | None = None
        self._turn = 0
        self._answer: tuple[bytes, asyncio.Future[bytes]] | None = None
        self._log = structlog.get_logger("catch_up")
        self.blocks_taken = 0

    @property
    def target_height(self) -> int | None:
        """Where it goes; None while there is nothing to catch up with."""
        return None if self._target is None else self._target.header.height

    def aim(self, target: Target, prefer: bytes | None) -> bool:
        """Go (also) to this final header; True if `run` must be started."""
        idle = self._target is None
        if self._target is None or target.header.height > self._target.header.height:
            self._target = target
            self._prefer = prefer
        return idle

    def answered(self, peer_key: bytes, content: bytes) -> None:
        """A peer sent blocks; ignored unless this one was asked."""
        if self._answer is not None and self._answer[0] == peer_key:
            future = self._answer[1]
            if not future.done():
                future.set_result(content)

    def pruned_below(self, peer_key: bytes, first_kept: int) -> None:
        """A peer says that it keeps no blocks below this height."""
        self._first_kept[peer_key] = first_kept
        self.answered(peer_key, b"")

    def forget(self) -> None:
        """There is nothing to catch up with any more."""
        self._target = None

    async def run(self) -> None:
        """Until the newest target is reached. Raises what `take` raises."""
        while self._target is not None:
            target = self._target
            height, digest = self._position()
            if height >= target.header.height:
                self._target = None
                self._finished(target)
                return
            part = await self._next_part(height, digest, target)
            if part is not None:
                blocks, vouching = part
                last = blocks[-1].header
                reached = target if last == target.header else Target(last, vouching)
                await self._take(blocks, reached)
                if self._position() == (height, digest):
                    # They were of no use; asking for the same again at once would never end.
                    self._log.warning("blocks_not_taken", height=height, blocks=len(blocks))
                    self._prefer = None
                    await asyncio.sleep(_REST_SECONDS)
                else:
                    self.blocks_taken += len(blocks)
                    self._fruitless.clear()

    async def _next_part(
        self, height: int, digest: bytes, target: Target
    ) -> tuple[list[Block], Certificate] | None:
        peer = self._choose_peer(height + 1)
        if peer is None:
            await asyncio.sleep(_REST_SECONDS)
            return None
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        asked = loop.time()
        self._answer = (peer, future)
        self._fruitless[peer] += 1
        try:
            if not self._ask(peer, pack_range(height + 1, target.header.height)):
                raise Refused("peer_unreachable", "not connected")
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                content = await future
            if not content and self._first_kept.get(peer, 0) > height + 1:
                self._prefer = None
                return None
            blocks, vouching = self._reader.read(content, height + 1, digest, target)
        except Refused as refusal:
            self._log.warning("blocks_refused", peer=peer.hex()[:16], reason=str(refusal))
            self._drop(peer, str(refusal))
            self._prefer = None
            await asyncio.sleep(_REST_SECONDS)
            return None
        except TimeoutError:
            self._log.warning("no_blocks_in_time", peer=peer.hex()[:16])
            self._prefer = None
            return None
        finally:
            self._answer = None
        if not blocks or vouching is None:
            self._prefer = None
            await asyncio.sleep(_REST_SECONDS)
            return None
        self._prefer = peer if loop.time() - asked <= QUICK_SECONDS else None
        return blocks, vouching

    def _choose_peer(self, height: int) -> bytes | None:
        """The one that served well before, else each in turn; none that has pruned that height."""
        connected = self._peers()
        peers = [peer for peer in connected if self._first_kept.get(peer, 0) <= height]
        if len(peers) < len(connected):
            # Who has them gives them: one that only promises must not keep us waiting for ever.
            peers = [peer for peer in peers if self._fruitless[peer] < FRUITLESS_MAX]
            if not peers:
                self._first_kept.clear()  # they may be asked again: who says so may be mistaken
                self._fruitless.clear()
                self._pruned()
        if not peers:
            return None
        if self._prefer in peers:
            return self._prefer
        self._turn += 1
        return peers[self._turn % len(peers)]
