"""`node start`: one process, from a data folder and a genesis to a node that serves."""

import asyncio
import errno
import logging
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path

from aiohttp import web

from ledger.genesis import Genesis, Territory
from node.addresses import is_loopback, parse_host_port
from node.api.app import Api, make_app
from node.data_folder import DataFolder
from node.genesis_file import read_genesis
from node.keys import read_key, read_transport_key
from node.logs import configure_logs
from node.territory import TerritoryNode, TerritoryOptions, TransportIdentity
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import SigningKey

STOP_SECONDS = 8.0
GRACE_SECONDS = 1.0


def run(data: Path, genesis_file: Path, passphrase: str, *, behind_proxy: bool) -> None:
    """Serve until SIGTERM or SIGINT. Raises `Refused` for what keeps the node from starting, and
    `InvariantBroken` where it had to stop itself."""
    configure_logs()
    genesis, engine = read_genesis(genesis_file)
    if engine != "simplex":
        raise Refused("engine_unavailable", f"{engine} can't be run by this version")
    folder = DataFolder(data)
    folder.read()
    voting_key = read_key(folder.voting_file, "voting", passphrase)
    territory = _territory_of(genesis, voting_key)
    _check_addresses(genesis, territory, behind_proxy)
    transport = TransportIdentity(
        read_transport_key(folder.transport_file, passphrase), folder.certificate_file.read_bytes()
    )
    folder.lock()
    try:
        bound = folder.bind(genesis.network_id, engine)
        options = TerritoryOptions(
            journal_folder=folder.journal,
            store_folder=folder.store,
            store_kind=bound.store,
            genesis=genesis,
            engine=engine,
            voting_key=voting_key,
            transport=transport,
        )
        _loop_run(_serve(options, territory, folder))
    finally:
        folder.unlock()


def _territory_of(genesis: Genesis, voting_key: SigningKey) -> Territory:
    for territory in genesis.territories:
        if territory.voting_key == voting_key.public_key:
            return territory
    raise Refused("genesis_without_us", "this node's voting key is not in the genesis")


def _check_addresses(genesis: Genesis, territory: Territory, behind_proxy: bool) -> None:
    http_host, _ = parse_host_port(territory.http, "http")
    peer_host, _ = parse_host_port(territory.peer, "peer")
    if genesis.demo and not (is_loopback(http_host) and is_loopback(peer_host)):
        raise Refused("demo_not_on_loopback", f"{territory.http}, {territory.peer}")
    if not behind_proxy and not is_loopback(http_host):
        raise Refused("http_without_tls", territory.http)


def _loop_run(work: Coroutine[object, object, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)


async def _serve(options: TerritoryOptions, territory: Territory, folder: DataFolder) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    node = TerritoryNode(options)
    await node.start()
    try:
        await _serve_http(node, options, territory, folder, stop)
    finally:
        async with asyncio.timeout(STOP_SECONDS):
            await node.stop()


async def _serve_http(
    node: TerritoryNode,
    options: TerritoryOptions,
    territory: Territory,
    folder: DataFolder,
    stop: asyncio.Event,
) -> None:
    api = make_app(node, options.genesis, options.engine, folder.audit)
    runner = web.AppRunner(api.application, shutdown_timeout=GRACE_SECONDS, access_log=None)
    await runner.setup()
    try:
        host, port = parse_host_port(territory.http, "http")
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Refused("port_in_use", territory.http, field="http") from error
            raise
        await _until_stopped(node, options, territory, stop)
    finally:
        await _close(api, runner)


async def _until_stopped(
    node: TerritoryNode, options: TerritoryOptions, territory: Territory, stop: asyncio.Event
) -> None:
    ready = asyncio.create_task(_announce(node, options, territory))
    stopped = asyncio.create_task(node.wait_stopped())
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({stopped, asked}, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            reason = stopped.result()
            if reason is not None:
                raise InvariantBroken(reason)
    finally:
        for task in (ready, stopped, asked):
            task.cancel()
        await asyncio.gather(ready, stopped, asked, return_exceptions=True)


async def _announce(node: TerritoryNode, options: TerritoryOptions, territory: Territory) -> None:
    await node.wait_ready()
    network = options.genesis.network_id.hex()
    sys.stdout.write(f"ready http=http://{territory.http} network={network}\n")
    sys.stdout.flush()
    logging.getLogger("democite").debug("ready")


async def _close(api: Api, runner: web.AppRunner) -> None:
    await api.events.close()
    await runner.cleanup()
