"""The demonstration from beginning to end; `run` is what the command calls."""

import asyncio
import contextlib
import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from clients.demo.audit import Audit
from clients.demo.example_files import expected_refusals
from clients.demo.folder import DEFAULT_ENGINE, DemoFolder, Progress
from clients.demo.life import Life
from clients.demo.places import PLACES
from clients.demo.plan import Plan, make_plan
from clients.demo.ports import PORTS_PER_NODE, check_free, choose_base
from clients.demo.summary import Summary
from clients.demo.supervisor import NodeProcess, Supervisor
from clients.demo.teller import Teller
from clients.demo.town_halls import check_engine, make_network
from clients.demo.visitors import VisitorWallet, make_wallets
from ledger.genesis import Genesis
from terminal.errors import CommandError
from terminal.languages import text
from wallet.atomic_files import FileLock, write_file
from wallet.folder import read_genesis
from wallet.light.trust import TrustedNetwork

DEFAULT_SEED = 1


@dataclass(frozen=True)
class Options:
    """What the command was asked for; None is not asked for."""

    once: bool = False
    data: Path | None = None
    seed: int | None = None
    port_base: int | None = None
    kill: bool = True
    engine: str | None = None


Show = Callable[[Summary, DemoFolder, list[VisitorWallet], list[NodeProcess]], None]


def run(options: Options, show: Show) -> int:
    """Run a demonstration; gives its exit code. `show` is called once the figures are there.

    Raises `CommandError`, before anything is made where the engine's program is missing.
    """
    if options.engine not in (None, DEFAULT_ENGINE):
        check_engine(options.engine)
    with _folder(options.data) as folder:
        lock = FileLock(folder.lock_file)
        if not lock.try_acquire():
            raise CommandError("data_in_use", file=str(folder.root))
        try:
            return asyncio.run(_run_until_interrupted(options, folder, show))
        finally:
            lock.release()


@contextlib.contextmanager
def _folder(data: Path | None) -> Iterator[DemoFolder]:
    """The folder that is kept, or one that goes away with the demonstration."""
    if data is not None:
        folder = DemoFolder(data.resolve())
        folder.prepare()
        yield folder
        return
    root = Path(tempfile.mkdtemp(prefix="democite-"))
    try:
        yield DemoFolder(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


async def _run_until_interrupted(options: Options, folder: DemoFolder, show: Show) -> int:
    """Ctrl-C and SIGTERM end it in order: after the figures as success, before as interruption."""
    demonstration = Demonstration(options, folder, show)
    work = asyncio.create_task(demonstration.run())
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        # Once: a second Ctrl-C must not keep the nodes from being stopped in order.
        if work.cancelling() == 0:
            work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, interrupt)
    try:
        return await work
    except asyncio.CancelledError:
        if demonstration.shown:
            return 0
        raise CommandError("interrupted") from None


class Demonstration:
    """One run over one folder."""

    def __init__(self, options: Options, folder: DemoFolder, show: Show) -> None:
        self.shown = False
        self._options = options
        self._folder = folder
        self._show = show
        self._teller = Teller()
        self._progress: Progress
        self._nodes: list[NodeProcess] = []
        self._wallets: list[VisitorWallet] = []
        self._resumed = False

    async def run(self) -> int:
        """Make or resume the network, do what is left of the plan, check, show, stay up."""
        genesis = await self._open_network()
        network = TrustedNetwork(genesis, self._folder.engine)
        plan = make_plan(self._progress.seed)
        self._teller.say(text("Quatre nœuds démarrent", "Four nodes are starting"))
        supervisor = Supervisor(
            self._folder, self._nodes, lambda: self._write_network_file(genesis)
        )
        async with supervisor:
            await supervisor.wait_ready()
            life = Life(self._folder, self._progress, network, plan, supervisor, self._teller)
            audit = await life.run(kill=self._options.kill)
            self._wallets = await asyncio.to_thread(
                make_wallets,
                self._folder,
                genesis,
                self._folder.engine,
                [person for town in plan.towns for person in town.visitors],
            )
            self._write_network_file(genesis)
            problems = [*life.problems, *audit.problems]
            if life.paid_now:
                problems += _differences(plan, self._progress, audit)
            summary = Summary(
                progress=self._progress,
                audit=audit,
                network_id=genesis.network_id,
                engine=self._folder.engine,
                certificates_verified=network.certificates_verified,
                restarts=supervisor.restarts,
                seconds=self._teller.seconds,
                resumed=self._resumed,
                problems=tuple(problems),
            )
            self._show(summary, self._folder, self._wallets, self._nodes)
            self.shown = True
            if problems:
                return 1
            while not self._options.once:
                supervisor.check()
                await asyncio.sleep(0.5)
        return 0

    # -- the network --------------------------------------------------------------------------

    async def _open_network(self) -> Genesis:
        options = self._options
        found = self._folder.read_progress()
        if found is None:
            seed = DEFAULT_SEED if options.seed is None else options.seed
            self._progress = Progress(seed, choose_base(options.port_base, len(PLACES)))
            self._nodes = _nodes(self._progress.port_base)
            return await self._make_network()
        for name, asked, has in (
            ("--seed", options.seed, found.seed),
            ("--port-base", options.port_base, found.port_base),
            ("--engine", options.engine, self._folder.engine),
        ):
            if asked is not None and asked != has:
                raise CommandError(
                    "usage",
                    text(f"ce réseau a {name} {has}", f"this network has {name} {has}"),
                    file=str(self._folder.progress_file),
                )
        self._resumed = True
        self._progress = found
        self._nodes = _nodes(found.port_base)
        check_free(found.port_base, len(PLACES))
        genesis = read_genesis(self._folder.genesis_file)
        self._teller.say(text("Le réseau reprend", "The network resumes"))
        return genesis

    async def _make_network(self) -> Genesis:
        self._teller.say(
            text("Quatre mairies font leurs clés", "Four town halls are making their keys")
        )
        self._folder.remove_unfinished(PLACES)
        self._folder.make_parts(PLACES)
        genesis = await make_network(
            self._folder, self._nodes, self._progress.seed, self._options.engine or DEFAULT_ENGINE
        )
        self._folder.write_progress(self._progress)
        return genesis

    def _write_network_file(self, genesis: Genesis) -> None:
        content = {
            "network_id": genesis.network_id.hex(),
            "genesis": str(self._folder.genesis_file),
            "engine": self._folder.engine,
            "territories": [
                {
                    "name": node.place.name,
                    "prefix": node.place.prefix,
                    "currency": node.place.currency,
                    "http": node.url,
                    "peer": node.peer,
                    "pid": node.pid,
                    "data": str(self._folder.node_data(node.place)),
                }
                for node in self._nodes
            ],
            "wallets": [wallet.value() for wallet in self._wallets],
        }
        raw = json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
        write_file(self._folder.network_file, raw)


def _nodes(port_base: int) -> list[NodeProcess]:
    return [
        NodeProcess(place, base, base + 1)
        for index, place in enumerate(PLACES)
        for base in (port_base + index * PORTS_PER_NODE,)
    ]


def _differences(plan: Plan, progress: Progress, audit: Audit) -> list[str]:
    """Where the network is not what the plan says."""
    supplies_minor = {code: totals.currency.supply_minor for code, totals in audit.totals.items()}
    bulletins = progress.bulletins
    wages = {name: progress.wages.get(name) for name in plan.wages}
    found = {
        "payments": (progress.payments, plan.payments),
        "refunds": (progress.refunds, plan.refunds),
        "bulletins": (bulletins, plan.bulletins),
        "wages": (wages, plan.wages),
        "refusals": _unequal(progress.refusals, expected_refusals()),
        "supplies": (supplies_minor, plan.supplies_minor),
    }
    return [f"{name}: {has} != {wanted}" for name, (has, wanted) in found.items() if has != wanted]


def _unequal(has: dict[str, int], wanted: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Both, without the codes that are counted as they must be."""
    codes = [code for code in sorted({*has, *wanted}) if has.get(code) != wanted.get(code)]
    return {code: has.get(code, 0) for code in codes}, {code: wanted.get(code, 0) for code in codes}
