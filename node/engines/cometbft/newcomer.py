"""A node under CometBFT that has no state yet: CometBFT takes a snapshot of its peers.

First every epoch is proved from the genesis on (`epoch_proofs`), then CometBFT is started with a
header below the snapshots, which that proved, and gets from its two doors nothing that did not. The
ledger of the snapshot executes the first blocks above it; then both sides stop, and the node starts
as any other, with the store that was made. Whatever is killed before begins anew (`settle`).

Where nobody has a snapshot, or none could be fetched, every block is.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from consensus.cometbft.inclusion import prove
from consensus.cometbft.light import SignedHeader
from node.addresses import url_of
from node.clock import now_ms
from node.engines.cometbft.comet_settings import Reachable, comet_settings
from node.engines.cometbft.configuration import CometFolder, StateSync
from node.engines.cometbft.epoch_proofs import ProvedEpochs
from node.engines.cometbft.ledger import CometLedger
from node.engines.cometbft.light_answers import LightAnswers
from node.engines.cometbft.light_door import LightDoor
from node.engines.cometbft.members_asked import MembersAsked, NoAnswer
from node.engines.cometbft.network_terms import chain_id_of, node_ids_of
from node.engines.cometbft.own_signer import OwnSigner, Voters, record_opener
from node.engines.cometbft.program import check_program, find_program
from node.engines.cometbft.rpc import RpcRefused, RpcUnavailable
from node.engines.cometbft.running import RunningComet
from node.engines.cometbft.snapshot_store import (
    SnapshotStore,
    is_empty,
    mark_begun,
    remove_unfinished,
    settle,
)
from node.engines.cometbft.sync_application import SyncApplication
from node.engines.cometbft.sync_trust import SyncTrust
from node.engines.port import NewcomerTold
from node.observers import Observers
from node.territory_options import TerritoryOptions, own_address
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import SEED_BYTES, SigningKey

ATTEMPTS_MAX = 3
LOOK_SECONDS_MAX = 30.0
"""So long who joins waits for a member that answers."""
AGAIN_SECONDS = 1.0
UNCONFIRMED_AGAIN_SECONDS = 10.0
STILL_SECONDS_MAX = 180.0
"""Nothing new for so long, though peers are there: CometBFT gives up a snapshot after two minutes,
and says nothing when it gives up for good."""
ENDS_MAX = 5
"""As often CometBFT may end by itself before another header is looked for."""

_FATAL = frozenset({"rule_version_unknown", "history_differs"})


async def newcomer_for(options: TerritoryOptions, told: NewcomerTold) -> "CometNewcomer | None":
    """Who takes a snapshot for this node; None where it has a state, wants every block, or is not
    far behind. What an earlier attempt left is settled first. Raises as `CometNode`."""
    settle(options)
    if options.full_history or not is_empty(options):
        return None
    loop = asyncio.get_running_loop()
    until = loop.time() + (LOOK_SECONDS_MAX if options.join_from is not None else 0)
    async with MembersAsked(_urls(options, _founders(options))) as members:
        while True:
            heights = await members.heights()
            if heights or loop.time() >= until:
                break
            await asyncio.sleep(AGAIN_SECONDS)
        behind = _agreed(list(heights.values())) - options.genesis.height
        if behind <= options.sync_behind_blocks or not await _offered(members):
            return None
    return CometNewcomer(options, told)


class CometNewcomer:
    """See the module's docstring. Raises `Refused` as `CometNode` does."""

    def __init__(self, options: TerritoryOptions, told: NewcomerTold) -> None:
        self._options = options
        self._told = told
        self._program = find_program()
        check_program(self._program)
        genesis = options.genesis
        self._signer = self._silent_signer()
        self._observers = Observers(options.observers_folder)
        self._proved = ProvedEpochs(genesis)
        self._store = SnapshotStore(options)
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("state_sync")

    def _silent_signer(self) -> OwnSigner:
        """Without a state nobody knows who votes: nothing is signed until the node starts as any
        other. A record that can't be believed is refused here as there."""
        options, network_id = self._options, self._options.genesis.network_id
        chain_id = chain_id_of(network_id)
        return OwnSigner(
            chain_id,
            options.keys_for_cometbft(),
            Voters(0, ()),
            record_opener(options.journal_folder.parent, network_id, chain_id),
            SigningKey.from_seed(secrets.token_bytes(SEED_BYTES)),
        )

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Leave it; the next start begins anew."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        self._log.info("fetching_a_snapshot", height=self._options.genesis.height)
        try:
            for _ in range(ATTEMPTS_MAX):
                if await self._attempt():
                    await asyncio.to_thread(self._store.keep)
                    self._told.on_synced()
                    return
                await asyncio.to_thread(settle, self._options)
        except (OSError, InvariantBroken) as error:
            self._told.on_fatal(str(error))
            return
        except Refused as refusal:
            self._told.on_fatal(refusal)
            return
        self._log.warning("no_snapshot")
        self._told.on_none()

    async def _attempt(self) -> bool:
        """Whether a store was made. Raises `Refused` for what no other attempt would change."""
        async with MembersAsked(_urls(self._options, self._known_members())) as members:
            answers = LightAnswers(self._proved, members)
            trust = SyncTrust(
                self._options.genesis,
                self._proved,
                answers,
                members,
                self._options.checkpoint,
                now_ms,
            )
            try:
                await answers.follow()
                members.add(_urls(self._options, self._known_members()))
                root = await self._root(members, answers)
                await self._believe(trust, root)
            except (NoAnswer, Refused) as error:
                if isinstance(error, Refused) and error.code in _FATAL:
                    raise
                self._log.warning("no_snapshot", reason=str(error))
                return False
            return await self._take(answers, root, trust.period_s(root))

    async def _root(self, members: MembersAsked, answers: LightAnswers) -> SignedHeader:
        """A header that no snapshot is below, for CometBFT to go on from: of what is offered, the
        lowest that is still kept. Raises `NoAnswer`."""
        for height in sorted(set(await _offered(members))):
            try:
                return await answers.header(height)
            except NoAnswer:
                continue
        raise NoAnswer

    async def _believe(self, trust: SyncTrust, root: SignedHeader) -> None:
        while True:
            try:
                await trust.check(root)
                return
            except Refused as refusal:
                if refusal.code != "history_unconfirmed":
                    raise
                self._log.warning("no_snapshot", reason=str(refusal))
            await asyncio.sleep(UNCONFIRMED_AGAIN_SECONDS)

    # -- CometBFT -------------------------------------------------------------------------------

    async def _take(self, answers: LightAnswers, root: SignedHeader, period_s: int) -> bool:
        """Have CometBFT take a snapshot and go on from it; whether it did."""
        options = self._options
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_fatal(reason: str | Refused) -> None:
            if not failed.done():
                failed.set_result(str(reason))

        application = SyncApplication(
            options.genesis.network_id,
            self._proved,
            answers,
            self._store,
            self._admitted,
            lambda: self._open_ledger(on_fatal),
        )
        folder = CometFolder(options.cometbft_folder)
        doors = [LightDoor(folder.sockets / f"light{n}.sock", answers) for n in (1, 2)]
        bind = options.peer_bind or own_address(options.genesis, options.voting_key.public_key)
        settings = comet_settings(
            options,
            options.voting_key.public_key,
            bind,
            self._known_members(),
            self._observers,
            self._proved.newest.terms.parameters,
        )
        hash_, urls = root.header.hash, [door.url for door in doors]
        sync = StateSync(urls, root.header.height, hash_, period_s)

        async def before_start() -> None:
            # Between a snapshot and its first block CometBFT can't be started again.
            if not application.decided.is_set():
                await application.begin_anew()
                await asyncio.to_thread(remove_unfinished, options)
                mark_begun(options)

        running = RunningComet(
            self._program,
            lambda: replace(settings, state_sync=sync),
            lambda: options.voting_key,
            application,
            self._signer,
            on_fatal,
            before_start=before_start,
        )
        try:
            for door in doors:
                await door.open()
            await running.start()
            return await self._watch(application, running, failed)
        finally:
            await running.stop()
            await application.close()
            for door in doors:
                await door.close()

    async def _watch(
        self, application: SyncApplication, running: RunningComet, failed: asyncio.Future[str]
    ) -> bool:
        """Until the first block above the snapshot is on disk, or nothing happens any more."""
        loop = asyncio.get_running_loop()
        steps, since = -1, loop.time()
        while not application.decided.is_set():
            if failed.done():
                raise InvariantBroken(failed.result())
            try:
                is_alone = not await running.rpc.peers()
            except (RpcUnavailable, RpcRefused):
                is_alone = True
            if application.steps != steps or is_alone:
                steps, since = application.steps, loop.time()
            is_still = loop.time() - since > STILL_SECONDS_MAX
            if is_still or running.supervisor.ends > ENDS_MAX:
                self._log.warning("snapshot_given_up", steps=steps)
                return False
            await asyncio.sleep(AGAIN_SECONDS)
        return True

    def _open_ledger(self, on_fatal: Callable[[str | Refused], None]) -> CometLedger:
        return CometLedger(
            self._store.trial_options,
            on_committed=lambda blocks: None,
            on_refused=lambda ids: None,
            on_fatal=on_fatal,
            on_own=lambda transactions: None,
            is_current=lambda: False,
            prove_inclusion=lambda raws, index: prove(raws, index).encode(),
        )

    # -- who is there ---------------------------------------------------------------------------

    def _known_members(self) -> Sequence[Reachable]:
        """Of the genesis, and of the newest epoch that was proved, newest last."""
        return (*_founders(self._options), *self._proved.newest.terms.members)

    def _admitted(self) -> frozenset[str]:
        admitted, _ = self._observers.readable()
        keys = [each.voting_key for each in (*self._known_members(), *admitted)]
        return node_ids_of(keys)


def _founders(options: TerritoryOptions) -> Sequence[Reachable]:
    return ProvedEpochs(options.genesis).newest.terms.members


def _urls(options: TerritoryOptions, members: Sequence[Reachable]) -> Mapping[str, str]:
    """Where members answer everybody; of one that is named twice, the later place."""
    own = options.voting_key.public_key
    return {each.prefix: url_of(each.http) for each in members if each.voting_key != own}


async def _offered(members: MembersAsked) -> list[int]:
    """The heights of all snapshots that members say they offer."""
    return [height for heights in (await members.snapshots()).values() for height in heights]


def _agreed(heights: Sequence[int]) -> int:
    """As high as more than a third of those who answered say at least; what one says too much
    costs, at worst, one look around."""
    ordered = sorted(heights, reverse=True)
    return ordered[min((len(ordered) - 1) // 3, len(ordered) - 1)] if ordered else 0
