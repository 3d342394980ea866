"""When a node begins with a snapshot, and what follows from that.

An empty node that is far behind does, unless it was started with the full history in mind; and any
node whose next block nobody keeps any more. While it is fetched, the node follows nothing; then it
starts again, with the store that was made. Where nobody has a snapshot, blocks must do; not where
what leads there rests on keys that are too old (`trust`): then it goes on asking.
"""

import asyncio
from collections.abc import Callable

import structlog

from consensus.header import Block
from consensus.journal_records import certificate_record, position
from node.bounds import frame_bytes_max
from node.chain import Chain
from node.clock import now_ms
from node.epochs import Epoch
from node.journal import Journal
from node.peer_circle import PeerCircle
from node.peers.catch_up import Target
from node.peers.network import PeerNetwork
from node.state_sync.asking import Questions, SyncPeers
from node.state_sync.choosing import NoSnapshot
from node.state_sync.followed import FollowedEpochs
from node.state_sync.run import StateSync
from node.state_sync.staging import Staging
from node.state_sync.trust import TrustPeriod
from node.territory_options import TerritoryOptions
from primitives.errors import InvariantBroken, Refused

WIRE_VERSION_MIN = 3
AGAIN_SECONDS = 10.0
_FAILURES = (NoSnapshot, OSError, Refused, InvariantBroken)
_FATAL = frozenset({"rule_version_unknown", "history_differs"})


class Syncing:
    """See the module's docstring.

    `current` is the newest epoch of this node's own chain. `on_synced` is told when the store waits
    to be adopted, `on_none` when there was no snapshot, `on_fatal` why the node can't go on.
    """

    def __init__(
        self,
        options: TerritoryOptions,
        chain: Chain,
        network: PeerNetwork,
        circle: PeerCircle,
        journal: Journal,
        current: Callable[[], Epoch],
        on_synced: Callable[[], None],
        on_none: Callable[[], None],
        on_fatal: Callable[[Refused], None],
    ) -> None:
        self._options = options
        self._chain = chain
        self._network = network
        self._current = current
        self._circle = circle
        self._journal = journal
        self._on_synced = on_synced
        self._on_none = on_none
        self._on_fatal = on_fatal
        self._questions: Questions | None = None
        self._followed: FollowedEpochs | None = None
        self._task: asyncio.Task[None] | None = None
        self._tried = False
        self._pruned = False
        self._missing = 0
        self._log = structlog.get_logger("state_sync")

    @property
    def missing_height(self) -> int | None:
        """The block that this node needs for the full history, and that nobody connected keeps."""
        return self._missing if self._missing == self._chain.height + 1 else None

    @property
    def is_running(self) -> bool:
        """Whether a snapshot is being fetched."""
        return self._task is not None

    def takes(self, target_height: int) -> bool:
        """Whether to fetch a snapshot rather than blocks up to this final height; begins then."""
        if self._task is not None:
            return True
        # What peers say of their own heights costs, if it is a lie, one look around.
        behind = max(target_height, self._told_height()) - self._chain.height
        is_far = self._chain.newest is None and behind > self._options.sync_behind_blocks
        if self._options.full_history or not (self._pruned or (is_far and not self._tried)):
            return False
        self._tried = True
        self._task = asyncio.get_running_loop().create_task(self._run())
        return True

    def _told_height(self) -> int:
        heights = sorted(self._network.heights(), reverse=True)
        faults = self._current().members.faults
        return heights[min(faults, len(heights) - 1)] if heights else 0

    def blocks_pruned(self) -> bool:
        """Nobody connected gives the block that is next; whether a snapshot may do."""
        if self._options.full_history:
            height = self._chain.height + 1
            if height != self._missing:
                self._log.error("history_pruned_everywhere", height=height)
            self._missing = height  # they are asked again and again: an archive may connect
            return False
        self._pruned = True
        return True

    def answered(self, peer_key: bytes, frame_type: int, content: bytes) -> bool:
        """A peer sent something; whether it was asked for that here."""
        asked = self._questions
        return asked is not None and asked.answered(peer_key, frame_type, content)

    async def _run(self) -> None:
        self._log.info("fetching_a_snapshot", height=self._chain.height)
        while True:
            try:
                await self._fetch()
            except _FAILURES as failure:
                self._log.warning(
                    "no_snapshot", reason=f"{type(failure).__name__} {failure}".strip()
                )
                code = failure.code if isinstance(failure, Refused) else ""
                if isinstance(failure, Refused) and code in _FATAL:
                    self._on_fatal(failure)
                    return
                if code == "history_unconfirmed":
                    await asyncio.sleep(AGAIN_SECONDS)
                    continue
                self._task = None
                self._pruned = False
                self._on_none()
                return
            self._on_synced()
            return

    async def _fetch(self) -> None:
        options, own, genesis = self._options, self._current(), self._options.genesis
        peers = SyncPeers(self._usable, self._network.send, self._network.drop, self._name)
        self._questions = questions = Questions(peers)
        staging = await asyncio.to_thread(Staging, options.store_folder, options.store_kind)
        try:
            epochs = await asyncio.to_thread(
                FollowedEpochs, staging, genesis, self._chain.epoch_record
            )
            self._followed = epochs
            trust = TrustPeriod(self._chain, own, options.checkpoint, now_ms)
            run = StateSync(
                staging,
                epochs,
                questions,
                trust,
                genesis.network_id,
                self._chain.height,
                self._meet_members,
            )
            try:
                blocks, reached = await run.run()
                await self._finish(run, blocks, reached)
            finally:
                run.close()
        finally:
            staging.close()
            self._questions = self._followed = None

    async def _finish(self, run: StateSync, blocks: list[Block], reached: Target) -> None:
        # As the consensus does with what it commits: a journal that ends below the chain is taken
        # for one that is cut, and nothing would be signed any more.
        certificate, named = reached.certificate, (reached.header, *reached.closing)[-1]
        record = certificate_record(certificate, named)
        self._journal.append(record, position(certificate.epoch, certificate.view))
        await self._journal.sync()
        await run.finish(self._options.genesis, self._chain.meta, blocks, reached)
        self._log.info("snapshot_fetched", height=reached.header.height)

    def _meet_members(self) -> None:
        """A later epoch is known: its members serve too, and what they send may be larger."""
        if self._followed is None or not self._followed.newest.is_known:
            return
        newest, own = self._followed.newest, self._current()
        bounds = [frame_bytes_max(epoch.rules) for epoch in (own, newest)]
        self._network.allow_frames(max(bounds))
        self._circle.follow(newest.terms.members)

    def _usable(self) -> list[bytes]:
        return [
            key
            for key in sorted(self._network.connected)
            if self._network.wire_version(key) >= WIRE_VERSION_MIN
        ]

    def _name(self, key: bytes) -> str:
        """What the log calls a peer."""
        founders = ((each.voting_key, each.prefix) for each in self._options.genesis.territories)
        followed = () if self._followed is None else self._followed.newest.terms.members
        later = ((each.voting_key, each.prefix) for each in followed)
        return dict([*founders, *later]).get(key, key.hex()[:16])

    async def stop(self) -> None:
        """Go on with it at another time."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
