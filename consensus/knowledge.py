"""What a replica holds above the floor: certificates by view, blocks by digest."""

from __future__ import annotations

from consensus.certificates import Certificate
from consensus.config import Final
from consensus.header import Block, Header
from consensus.votes import FINALIZE, NOTARIZE, NULLIFY


class Knowledge:
    """Certificates were verified before they came here; blocks have the body their header names.

    `sound` says of an executed block whether it holds; blocks not in it were not executed yet.
    """

    __slots__ = ("_kept", "blocks", "executing", "floor", "headers", "highest_view", "sound")

    def __init__(self, floor: Final) -> None:
        self.floor = floor
        self.blocks: dict[bytes, Block] = {}
        self.headers: dict[bytes, Header] = {}
        self.sound: dict[bytes, bool] = {}
        self.executing: set[bytes] = set()
        self.highest_view = floor.view
        self._kept: dict[int, dict[int, Certificate]] = {NOTARIZE: {}, NULLIFY: {}, FINALIZE: {}}

    def keep(self, certificate: Certificate) -> bool:
        """Keep it; False if the view is below the floor or such a one is held already."""
        kept = self._kept[certificate.kind]
        if certificate.view <= self.floor.view or certificate.view in kept:
            return False
        kept[certificate.view] = certificate
        self.highest_view = max(self.highest_view, certificate.view)
        return True

    def get(self, view: int, kind: int) -> Certificate | None:
        """The certificate of that view and kind; 0 for any."""
        if kind:
            return self._kept[kind].get(view)
        for each in (FINALIZE, NOTARIZE, NULLIFY):
            found = self._kept[each].get(view)
            if found is not None:
                return found
        return None

    def certified_digest(self, view: int) -> bytes | None:
        """The digest that N or F of `view` stands for; F counts as N. The floor's too."""
        if view == self.floor.view:
            return self.floor.digest
        found = self._kept[NOTARIZE].get(view) or self._kept[FINALIZE].get(view)
        return None if found is None else found.digest

    def highest_final(self) -> Certificate | None:
        """The newest F above the floor."""
        finals = self._kept[FINALIZE]
        return finals[max(finals)] if finals else None

    def committable_final(self) -> Certificate | None:
        """The newest F above the floor; where it is not known which block it makes final, the
        newest one that is known to end the epoch, if there is one: closing blocks join no chain,
        so that nobody may have those any more, and the boundary is the same under each."""
        newest = self.highest_final()
        finals = self._kept[FINALIZE]
        for view in sorted(finals, reverse=True):
            _, digest, _ = self.closing(finals[view].digest, view)
            header = self.header(digest)
            if header is not None and (finals[view] is newest or header.next_set_hash is not None):
                return finals[view]
        return newest

    def certificates(self) -> list[Certificate]:
        """All above the floor, newest view first."""
        every = [c for kept in self._kept.values() for c in kept.values()]
        return sorted(every, key=lambda c: (c.view, c.kind), reverse=True)

    def newest(self) -> Certificate | None:
        """The certificate of the highest view."""
        return self.get(self.highest_view, 0)

    def holders(self, digest: bytes, view: int) -> tuple[int, ...]:
        """Indices of members who signed for this block of `view`, so that they should hold it."""
        for kind in (NOTARIZE, FINALIZE):
            found = self._kept[kind].get(view)
            if found is not None and found.digest == digest:
                return found.signers(len(found.bitmap) * 8)
        return ()

    def notarized_views(self) -> list[int]:
        """Views above the floor with an N."""
        return sorted(self._kept[NOTARIZE])

    @property
    def notarized_count(self) -> int:
        """How many views above the floor have an N."""
        return len(self._kept[NOTARIZE])

    def has_certified_above(self) -> bool:
        """Whether a notarized or finalized block waits above the floor."""
        return bool(self._kept[NOTARIZE] or self._kept[FINALIZE])

    def header(self, digest: bytes) -> Header | None:
        """The header of a block above the floor, or of the floor."""
        return self.floor.header if digest == self.floor.digest else self.headers.get(digest)

    def is_executed(self, digest: bytes) -> bool:
        """Whether a child may be executed on it."""
        return digest == self.floor.digest or self.sound.get(digest, False)

    def add_block(self, block: Block) -> None:
        """Hold a block above the floor."""
        if block.header.view <= self.floor.view:
            return
        self.blocks[block.digest] = block
        self.headers[block.digest] = block.header

    def branch(self, digest: bytes, view: int) -> tuple[list[Block], tuple[bytes, int] | None]:
        """The blocks from above the floor up to `digest` (of `view`), oldest first, and digest and
        view of the first one that is not held (None if the branch reaches the floor)."""
        blocks: list[Block] = []
        while digest != self.floor.digest:
            block = self.blocks.get(digest)
            if block is None:
                return blocks[::-1], (digest, view)
            blocks.append(block)
            digest, view = block.header.parent_digest, block.header.parent_view
        return blocks[::-1], None

    def closing(self, digest: bytes, view: int) -> tuple[tuple[Header, ...], bytes, int]:
        """The closing headers from `digest` (of `view`) down, oldest first, and digest and view of
        what they stand on: of `digest` itself if its header is no closing one, or not known."""
        headers: list[Header] = []
        header = self.header(digest)
        while header is not None and header.closing:
            headers.append(header)
            digest, view = header.parent_digest, header.parent_view
            header = self.header(digest)
        return tuple(headers[::-1]), digest, view

    def drop_block(self, digest: bytes) -> None:
        """Let go of a block: it can be asked for again should it ever matter."""
        self.blocks.pop(digest, None)
        self.headers.pop(digest, None)
        self.sound.pop(digest, None)
        self.executing.discard(digest)

    def move_floor(self, floor: Final) -> None:
        """Forget what is at or below the new floor, and the branches it leaves."""
        self.floor = floor
        self.highest_view = max(self.highest_view, floor.view)
        for kept in self._kept.values():
            for view in [view for view in kept if view <= floor.view]:
                del kept[view]
        dead = [d for d, header in self.headers.items() if header.view <= floor.view]
        for digest in dead:
            self.drop_block(digest)
