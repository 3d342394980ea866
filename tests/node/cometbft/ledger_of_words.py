"""A small replicated application: transactions are words, the state is their count and a hash.

It keeps CometBFT's rules as the ledger must: proposals change nothing, FinalizeBlock writes
nothing, Commit does. Its file is what a crash leaves. The word `leave:KEY` takes a validator away,
`bug` makes the application raise when it is decided, and `diverges` gives another root for one.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from node.engines.cometbft.messages import ExecTxResult, ValidatorUpdate
from node.engines.cometbft.requests import (
    RequestApplySnapshotChunk,
    RequestCheckTx,
    RequestCommit,
    RequestFinalizeBlock,
    RequestInfo,
    RequestInitChain,
    RequestListSnapshots,
    RequestLoadSnapshotChunk,
    RequestOfferSnapshot,
    RequestPrepareProposal,
    RequestProcessProposal,
    RequestQuery,
)
from node.engines.cometbft.responses import (
    ApplySnapshotChunkResult,
    OfferSnapshotResult,
    ProposalStatus,
    ResponseApplySnapshotChunk,
    ResponseCheckTx,
    ResponseCommit,
    ResponseFinalizeBlock,
    ResponseInfo,
    ResponseInitChain,
    ResponseListSnapshots,
    ResponseLoadSnapshotChunk,
    ResponseOfferSnapshot,
    ResponsePrepareProposal,
    ResponseProcessProposal,
    ResponseQuery,
)
from node.private_files import replace_file
from primitives.errors import InvariantBroken

APP_VERSION = 1
BAD_WORD = b"forged"
FORGED, COMMITTED = 1, 2
"""What CheckTx answers to that, and to a word that was said before."""


@dataclass
class Words:
    """What was committed: all words in order, the height, and the hash that the chain names."""

    height: int = 0
    words: list[str] = field(default_factory=list)

    @property
    def root(self) -> bytes:
        """A hash of the words alone: an empty block leaves it as it was."""
        return hashlib.sha256("\n".join(self.words).encode()).digest()


class WordLedger:
    """See the module's docstring. `admitted` are the node ids that may connect; None: all."""

    def __init__(self, file: Path, admitted: frozenset[str] | None = None) -> None:
        self._file = file
        self.admitted = admitted
        self.committed = Words()
        if file.exists():
            found = json.loads(file.read_text())
            self.committed = Words(found["height"], found["words"])
        self._next: Words | None = None
        self.turned_away: set[str] = set()
        self.decided_at: dict[str, int] = {}
        self.diverges = False

    async def info(self, request: RequestInfo) -> ResponseInfo:
        root = self.committed.root if self.committed.height else b""
        return ResponseInfo(self.committed.height, root, APP_VERSION)

    async def init_chain(self, request: RequestInitChain) -> ResponseInitChain:
        return ResponseInitChain(Words().root)

    async def query(self, request: RequestQuery) -> ResponseQuery:
        if request.path.startswith("/p2p/filter/id/") and self.admitted is not None:
            node_id = request.path.rsplit("/", 1)[1]
            if node_id not in self.admitted:
                self.turned_away.add(node_id)
                return ResponseQuery(1)
        return ResponseQuery(value=self.committed.root, height=self.committed.height)

    async def check_tx(self, request: RequestCheckTx) -> ResponseCheckTx:
        return ResponseCheckTx(self._code(request.tx, self.committed.words))

    def _code(self, tx: bytes, words: list[str]) -> int:
        return COMMITTED if tx.decode() in words else FORGED if tx == BAD_WORD else 0

    async def prepare_proposal(self, request: RequestPrepareProposal) -> ResponsePrepareProposal:
        chosen: list[bytes] = []
        for tx in request.txs:
            if not self._code(tx, [*self.committed.words, *map(bytes.decode, chosen)]):
                chosen.append(tx)
        return ResponsePrepareProposal(tuple(chosen))

    async def process_proposal(self, request: RequestProcessProposal) -> ResponseProcessProposal:
        words = list(self.committed.words)
        for tx in request.txs:
            if self._code(tx, words):
                return ResponseProcessProposal(ProposalStatus.REJECT)
            words.append(tx.decode())
        return ResponseProcessProposal(ProposalStatus.ACCEPT)

    async def finalize_block(self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock:
        new = [tx.decode() for tx in request.txs]
        if "bug" in new:
            raise InvariantBroken("a word that breaks everything")
        self._next = Words(request.height, [*self.committed.words, *new])
        self.decided_at.update(dict.fromkeys(new, request.height))
        updates = tuple(
            ValidatorUpdate(bytes.fromhex(word.removeprefix("leave:")), 0)
            for word in new
            if word.startswith("leave:")
        )
        results = tuple(ExecTxResult() for _ in request.txs)
        root = bytes(32) if self.diverges else self._next.root
        return ResponseFinalizeBlock(results, root, updates)

    async def commit(self, request: RequestCommit) -> ResponseCommit:
        assert self._next is not None
        self.committed, self._next = self._next, None
        content = {"height": self.committed.height, "words": self.committed.words}
        replace_file(self._file, json.dumps(content).encode())
        return ResponseCommit()

    async def list_snapshots(self, request: RequestListSnapshots) -> ResponseListSnapshots:
        return ResponseListSnapshots()

    async def load_snapshot_chunk(
        self, request: RequestLoadSnapshotChunk
    ) -> ResponseLoadSnapshotChunk:
        return ResponseLoadSnapshotChunk(b"")

    async def offer_snapshot(self, request: RequestOfferSnapshot) -> ResponseOfferSnapshot:
        return ResponseOfferSnapshot(OfferSnapshotResult.REJECT)

    async def apply_snapshot_chunk(
        self, request: RequestApplySnapshotChunk
    ) -> ResponseApplySnapshotChunk:
        return ResponseApplySnapshotChunk(ApplySnapshotChunkResult.ABORT)
