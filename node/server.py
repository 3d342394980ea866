"""`node start`: one process, from a data folder and a genesis to a node that serves."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web

from ledger.founders import Territory
from ledger.genesis import Genesis
from node.addresses import is_loopback, parse_host_port
from node.api.app import Api, make_app
from node.cards import read_card
from node.cometbft_start import check_cometbft, prepare_cometbft
from node.data_folder import DataFolder
from node.genesis_file import COMETBFT, read_genesis
from node.imports import collect_as_memory_grows, collect_seldom
from node.key_files import KeyFiles
from node.key_watch import KeyWatch
from node.logs import configure_logs
from node.office.office import REGISTRY_FILE, Office
from node.private_files import private_by_default
from node.registry.register import Registry
from node.territory import TerritoryNode, TerritoryOptions
from primitives.checkpoints import parse_checkpoint
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import SigningKey
from terminal.results import json_line, json_wanted

STOP_SECONDS_MAX = 9.0
"""Whatever hangs then is left: the data survives a power cut, so it survives this."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
GRACE_SECONDS = 1.0
BACKLOG = 1_024


@dataclass(frozen=True, slots=True)
class StartPlan:
    """A data folder and the genesis it is to serve, checked as far as no key is needed."""

    folder: DataFolder
    genesis: Genesis
    engine: str
    behind_proxy: bool
    peer_listen: str | None = None
    """HOST:PORT to listen on for members, where the genesis's is not this machine's own."""
    http_listen: str | None = None
    join_from: str | None = None
    """HOST:PORT of any member, for who looks for the network the first time."""
    full_history: bool = False
    """An empty node fetches every block, and begins with no snapshot."""
    checkpoint: tuple[int, bytes] | None = None
    """An epoch and the digest of the block that it begins above, from somebody trusted."""


def plan_start(
    data: Path,
    genesis_file: Path,
    *,
    behind_proxy: bool,
    peer_listen: str | None = None,
    http_listen: str | None = None,
    join_from: str | None = None,
    full_history: bool = False,
    checkpoint: str | None = None,
) -> StartPlan:
    """Check what can be checked before a passphrase is asked for. Raises `Refused`."""
    genesis, engine = read_genesis(genesis_file)
    folder = DataFolder(data)
    folder.check(genesis.network_id, engine)
    if engine == COMETBFT:
        check_cometbft(folder)
    return StartPlan(
        folder,
        genesis,
        engine,
        behind_proxy,
        peer_listen,
        http_listen,
        join_from,
        full_history,
        None if checkpoint is None else parse_checkpoint(checkpoint),
    )


def run(plan: StartPlan, passphrase: str) -> None:
    """Serve until SIGTERM or SIGINT. Raises `Refused` for what keeps the node from starting, and
    `InvariantBroken` where it had to stop itself."""
    configure_logs()
    folder, genesis = plan.folder, plan.genesis
    with _leaving_at_once(), private_by_default(), _locked(folder):
        watch = KeyWatch(KeyFiles(folder), passphrase, with_cometbft=plan.engine == COMETBFT)
        keys = watch.ring.current
        territory = _territory_of(plan, keys.voting)
        _check_addresses(plan, territory)
        peer_listen, join_from = plan.peer_listen or territory.peer, plan.join_from
        with _listener(plan.http_listen or territory.http, "http") as listener:
            # Before the folder is bound to this network: a wrong address is no reason to be.
            with _listener(peer_listen, "peer"):
                pass
            _keep_registry(folder, territory)
            if watch.comet is not None:
                public_key = watch.comet.current.public_key
                prepare_cometbft(folder, genesis.network_id, public_key)
            bound = folder.bind(genesis.network_id, plan.engine)
            options = TerritoryOptions(
                journal_folder=folder.journal,
                store_folder=folder.store,
                store_kind=bound.store,
                genesis=genesis,
                engine=plan.engine,
                voting_key=keys.voting,
                transport=keys.transport,
                key_ring=watch.ring,
                peer_bind=parse_host_port(peer_listen, "peer"),
                join_from=None if join_from is None else parse_host_port(join_from, "--from"),
                full_history=plan.full_history,
                checkpoint=plan.checkpoint,
                comet_keys=watch.comet,
            )
            _loop_run(_serve(options, territory, watch, folder, listener))


def _keep_registry(folder: DataFolder, territory: Territory) -> None:
    """A registry from the first start on. A new one in the place of one that is gone would forget
    what was paid, and its secret, from which the ids of runs follow."""
    file = folder.registry / REGISTRY_FILE
    if folder.read().network_id:
        if not file.exists():
            raise Refused("registry_missing", "the registry is gone", file=str(file))
        return
    Registry.open(file, territory.prefix).close()


@contextlib.contextmanager
def _locked(folder: DataFolder) -> Iterator[None]:
    folder.lock()
    try:
        yield
    finally:
        folder.unlock()


def _territory_of(plan: StartPlan, voting_key: SigningKey) -> Territory:
    """This node's own territory: as the genesis has it, or, where that does not name it, as the
    card says that `node init` left in the folder and that the network votes on. The first time,
    that has to be asked for (`node join`): it may as well be the wrong genesis.

    The voting key may be another than the genesis's: a network gives its members new ones.
    """
    folder, genesis = plan.folder, plan.genesis
    content = folder.read()
    prefix = content.prefix
    for territory in genesis.territories:
        if prefix == territory.prefix or voting_key.public_key == territory.voting_key:
            return territory
    has_joined = plan.join_from is not None or content.network_id == genesis.network_id.hex()
    if has_joined and folder.card_file.exists():
        return read_card(folder.card_file).territory
    raise Refused("genesis_without_us", "this node's territory is not in the genesis")


def _check_addresses(plan: StartPlan, territory: Territory) -> None:
    http, peer = plan.http_listen or territory.http, plan.peer_listen or territory.peer
    http_host, _ = parse_host_port(http, "http")
    peer_host, _ = parse_host_port(peer, "peer")
    is_local = is_loopback(http_host)
    if plan.genesis.demo and not (is_local and is_loopback(peer_host)):
        raise Refused("demo_not_on_loopback", f"{http}, {peer}")
    if not plan.behind_proxy and not is_local:
        raise Refused("http_without_tls", http)


@contextlib.contextmanager
def _listener(address: str, field: str) -> Iterator[socket.socket]:
    """The public socket, bound at once so that a port in use is told before anything is opened;
    nobody is listened to yet. Raises `Refused`: `port_in_use`, `address_unusable`."""
    host, port = parse_host_port(address, field)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Refused("address_unusable", f"{address}: {error}", field=field) from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(place)
        except OSError as error:
            raise _unusable(address, field, error) from error
        yield listener


def _unusable(address: str, field: str, error: OSError) -> Refused:
    if error.errno == errno.EADDRINUSE:
        return Refused("port_in_use", address, field=field)
    return Refused("address_unusable", f"{address}: {error.strerror}", field=field)


def _loop_run(work: Coroutine[object, object, None]) -> None:
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


async def _serve(
    options: TerritoryOptions,
    territory: Territory,
    watch: KeyWatch,
    folder: DataFolder,
    listener: socket.socket,
) -> None:
    stop = asyncio.Event()
    node = TerritoryNode(options)
    await node.start()
    collect_seldom()
    loop = asyncio.get_running_loop()
    collecting = loop.create_task(collect_as_memory_grows())
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, _begin_stop, stop)
    try:
        watch.begin(node, territory.account_id)
        office = await Office.open(
            node, options.genesis, territory, watch.node_key, folder.registry
        )
        try:
            await _serve_http(node, office, options, folder, listener, stop)
        finally:
            await office.close()
            await watch.end()
    finally:
        collecting.cancel()
        await node.stop()


@contextlib.contextmanager
def _leaving_at_once() -> Iterator[None]:
    """Until the node takes part there is nothing to finish, and loading may hold the loop for
    long: the process just ends."""
    before = [signal.signal(number, _leave) for number in STOP_SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(STOP_SIGNALS, before, strict=True):
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _leave(number: int = 0, frame: object = None) -> None:
    """End the process without ado."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _begin_stop(stop: asyncio.Event) -> None:
    if not stop.is_set():
        stop.set()
        watchdog = threading.Timer(STOP_SECONDS_MAX, _leave)
        watchdog.daemon = True
        watchdog.start()


async def _serve_http(
    node: TerritoryNode,
    office: Office,
    options: TerritoryOptions,
    folder: DataFolder,
    listener: socket.socket,
    stop: asyncio.Event,
) -> None:
    territory = office.territory
    api = make_app(node, office, options.genesis, options.engine, folder.audit)
    async with _served(api, territory.http, listener):
        ready = asyncio.create_task(_announce(node, options, territory))
        stopped = asyncio.create_task(node.wait_stopped())
        asked = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({stopped, asked}, return_when=asyncio.FIRST_COMPLETED)
            if stopped.done() and (reason := stopped.result()) is not None:
                raise _fatal(reason)
        finally:
            for task in (ready, stopped, asked):
                task.cancel()
            await asyncio.gather(ready, stopped, asked, return_exceptions=True)


@contextlib.asynccontextmanager
async def _served(api: Api, address: str, listener: socket.socket) -> AsyncIterator[None]:
    """While this lasts, the public address is served."""
    runner = web.AppRunner(api.application, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    if runner.server is None:
        raise InvariantBroken("aiohttp made no server")
    api.gate.open(runner.server)
    try:
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(api.gate, sock=listener, backlog=BACKLOG)
        except OSError as error:
            raise _unusable(address, "http", error) from error
        try:
            yield
        finally:
            server.close()
            await api.events.close()
    finally:
        api.gate.close()
        await runner.cleanup()


def _fatal(reason: str | Refused) -> Exception:
    if isinstance(reason, Refused):
        return reason
    if os.strerror(errno.ENOSPC) in reason:
        return Refused("disk_full", reason)
    if "store_corrupt" in reason or "Corruption: " in reason:
        return Refused("store_corrupt", reason)
    return InvariantBroken(reason)


async def _announce(node: TerritoryNode, options: TerritoryOptions, territory: Territory) -> None:
    await node.wait_ready()
    network, http = options.genesis.network_id.hex(), f"http://{territory.http}"
    if json_wanted():
        print(json_line({"ready": True, "http": http, "network_id": network}), flush=True)
    else:
        print(f"ready http={http} network={network}", flush=True)
    structlog.get_logger("node").info("ready", http=http)
