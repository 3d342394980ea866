"""What CometBFT does with an application, in one process and without it: for tests of the calls."""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from consensus.cometbft.inclusion import prove
from consensus.header import Header
from ledger.genesis import Genesis
from ledger.transaction import decode_transaction
from node.chain import Chain
from node.committer import Committer, NoJournal
from node.engines.cometbft.ledger import CometLedger
from node.engines.cometbft.messages import CommitInfo, ConsensusParams
from node.engines.cometbft.network_terms import chain_id_of
from node.engines.cometbft.requests import (
    CheckTxType,
    RequestCheckTx,
    RequestCommit,
    RequestFinalizeBlock,
    RequestInfo,
    RequestInitChain,
    RequestPrepareProposal,
    RequestProcessProposal,
)
from node.engines.cometbft.responses import (
    ProposalStatus,
    ResponseCheckTx,
    ResponseFinalizeBlock,
    ResponseInfo,
    ResponseInitChain,
)
from node.start import load_ledger
from node.store import open_store
from node.territory_options import create_data
from primitives.encoding import encode
from tests.node.town import Town

MAX_TX_BYTES = 4 << 20
NO_VOTES = CommitInfo(0, ())
INFO = RequestInfo("0.38.25", 11, 8, "2.0.0")


@dataclass(frozen=True)
class Decided:
    """A block as CometBFT keeps it, to be sent again."""

    height: int
    time_ms: int
    txs: tuple[bytes, ...]

    @property
    def hash(self) -> bytes:
        content = [self.height.to_bytes(8, "big"), self.time_ms.to_bytes(8, "big"), *self.txs]
        return hashlib.sha256(b"".join(content)).digest()


def app_state(genesis: Genesis) -> bytes:
    """Of CometBFT's genesis file."""
    content = base64.b64encode(encode(genesis.value())).decode()
    return json.dumps({"genesis": content}).encode()


class Driver:
    """One application over a test town's first folder, and the blocks that were decided."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.blocks: list[Decided] = []
        self.fatal: list[str] = []
        self.own: list[bytes] = []
        self.height = 0
        self.open()

    def open(self) -> None:
        """Start the application's side, on what is on disk."""
        self.ledger = CometLedger(
            self.town.options(0),
            on_committed=lambda blocks: None,
            on_refused=lambda ids: None,
            on_fatal=lambda reason: self.fatal.append(str(reason)),
            on_own=lambda own: self.own.extend(each.raw for each in own),
            is_current=lambda: True,
            prove_inclusion=lambda raws, index: prove(raws, index).encode(),
        )
        self.application = self.ledger.application

    async def close(self) -> None:
        await self.ledger.close()

    # -- what CometBFT asks -------------------------------------------------------------------

    async def info(self) -> ResponseInfo:
        return await self.application.info(INFO)

    def genesis_request(self, **changes: object) -> RequestInitChain:
        genesis = self.town.genesis
        fields: dict[str, object] = {
            "time_ns": genesis.time_ms * 1_000_000,
            "chain_id": chain_id_of(genesis.network_id),
            "consensus_params": ConsensusParams(),
            "validators": (),
            "app_state": app_state(genesis),
            "initial_height": 1,
        }
        return RequestInitChain(**{**fields, **changes})  # type: ignore[arg-type]

    async def begin(self) -> ResponseInitChain:
        return await self.application.init_chain(self.genesis_request())

    async def check(self, raw: bytes, *, again: bool = False) -> ResponseCheckTx:
        kind = CheckTxType.RECHECK if again else CheckTxType.NEW
        return await self.application.check_tx(RequestCheckTx(raw, kind))

    async def prepare(
        self, txs: Sequence[bytes], time_ms: int, max_tx_bytes: int = MAX_TX_BYTES
    ) -> tuple[bytes, ...]:
        request = RequestPrepareProposal(
            max_tx_bytes, tuple(txs), NO_VOTES, (), self.height + 1, time_ms * 1_000_000, b"", b""
        )
        return (await self.application.prepare_proposal(request)).txs

    async def process(self, block: Decided) -> bool:
        request = RequestProcessProposal(
            block.txs, NO_VOTES, (), block.hash, block.height, block.time_ms * 1_000_000, b"", b""
        )
        status = (await self.application.process_proposal(request)).status
        return status is ProposalStatus.ACCEPT

    async def finalize(self, block: Decided) -> ResponseFinalizeBlock:
        request = RequestFinalizeBlock(
            block.txs, NO_VOTES, (), block.hash, block.height, block.time_ms * 1_000_000, b"", b""
        )
        return await self.application.finalize_block(request)

    def block(self, txs: Sequence[bytes], time_ms: int) -> Decided:
        return Decided(self.height + 1, time_ms, tuple(txs))

    async def decide(self, txs: Sequence[bytes], time_ms: int) -> ResponseFinalizeBlock:
        """Propose what applies of these, accept and finalize it, and commit."""
        return await self.must_take(self.block(await self.prepare(txs, time_ms), time_ms))

    async def must_take(self, block: Decided) -> ResponseFinalizeBlock:
        """The other half, for a block that somebody proposed."""
        if not await self.process(block):
            raise AssertionError("our own proposal was refused")
        return await self.replay(block)

    async def replay(self, block: Decided) -> ResponseFinalizeBlock:
        """A block that was decided is executed and committed, perhaps never shown before."""
        answer = await self.finalize(block)
        if block.height > len(self.blocks):
            self.blocks.append(block)
        await self.application.commit(RequestCommit())
        self.height = block.height
        return answer


class BuiltIn:
    """The built-in engine's executor over a folder of its own: a block for each transaction."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        create_data(folder / "journal", folder / "store", town.store_kind)
        self.store = open_store(folder / "store", town.store_kind)
        self.chain = Chain(self.store)
        loaded = load_ledger(self.chain, town.genesis)
        self.executor, self.epochs = loaded.executor, loaded.epochs
        self.failures: list[BaseException] = []
        self.committer = Committer(
            self.chain, self.executor, NoJournal(), lambda _: None, self.failures.append
        )
        self.roots = [self.root]
        """After each number of transactions."""

    @property
    def root(self) -> bytes:
        return self.executor.commitment.root_after(self.executor.state.tip)

    async def take(self, raws: Sequence[bytes], time_ms: int) -> None:
        """Each in a block of its own; one that is left out would be a fault of the test."""
        for raw in raws:
            await self._block([raw], time_ms)
            self.roots.append(self.root)

    async def empty(self, time_ms: int) -> None:
        """What ends an epoch that is due."""
        await self._block([], time_ms)

    async def _block(self, raws: Sequence[bytes], time_ms: int) -> None:
        rules = self.executor.state.rules
        network_id = self.town.network_id
        transactions = [decode_transaction(raw, network_id, rules) for raw in raws]
        newest = self.chain.newest
        parent: Header | None = None if newest is None else newest.header
        if parent is not None and parent.epoch != self.executor.epoch.number:
            parent = None
        built = self.executor.build(self.chain.height + 1, parent, transactions, time_ms)
        assert built is not None and not built[1], "the built-in engine left it out"
        self.committer.submit([built[0]], None)
        await self.committer.drained()
        assert not self.failures
        header = built[0].header
        if header.next_set_hash is not None:
            self.executor.begin_epoch(self.epochs.advance())

    async def close(self) -> None:
        await self.committer.close()
        self.store.close()


def file_names(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below, with its size and when it was written."""
    found: dict[str, tuple[int, int]] = {}
    for root, _, names in os.walk(folder):
        for name in names:
            status = (Path(root) / name).stat()
            found[str(Path(root) / name)] = (status.st_size, status.st_mtime_ns)
    return found
