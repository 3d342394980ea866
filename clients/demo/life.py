"""What people do in a demonstration: accounts, money, the month, the market; then the audit.

All over the nodes' public interface, by one session per territory. What an earlier run of the same
demonstration did is not done again.
"""

import asyncio
import contextlib
import time
from collections import Counter

from clients.demo.audit import Audit, Auditor, Owner
from clients.demo.chronicle import Chronicle
from clients.demo.diary import Diary
from clients.demo.folder import EARNED, ISSUED, OPENED, PAID, DemoFolder, Progress
from clients.demo.market import PAYING_MS_MAX, Market
from clients.demo.month_life import MonthLife
from clients.demo.newcomers import find_newcomers
from clients.demo.opening import Official, issue_money, officials_of, open_accounts
from clients.demo.places import PLACES
from clients.demo.plan import Plan
from clients.demo.summary import percentile
from clients.demo.supervisor import Supervisor
from clients.demo.teller import Teller
from clients.demo.town_halls import official_accounts, town_hall_keys
from ledger.account_kinds import COMMONS, ISSUER, TERRITORY
from terminal.errors import CommandError
from terminal.languages import text
from wallet.delivery import Outcome
from wallet.light.trust import TrustedNetwork
from wallet.session import Session

ABSENCE_SECONDS = 6.0
"""How long the killed node stays away; any node is back within 10 s."""

CHECK_EVERY_STEPS = 250


class Life:
    """See the module's docstring."""

    def __init__(
        self,
        folder: DemoFolder,
        progress: Progress,
        network: TrustedNetwork,
        plan: Plan,
        supervisor: Supervisor,
        teller: Teller,
    ) -> None:
        self.problems: list[str] = []
        """Outcomes that the plan does not foresee."""
        self.paid_now = not progress.reached(PAID)
        """Whether this run goes to the market, not an earlier one."""
        self._folder = folder
        self._progress = progress
        self._network = network
        self._plan = plan
        self._supervisor = supervisor
        self._teller = teller
        self._sessions: dict[str, Session] = {}
        self._officials: dict[str, dict[str, Official]] = {}
        self._last_height = 0

    async def run(self, *, kill: bool) -> Audit:
        """Do what is left of the plan, wait until all nodes are there again, check everything."""
        if self.paid_now and self._is_too_old():
            raise CommandError(
                "validity_expired",
                text(
                    "cette démonstration a été interrompue il y a trop longtemps",
                    "this demonstration was interrupted too long ago",
                ),
                text("donnez un dossier neuf à --data", "give --data a new folder"),
                file=str(self._folder.root),
            )
        accounts = official_accounts(self._network.genesis)
        for place in PLACES:
            keys = await asyncio.to_thread(town_hall_keys, self._folder, place)
            self._officials[place.prefix] = officials_of(accounts, keys, place.prefix)
        async with contextlib.AsyncExitStack() as stack:
            diary = stack.enter_context(Diary(self._folder.steps_file, len(self._plan.steps)))
            chronicle = stack.enter_context(Chronicle(self._folder.month_file))
            market = Market(self._plan, self._sessions, diary)
            await self._open_sessions(stack, market)
            await self._open_accounts()
            await self._issue_money()
            await self._earn(chronicle)
            if self.paid_now:
                await self._pay(market, kill=kill)
                self._count_refusals(market, chronicle)
            await self._supervisor.wait_ready()
            return await self._audit()

    def _is_too_old(self) -> bool:
        since_ms = self._progress.paying_since_ms
        return since_ms > 0 and time.time_ns() // 1_000_000 > since_ms + PAYING_MS_MAX

    async def _open_sessions(self, stack: contextlib.AsyncExitStack, market: Market) -> None:
        def on_outcome(outcome: Outcome) -> None:
            if market.note(outcome):
                self._teller.count()
            if outcome.final is not None:
                self._last_height = max(self._last_height, outcome.final.height)

        nodes = self._supervisor.nodes
        for index, node in enumerate(nodes):
            urls = [one.url for one in nodes[index:] + nodes[:index]]
            session = Session(self._network, urls, on_outcome=on_outcome)
            self._sessions[node.place.prefix] = await stack.enter_async_context(session)

    async def _open_accounts(self) -> None:
        if self._progress.reached(OPENED):
            return
        towns = self._plan.towns
        line = text("Comptes ouverts", "Accounts opened")
        self._teller.begin(line, sum(len(town.people) for town in towns))
        await asyncio.gather(
            *(
                open_accounts(
                    self._sessions[town.place.prefix],
                    self._officials[town.place.prefix][TERRITORY],
                    self._plan,
                    town,
                    self._teller.count,
                )
                for town in towns
            )
        )
        self._reach(OPENED)

    async def _issue_money(self) -> None:
        if self._progress.reached(ISSUED):
            return
        towns = self._plan.towns
        line = text("Comptes dotés", "Accounts given money")
        self._teller.begin(line, sum(len(town.people) + 1 for town in towns))
        await asyncio.gather(
            *(
                issue_money(
                    self._sessions[town.place.prefix],
                    self._officials[town.place.prefix][ISSUER],
                    self._plan,
                    town,
                    self._teller.count,
                    self._officials[town.place.prefix][COMMONS].account.id,
                )
                for town in towns
            )
        )
        self._reach(ISSUED)

    async def _earn(self, chronicle: Chronicle) -> None:
        """Hours and wages."""
        progress = self._progress
        if progress.reached(EARNED):
            return
        staff_keys = {
            prefix: officials[TERRITORY].keys for prefix, officials in self._officials.items()
        }
        urls = {node.place.prefix: node.url for node in self._supervisor.nodes}
        month = MonthLife(self._network, self._plan, urls, staff_keys, chronicle, self._teller)
        await month.run()
        figures = chronicle.total().figures
        progress.bulletins = {name: figures[name] for name in self._plan.bulletins}
        progress.wages = {name: figures[name] for name in ("runs", "lines", "refused_lines")}
        self._reach(EARNED)

    async def _pay(self, market: Market, *, kill: bool) -> None:
        plan, progress = self._plan, self._progress
        victim = self._supervisor.nodes[plan.victim]
        if not progress.paying_since_ms:
            progress.paying_since_ms = time.time_ns() // 1_000_000
            self._folder.write_progress(progress)
        line = text("Achats, remboursements, essais", "Purchases, refunds, attempts")
        self._teller.begin(line, len(plan.steps))
        self._teller.count(market.ended)

        def before_step(place: int) -> None:
            if place == plan.kill_at and kill:
                self._teller.say(
                    text(
                        f"SIGKILL : {victim.place.name} perd son nœud, les autres continuent",
                        f"SIGKILL: {victim.place.name} loses its node, the others go on",
                    )
                )
                self._supervisor.kill(victim, ABSENCE_SECONDS)
            if place % CHECK_EVERY_STEPS == 0:
                self._supervisor.check()

        await market.run(progress.paying_since_ms, before_step)
        counts = market.counts()
        progress.payments = counts.payments
        progress.refunds = counts.refunds
        progress.finality_ms = {
            "p50": round(percentile(counts.latencies_ms, 0.50), 1),
            "p99": round(percentile(counts.latencies_ms, 0.99), 1),
        }
        self.problems += market.surprises
        if not self.problems:
            self._reach(PAID)

    def _count_refusals(self, market: Market, chronicle: Chronicle) -> None:
        """All that were seen: by the town halls, in the files, by the nodes."""
        refusals = Counter(market.counts().refusals)
        refusals.update(self._plan.unread)
        refusals.update(chronicle.total().refusals)
        self._progress.refusals = dict(sorted(refusals.items()))
        self._folder.write_progress(self._progress)

    def _reach(self, stage: str) -> None:
        self._progress.stage = stage
        self._folder.write_progress(self._progress)

    async def _audit(self) -> Audit:
        """Read and prove every account: the people's, those that the genesis made, and those
        that visitors had opened since."""
        owners = [
            Owner(town.place.prefix, person.account_id, person.signing_key)
            for town in self._plan.towns
            for person in town.people
        ]
        for prefix, officials in self._officials.items():
            for official in officials.values():
                owners.append(Owner(prefix, official.account.id, official.lane_key))
        known = {owner.account_id for owner in owners}
        readers = {prefix: session.reader for prefix, session in self._sessions.items()}
        for prefix, officials in self._officials.items():
            owners += await find_newcomers(readers[prefix], officials[TERRITORY], known)
        self._teller.begin(text("Soldes lus et prouvés", "Balances read and proved"), len(owners))
        currencies = [place.currency for place in PLACES]
        auditor = Auditor(readers, owners, currencies, self._teller.count)
        return await auditor.run(self._last_height)
