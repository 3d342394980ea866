"""A territory's employers and their employees: consents, payrolls, and what is wrong with some.

Each employer checks its file with the town hall, mends what is refused, submits it, and sees it
paid. Employees consent and withdraw with their own keys.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from clients.demo.chronicle import Chronicle, Tally
from clients.demo.example_files import ExampleFolder, payroll_name
from clients.demo.month import Month
from clients.demo.patience import patiently
from clients.demo.people import Person, Town
from clients.payroll.employer_desk import EmployerDesk
from clients.payroll.payroll_file import read_payroll
from primitives.errors import Refused
from terminal.line_refusals import LinesRefused
from wallet.consents import state_consent
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient

EMPLOYERS_AT_ONCE = 3
CONSENTS_AT_ONCE = 8

SUBMITTED_ALREADY = "payroll_already_submitted"


class Paymaster:
    """See the module's docstring. `on_act` hears of each payroll and consent that is done."""

    def __init__(
        self,
        network: TrustedNetwork,
        urls: Sequence[str],
        town: Town,
        month: Month,
        chronicle: Chronicle,
        on_act: Callable[[], None],
    ) -> None:
        self._network = network
        self._urls = urls
        self._town = town
        self._month = month
        self._chronicle = chronicle
        self._on_act = on_act
        self._folder = ExampleFolder(town.place)

    @property
    def acts(self) -> int:
        """How many acts there are."""
        return len(self._month.consents) + len(self._month.payrolls)

    async def consent(self) -> None:
        """Everyone whose payroll says so consents, each with their own key."""
        await self._chronicle.once(self._named("consents"), self._consent_all)

    async def pay(self) -> None:
        """See every payroll paid."""
        slots = asyncio.Semaphore(EMPLOYERS_AT_ONCE)

        async def one(employer: Person) -> None:
            async with slots, EmployerDesk(self._network, self._urls, employer.owner) as desk:
                await self._pay(desk, employer)
            self._on_act()

        await asyncio.gather(*(one(employer) for employer in self._town.employers))

    # -- consents -----------------------------------------------------------------------------

    async def _consent_all(self) -> Tally:
        slots = asyncio.Semaphore(CONSENTS_AT_ONCE)
        async with NodeClient(self._urls, self._network.network_id) as client:

            async def one(employee: str, employer: str) -> None:
                async with slots:
                    await self._say(client, employee, employer, given=True)
                self._on_act()

            await asyncio.gather(*(one(*pair) for pair in self._month.consents))
        return Tally()

    async def _say(self, client: NodeClient, employee: str, employer: str, *, given: bool) -> None:
        owner = self._town.by_code[employee].owner
        address = self._town.by_code[employer].address
        network_id = self._network.network_id
        await patiently(partial(state_consent, client, network_id, owner, address, given=given))

    # -- payrolls -----------------------------------------------------------------------------

    async def _pay(self, desk: EmployerDesk, employer: Person) -> None:
        name = payroll_name(employer.code)
        once = self._chronicle.once
        await once(self._named(name), partial(self._check, desk, self._folder.first(name)))
        withdraws = self._month.withdrawals.get(employer.code)
        if withdraws is not None:
            await once(
                self._named(f"withdrawn {employer.code}"),
                partial(self._withdraw, desk, employer, withdraws),
            )
        await once(self._named(f"paid {employer.code}"), partial(self._submit, desk, employer))
        again = self._folder.again(name)
        if again is not None:
            await once(self._named(f"again/{name}"), partial(self._submit_again, desk, again))

    async def _check(self, desk: EmployerDesk, file: Path) -> Tally:
        """A payroll as it comes; what is refused is counted."""
        try:
            await desk.check(read_payroll(file, desk.decimals))
        except LinesRefused as refused:
            return _refused(refused)
        return Tally()

    async def _withdraw(self, desk: EmployerDesk, employer: Person, employee: str) -> Tally:
        """Somebody withdraws between check and submission: nothing is paid. Then thinks again."""
        payroll = self._month.payrolls[employer.code]
        # An interruption may have left the withdrawal standing.
        await self._say(desk.lane.client, employee, employer.code, given=True)
        await desk.check(payroll)
        await self._say(desk.lane.client, employee, employer.code, given=False)
        tally = Tally()
        try:
            await desk.submit(payroll)
        except LinesRefused as refused:
            tally = _refused(refused)
        await self._say(desk.lane.client, employee, employer.code, given=True)
        return tally

    async def _submit(self, desk: EmployerDesk, employer: Person) -> Tally:
        """The payroll with nothing wrong is checked and paid, all its lines."""
        payroll = self._month.payrolls[employer.code]
        lines = len(payroll.paid_lines)
        try:
            await desk.check(payroll)
            run = await desk.submit(payroll)
        except (LinesRefused, Refused) as refusal:
            # It was paid before an interruption, and that was not noted.
            if refusal.code != SUBMITTED_ALREADY or not await self._is_paid(desk):
                raise
        else:
            if not run.is_final:
                raise Refused("outcome_unknown", payroll.file)
            lines = len(run.lines)
        return Tally().figure(runs=1, lines=lines)

    async def _is_paid(self, desk: EmployerDesk) -> bool:
        """Whether the employer's run is final, or will be."""
        return any(run.state in ("signed", "final") for run in await desk.runs())

    async def _submit_again(self, desk: EmployerDesk, file: Path) -> Tally:
        """A file that was paid is recognised."""
        try:
            await desk.submit(read_payroll(file, desk.decimals))
        except LinesRefused as refused:
            return _refused(refused)
        return Tally()

    def _named(self, act: str) -> str:
        return f"{self._town.place.prefix}/{act}"


def _refused(refused: LinesRefused) -> Tally:
    codes = [refusal.code for refusal in refused.refusals]
    return Tally().refuse(codes).figure(refused_lines=len(codes))
