"""A node of a successor network that has no state yet: it asks its peers for a snapshot.

The first state of such a network follows from its predecessor's and not from its genesis, so there
is nothing here to execute a block on. Until a snapshot has come nothing is voted on, executed or
told to anyone; then the node starts again, with the store that was made of it. The members' epochs
are followed from the successor's genesis on, and a snapshot counts that a certificate of one of
them names: one of the first state, which every member makes at the first block, or a later one.

The beginnings of the predecessor's epochs do not come with it: only its own genesis proves them.
"""

import asyncio
from collections.abc import Callable

import structlog

from node.bounds import frame_bytes_max
from node.chain import Chain
from node.epoch_chain import answer_epochs, read_epoch_wanted
from node.epochs import Epoch
from node.journal import Journal
from node.migration import open_current_store
from node.observers import Observers
from node.peer_circle import PeerCircle
from node.peers.catch_up import answer_range, read_range
from node.peers.frames import (
    BLOCKS_PRUNED,
    THESE_BLOCKS,
    THESE_EPOCHS,
    THIS_EPOCH,
    THIS_PART,
    THIS_SNAPSHOT,
    WANT_BLOCKS,
    WANT_EPOCHS,
    WANT_SNAPSHOT,
    WIRE_VERSION,
    Frame,
    Hello,
)
from node.peers.groups import pack_group
from node.peers.network import PeerNetwork
from node.state_sync.syncing import AGAIN_SECONDS, Syncing
from node.store import Store
from node.territory_options import TerritoryOptions, own_address
from primitives.errors import Refused

_ANSWERS = frozenset(
    {THIS_EPOCH, THESE_EPOCHS, THIS_SNAPSHOT, THIS_PART, THESE_BLOCKS, BLOCKS_PRUNED}
)


class Newcomer:
    """See the module's docstring. The node's data was adopted, and holds no state.

    `on_synced` is told when the store waits to be adopted, `on_fatal` why the node can't go on.
    Raises `Refused`: `succession_without_state` where nobody can be asked, or every block is
    wanted; else as `Machinery` does. Nothing stays open then.
    """

    def __init__(
        self,
        options: TerritoryOptions,
        on_synced: Callable[[], None],
        on_fatal: Callable[[str | Refused], None],
    ) -> None:
        self._options = options
        self._on_synced = on_synced
        self._epoch = Epoch.first(options.genesis)
        self._again: asyncio.TimerHandle | None = None
        self._log = structlog.get_logger("node")
        self._store: Store = open_current_store(options.store_folder, options.store_kind)
        try:
            self._chain = Chain(self._store)
            meta = self._chain.meta
            self._journal = Journal(options.journal_folder, meta.journal_id, meta.journal_sequence)
            try:
                self._assemble(on_fatal)
            except BaseException:
                self._journal.close()
                raise
        except BaseException:
            self._store.close()
            raise

    def _assemble(self, on_fatal: Callable[[str | Refused], None]) -> None:
        options, genesis, keys = self._options, self._options.genesis, self._options.keys()
        self._circle = PeerCircle(
            keys.owns,
            options.peer_addresses or {},
            Observers(options.observers_folder),
            lambda: self._epoch.terms.members,
        )
        addresses = self._circle.addresses()
        nobody = not addresses and options.join_from is None
        if genesis.succession is None or options.full_history or nobody:
            raise Refused("succession_without_state", genesis.network_id.hex())
        shown = keys.shown
        self._network = PeerNetwork(
            shown.voting_key,
            shown.transport.key_pem,
            shown.transport.certificate_pem,
            addresses,
            self._hello,
            self,
            frame_bytes_max=frame_bytes_max(self._epoch.rules),
            is_member=self._circle.is_member,
            anyone_at=options.join_from,
        )
        self._syncing = Syncing(
            options,
            self._chain,
            self._network,
            self._circle,
            self._journal,
            lambda: self._epoch,
            self._synced,
            self._none_yet,
            on_fatal,
        )

    def _hello(self) -> Hello:
        options = self._options
        network_id = options.genesis.network_id
        return Hello(WIRE_VERSION, network_id, options.engine, 0, self._epoch.number)

    async def start(self) -> None:
        """Listen, and ask. Refuses `port_in_use`; everything is closed then."""
        options = self._options
        try:
            host, port = options.peer_bind or own_address(
                options.genesis, options.voting_key.public_key
            )
            await self._network.start(host, port)
        except Refused:
            await self.stop()
            raise
        self._circle.begin(self._network)
        self._log.warning("without_state", height=options.genesis.height)
        self._ask()

    async def stop(self) -> None:
        """Ask no more, and close the data; what was fetched stays, to go on with."""
        if self._again is not None:
            self._again.cancel()
        await self._syncing.stop()
        await self._circle.end()
        await self._network.stop()
        self._journal.close()
        self._store.close()

    def _ask(self) -> None:
        # No block is of use here, as where nobody keeps the next one any more.
        self._syncing.blocks_pruned()
        self._syncing.takes(0)

    def _none_yet(self) -> None:
        self._log.warning("waiting_for_a_snapshot", again_seconds=AGAIN_SECONDS)
        self._again = asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._ask)

    def _synced(self) -> None:
        self._log.warning("predecessor_epochs_left_out", first_epoch=self._epoch.number)
        self._on_synced()

    # -- peers (`PeerHandler`) ------------------------------------------------------------------

    def peer_connected(self, peer_key: bytes) -> None:
        """See `PeerHandler`: it is asked when its turn comes."""

    def peer_disconnected(self, peer_key: bytes) -> None:
        """See `PeerHandler`."""

    def peer_frame(self, peer_key: bytes, frame: Frame) -> None:
        """See `PeerHandler`. Who asks hears at once that there is nothing here; the rest is not for
        a node without a state. Refuses `peer_malformed`."""
        kind, content = frame.type, frame.content
        if kind in _ANSWERS:
            self._syncing.answered(peer_key, kind, content)
        elif kind == WANT_BLOCKS:
            answer = answer_range(self._chain, *read_range(content))
            self._network.send(peer_key, THESE_BLOCKS, answer)
        elif kind == WANT_EPOCHS:
            answer = answer_epochs(self._chain, read_epoch_wanted(content))
            self._network.send(peer_key, THESE_EPOCHS, answer)
        elif kind == WANT_SNAPSHOT:
            self._network.send(peer_key, THIS_SNAPSHOT, pack_group([]))
