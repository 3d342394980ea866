"""Our snapshots in the form in which CometBFT passes them on.

CometBFT's snapshot at a height is the state after that block, which its header at the height above
names; ours at a height is the state before that block (`node.snapshots`). So ours at h is theirs at
h − 1. Their metadata are the roots of all parts, without our own header: this one nobody signed,
and what lies under the roots is checked against the header that validators did sign. Chunk n is
part n.
"""

import asyncio
import hashlib
import time

import structlog

from consensus.header import Header
from ledger.genesis import Genesis
from node.chain import Chain
from node.engines.cometbft.messages import Snapshot
from node.snapshots.manifest import Manifest
from node.snapshots.shelf import Held, SnapshotShelf
from primitives.encoding import decode, encode
from primitives.errors import InvariantBroken, Refused

FORMAT = 1
METADATA_BYTES_MAX = 4_000_000 - 1024
"""CometBFT's message that offers a snapshot has 4 MB at most; what is larger is not offered."""

REST_SECONDS_MAX = 0.1
"""As long as a part took to read, and at most so long, the next one waits."""


def metadata_of(manifest: Manifest) -> bytes:
    """The roots of all its parts."""
    return encode(
        (
            "comet_snapshot",
            FORMAT,
            manifest.slots,
            manifest.level,
            b"".join(manifest.object_roots),
            manifest.receipts,
            b"".join(manifest.receipt_roots),
            manifest.open_root,
        )
    )


def manifest_of(offered: Snapshot, header: Header) -> Manifest:
    """The manifest that a peer's offer amounts to, under a header whose state root is verified.
    Refuses `snapshot_wrong` unless its roots give that state root."""
    if offered.hash != hashlib.sha256(offered.metadata).digest():
        raise Refused("snapshot_wrong", "its hash is another")
    match decode(offered.metadata, bytes_max=METADATA_BYTES_MAX, depth_max=1):
        case ("comet_snapshot", int(version), *roots) if type(version) is int:
            told = encode(("snapshot", version, header.encode(), *roots))
        case _:
            raise Refused("snapshot_wrong", "no roots of a snapshot")
    manifest = Manifest.decode(told)
    if manifest.parts != offered.chunks or manifest.height != offered.height + 1:
        raise Refused("snapshot_wrong", "another number of parts, or another height")
    manifest.check()
    return manifest


def snapshot_heights(shelf: SnapshotShelf, chain: Chain, genesis: Genesis) -> list[int]:
    """Heights, as CometBFT counts them, of what is offered; newest first."""
    return [held.manifest.height - 1 for held in _listed(shelf, chain, genesis)]


def _listed(shelf: SnapshotShelf, chain: Chain, genesis: Genesis) -> list[Held]:
    """A newcomer wants to see the header two above the snapshot, and never asks again for one that
    it could not see; and a header at the snapshot's own height, so the genesis's is none."""
    return [
        held
        for held in shelf.held
        if held.manifest.height + 1 <= chain.height and held.manifest.height - 1 > genesis.height
    ]


class SnapshotServing:
    """Answers CometBFT's questions for other nodes. A part is read and checked in a thread."""

    def __init__(self, shelf: SnapshotShelf, chain: Chain, genesis: Genesis) -> None:
        self._shelf = shelf
        self._chain = chain
        self._genesis = genesis
        self._log = structlog.get_logger("snapshots")
        self.parts_sent = 0

    def offered(self) -> tuple[Snapshot, ...]:
        """Those that peers may fetch, newest first."""
        found: list[Snapshot] = []
        for held in _listed(self._shelf, self._chain, self._genesis):
            manifest, metadata = held.manifest, metadata_of(held.manifest)
            if len(metadata) > METADATA_BYTES_MAX:
                self._log.warning("snapshot_too_large_to_offer", height=manifest.height)
                continue
            digest = hashlib.sha256(metadata).digest()
            found.append(Snapshot(manifest.height - 1, FORMAT, manifest.parts, digest, metadata))
        return tuple(found)

    async def part(self, height: int, form: int, number: int) -> bytes:
        """A part's bytes; none where it is not there, or can't be read."""
        held = self._shelf.at(height + 1)
        if held is None or form != FORMAT or number >= held.manifest.parts:
            return b""
        began = time.perf_counter()
        try:
            content = await asyncio.to_thread(self._shelf.read_part, held, number)
        except (OSError, Refused, InvariantBroken) as error:
            self._log.error("part_unreadable", height=held.manifest.height, reason=str(error))
            return b""
        self.parts_sent += 1
        # Checking one holds the interpreter, and whoever fetches has hundreds to ask for.
        await asyncio.sleep(min(time.perf_counter() - began, REST_SECONDS_MAX))
        return content
