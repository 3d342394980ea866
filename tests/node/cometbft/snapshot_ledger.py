"""The ledger of words with snapshots: of each fifth height, in small chunks."""

import hashlib
import json
from pathlib import Path

from node.engines.cometbft.messages import Snapshot
from node.engines.cometbft.requests import (
    RequestApplySnapshotChunk,
    RequestCommit,
    RequestListSnapshots,
    RequestLoadSnapshotChunk,
    RequestOfferSnapshot,
)
from node.engines.cometbft.responses import (
    ApplySnapshotChunkResult,
    OfferSnapshotResult,
    ResponseApplySnapshotChunk,
    ResponseCommit,
    ResponseListSnapshots,
    ResponseLoadSnapshotChunk,
    ResponseOfferSnapshot,
)
from node.private_files import replace_file
from tests.node.cometbft.ledger_of_words import WordLedger, Words

EVERY = 5
CHUNK_BYTES = 16
FORMAT = 1


class SnapshotLedger(WordLedger):
    """See the module's docstring. `lie` makes it serve a wrong second chunk."""

    def __init__(self, file: Path, admitted: frozenset[str] | None = None) -> None:
        super().__init__(file, admitted)
        self._made: dict[int, bytes] = {}
        self._offer: RequestOfferSnapshot | None = None
        self._chunks: list[bytes] = []
        self.senders_rejected: list[str] = []
        self.restored_at = 0
        self.lie = False

    async def commit(self, request: RequestCommit) -> ResponseCommit:
        answer = await super().commit(request)
        if self.committed.height % EVERY == 0:
            self._made[self.committed.height] = json.dumps(self.committed.words).encode()
        return answer

    async def list_snapshots(self, request: RequestListSnapshots) -> ResponseListSnapshots:
        return ResponseListSnapshots(
            tuple(
                Snapshot(
                    height,
                    FORMAT,
                    -(-len(raw) // CHUNK_BYTES),
                    hashlib.sha256(raw).digest(),
                    b"".join(hashlib.sha256(part).digest() for part in _parts(raw)),
                )
                for height, raw in self._made.items()
            )
        )

    async def load_snapshot_chunk(
        self, request: RequestLoadSnapshotChunk
    ) -> ResponseLoadSnapshotChunk:
        raw = self._made.get(request.height, b"")
        if self.lie and request.chunk == 1:
            return ResponseLoadSnapshotChunk(b"lies")
        begin = request.chunk * CHUNK_BYTES
        return ResponseLoadSnapshotChunk(raw[begin : begin + CHUNK_BYTES])

    async def offer_snapshot(self, request: RequestOfferSnapshot) -> ResponseOfferSnapshot:
        if request.snapshot.format != FORMAT:
            return ResponseOfferSnapshot(OfferSnapshotResult.REJECT_FORMAT)
        self._offer, self._chunks = request, []
        return ResponseOfferSnapshot(OfferSnapshotResult.ACCEPT)

    async def apply_snapshot_chunk(
        self, request: RequestApplySnapshotChunk
    ) -> ResponseApplySnapshotChunk:
        assert self._offer is not None
        snapshot, index = self._offer.snapshot, request.index
        wanted = snapshot.metadata[32 * index : 32 * index + 32]
        if hashlib.sha256(request.chunk).digest() != wanted:
            self.senders_rejected.append(request.sender)
            return ResponseApplySnapshotChunk(
                ApplySnapshotChunkResult.REJECT_SNAPSHOT, (), (request.sender,)
            )
        self._chunks.append(request.chunk)
        if len(self._chunks) == snapshot.chunks:
            words = Words(snapshot.height, json.loads(b"".join(self._chunks)))
            if words.root != self._offer.app_hash:
                return ResponseApplySnapshotChunk(ApplySnapshotChunkResult.REJECT_SNAPSHOT)
            self.committed, self.restored_at = words, words.height
            content = {"height": words.height, "words": words.words}
            replace_file(self._file, json.dumps(content).encode())
        return ResponseApplySnapshotChunk(ApplySnapshotChunkResult.ACCEPT)


def _parts(raw: bytes) -> list[bytes]:
    return [raw[at : at + CHUNK_BYTES] for at in range(0, len(raw), CHUNK_BYTES)]
