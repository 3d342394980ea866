"""When a node begins with a snapshot, and what follows from that.

An empty node that is far behind does, unless it was started with the full history in mind; and any
node whose next block nobody keeps any more. While it is fetched, the node follows nothing; then it
starts again, with the store that was made. Where nobody has a snapshot, blocks must do. So far this
is for the first epoch only: of a later one a node does not know the members before it has the
blocks, and takes those.
"""

import asyncio
from collections.abc import Callable

import structlog

from consensus.header import Header
from consensus.members import MemberSet
from node.chain import Chain
from node.epochs import Epoch
from node.peers.catch_up import PartReader
from node.peers.network import PeerNetwork
from node.state_sync.run import NoSnapshot, StateSync, SyncPeers
from node.state_sync.staging import Staging
from node.territory_options import TerritoryOptions
from primitives.errors import InvariantBroken, Refused

WIRE_VERSION_MIN = 2
_FAILURES = (NoSnapshot, OSError, Refused, InvariantBroken)


class Syncing:
    """See the module's docstring.

    `on_synced` is told when the store waits to be adopted, `on_none` when there was no snapshot.
    """

    def __init__(
        self,
        options: TerritoryOptions,
        chain: Chain,
        network: PeerNetwork,
        body_matches: Callable[[Header, bytes], bool],
        on_synced: Callable[[], None],
        on_none: Callable[[], None],
    ) -> None:
        self._options = options
        self._chain = chain
        self._network = network
        first = Epoch.first(options.genesis)
        self._members = first.members
        self._reader = PartReader(
            first.number, first.members, options.genesis.network_id, body_matches
        )
        self._on_synced = on_synced
        self._on_none = on_none
        self._run: StateSync | None = None
        self._task: asyncio.Task[None] | None = None
        self._tried = False
        self._pruned = False
        self._log = structlog.get_logger("state_sync")

    @property
    def is_running(self) -> bool:
        """Whether a snapshot is being fetched."""
        return self._task is not None

    def takes(self, target_height: int) -> bool:
        """Whether to fetch a snapshot rather than blocks up to this final height; begins then."""
        if self._task is not None:
            return True
        behind = target_height - self._chain.height
        is_far = self._chain.newest is None and behind > self._options.sync_behind_blocks
        if self._options.full_history or not (self._pruned or (is_far and not self._tried)):
            return False
        self._tried = True
        self._task = asyncio.get_running_loop().create_task(self._fetch())
        return True

    def blocks_pruned(self) -> bool:
        """All others keep the blocks that are needed no longer; whether a snapshot may do."""
        if self._options.full_history:
            self._log.error("history_pruned_everywhere", height=self._chain.height + 1)
            return False
        self._pruned = True
        return True

    def answered(self, peer_key: bytes, frame_type: int, content: bytes) -> bool:
        """A peer sent something; whether it was asked for that here."""
        return self._run is not None and self._run.answered(peer_key, frame_type, content)

    async def _fetch(self) -> None:
        options = self._options
        self._log.info("fetching_a_snapshot", height=self._chain.height)
        names = {each.voting_key: each.prefix for each in options.genesis.territories}
        peers = SyncPeers(
            self._usable,
            self._network.send,
            self._network.drop,
            lambda key: names.get(key, key.hex()[:16]),
        )
        try:
            staging = await asyncio.to_thread(Staging, options.store_folder, options.store_kind)
            network_id = options.genesis.network_id
            self._run = StateSync(
                staging, peers, self._reader, network_id, self._set_of, self._chain.height
            )
            try:
                blocks, certificate = await self._run.run()
                await self._run.finish(options.genesis, self._chain.meta, blocks, certificate)
            finally:
                self._run.close()
        except _FAILURES as failure:
            self._log.warning("no_snapshot", reason=f"{type(failure).__name__} {failure}".strip())
            self._run = self._task = None
            self._pruned = False
            self._on_none()
            return
        self._log.info("snapshot_fetched", height=blocks[-1].header.height)
        self._on_synced()

    def _set_of(self, epoch: int) -> MemberSet | None:
        """Only the members that the genesis names are known to a node that has no block."""
        return self._members if epoch == self._options.genesis.first_epoch else None

    def _usable(self) -> list[bytes]:
        return [
            key
            for key in sorted(self._network.connected)
            if self._network.wire_version(key) >= WIRE_VERSION_MIN
        ]

    async def stop(self) -> None:
        """Go on with it at another time."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
