"""A network of real `cometbft` processes on this machine, each with a small application of ours."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from node.engines.cometbft.comet_genesis import CometGenesis, GenesisValidator
from node.engines.cometbft.configuration import CometPeer, CometSettings, node_id_of
from node.engines.cometbft.messages import (
    BlockParams,
    ConsensusParams,
    EvidenceParams,
)
from node.engines.cometbft.program import find_program
from node.engines.cometbft.rpc import CometRpc, RpcRefused, RpcUnavailable, TransactionKnown
from node.engines.cometbft.running import RunningComet
from node.engines.cometbft.signed_last import SignedLastFile
from node.engines.cometbft.signer import Signer
from primitives.signatures import SigningKey
from tests.node.cometbft.ledger_of_words import APP_VERSION, COMMITTED, WordLedger, Words
from tests.ports import free_ports

CHAIN_ID = "democite-" + "5e" * 20
GENESIS_TIME_NS = 1_700_000_000_000_000_000
PATIENCE_SECONDS = 240
PARAMS = ConsensusParams(
    block=BlockParams(2_200_000),
    evidence=EvidenceParams(100_000, 172_800 * 10**9, 65_536),
    app_version=APP_VERSION,
)


def voting_key(name: str) -> SigningKey:
    """A validator's."""
    return SigningKey.from_seed(name.encode().ljust(32, b"v"))


def node_key(name: str) -> SigningKey:
    """Its CometBFT's among peers."""
    return SigningKey.from_seed(name.encode().ljust(32, b"n"))


@dataclass
class Place:
    """One validator, stopped and started as often as one likes."""

    root: Path
    settings: CometSettings
    admitted: frozenset[str]
    fatal: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    running: RunningComet | None = None
    ledger: WordLedger | None = None
    make_ledger: Callable[[Path, frozenset[str]], WordLedger] = WordLedger

    async def start(self) -> None:
        """Start it; its files are those of before."""
        name = self.settings.name
        self.ledger = self.make_ledger(self.root / f"{name}.words", self.admitted)
        key, path = voting_key(name), self.root / f"{name}.signed"
        if path.exists():
            file = SignedLastFile.read(path, CHAIN_ID, key.public_key)
        else:
            file = SignedLastFile.create(path, CHAIN_ID, key.public_key)
        self.running = RunningComet(
            find_program(),
            lambda: self.settings,
            lambda: node_key(name),
            self.ledger,
            Signer(key, file),
            self.fatal.append,
            on_call=self.calls.append,
        )
        await self.running.start()

    @property
    def comet(self) -> RunningComet:
        """What runs."""
        assert self.running is not None
        return self.running

    @property
    def rpc(self) -> CometRpc:
        """Its RPC."""
        return self.comet.rpc

    @property
    def words(self) -> Words:
        """What its application committed."""
        assert self.ledger is not None
        return self.ledger.committed

    async def stop(self) -> None:
        """Stop it, if it runs."""
        if self.running is not None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.running.stop()
            self.running = None

    async def say(self, word: str) -> None:
        """Hand a word in, however long that takes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    assert (await self.rpc.broadcast(word.encode())).code in (0, COMMITTED)
                    return
                except TransactionKnown:
                    return
                except (RpcUnavailable, RpcRefused):
                    await asyncio.sleep(0.1)


def new_places(root: Path, names: Sequence[str], followers: Sequence[str] = ()) -> list[Place]:
    """A network's validators and followers, not started."""
    validators, names = names, [*names, *followers]
    ports = free_ports(len(names))
    genesis = CometGenesis(
        CHAIN_ID,
        GENESIS_TIME_NS,
        PARAMS,
        [GenesisValidator(voting_key(name).public_key, name) for name in validators],
        b"the words' genesis",
        Words().root,
    )
    ids = [node_id_of(node_key(name).public_key) for name in names]
    return [
        Place(
            root,
            CometSettings(
                home=root / name,
                name=name,
                genesis=genesis,
                p2p_host="127.0.0.1",
                p2p_port=port,
                peers=[
                    CometPeer(other, "127.0.0.1", ports[n])
                    for n, other in enumerate(ids)
                    if names[n] != name
                ],
                delta_ms=500,
                heartbeat_ms=60_000,
                transaction_bytes_max=1024,
            ),
            frozenset(ids),
        )
        for name, port in zip(names, ports, strict=True)
    ]


@asynccontextmanager
async def living(places: Sequence[Place]) -> AsyncIterator[None]:
    """They run meanwhile; then nothing of them does."""
    try:
        for place in places:
            await place.start()
        yield
    finally:
        for place in places:
            await place.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Until it holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.05)
