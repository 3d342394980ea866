"""A town hall's clerk: brings in the month's files, opens programmes, makes out bulletins.

What is wrong is handed in first, as it is; then mended. The clerk holds the staff's keys, as many
as an act needs.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from clients.demo.chronicle import Chronicle, Tally
from clients.demo.example_files import PERIOD, ExampleFolder
from clients.demo.month import WAITS_FOR_NEXT_MONTH, Month
from clients.demo.people import Person, Town
from clients.office.operations import Operation
from clients.office.register_files import read_register
from clients.office.town_hall import Link, TownHall
from primitives.errors import Refused
from primitives.signatures import SigningKey
from terminal.line_refusals import LinesRefused

REGISTERS = ("residents", "employers", "services", "levels", "programmes", "activities")
CONFIRMED_BY = "the association, when asked"
SIGNED_WAIT_MS = 8_000


class Clerk:
    """See the module's docstring. `on_act` hears of each act that is done."""

    def __init__(
        self,
        hall: TownHall,
        keys: Sequence[SigningKey],
        town: Town,
        month: Month,
        chronicle: Chronicle,
        on_act: Callable[[], None],
    ) -> None:
        self._hall = hall
        self._keys = keys
        self._town = town
        self._month = month
        self._chronicle = chronicle
        self._on_act = on_act
        self._folder = ExampleFolder(town.place)

    @property
    def acts(self) -> int:
        """How many acts there are."""
        return len(REGISTERS) + 1 + len(self._month.budgets_minor) + 5

    async def register(self) -> None:
        """Bring in the registers, and say whose account is whose."""
        for register in REGISTERS:
            name = f"{register}.csv"
            await self._once(name, partial(self._hand_in, register, self._folder.first(name)))
            corrected = self._folder.corrected(name)
            if corrected is not None:
                await self._chronicle.once(
                    self._named(f"corrected/{name}"), partial(self._bring, register, corrected)
                )
        await self._once("links", self._link)

    async def credit(self) -> None:
        """Open the programmes, and make out the month's bulletins."""
        for programme in self._month.budgets_minor:
            await self._once(f"open {programme}", partial(self._open, programme))
        await self._once("bulletins too early", self._issue_too_early)
        await self._once("hours confirmed", self._confirm)
        await self._once("budgets raised", self._top_up)
        await self._once("bulletins", self._issue)
        again = self._folder.again("activities.csv")
        if again is not None:
            await self._once("again/activities.csv", partial(self._hand_in, "activities", again))

    # -- acts ---------------------------------------------------------------------------------

    async def _hand_in(self, register: str, file: Path) -> Tally:
        """A file as it comes; refused lines are counted, and nothing of it is taken."""
        try:
            return await self._bring(register, file)
        except LinesRefused as refused:
            return Tally().refuse(refusal.code for refusal in refused.refusals)

    async def _bring(self, register: str, file: Path) -> Tally:
        await self._hall.import_rows(read_register(register, file, self._hall.decimals))
        return Tally()

    async def _link(self) -> Tally:
        await self._hall.link([_link(person) for person in self._town.people])
        return Tally()

    async def _open(self, programme: str) -> Tally:
        try:
            await self._sign(await self._hall.open_programme(programme))
        except Refused:
            # It may have been opened before an interruption, and not noted.
            if not await self._is_open(programme):
                raise
        return Tally()

    async def _is_open(self, programme: str) -> bool:
        listed = await self._hall.listed("programmes")
        return ("open", programme) in [(one.get("state"), one.get("programme")) for one in listed]

    async def _issue_too_early(self) -> Tally:
        """Some hours are not confirmed, and a budget does not suffice: nothing is made out."""
        try:
            await self._hall.issue(PERIOD)
        except LinesRefused as refused:
            return Tally().refuse(refusal.code for refusal in refused.refusals)
        raise Refused("activity_unconfirmed", "bulletins were made out all the same")

    async def _confirm(self) -> Tally:
        if self._town.place.prefix not in WAITS_FOR_NEXT_MONTH:
            waiting = await self._hall.activities(period=PERIOD, unconfirmed=True)
            ids = [_id(activity.get("id")) for activity in waiting]
            await self._hall.confirm(CONFIRMED_BY, ids=ids)
        return Tally()

    async def _top_up(self) -> Tally:
        for programme, amount_minor in self._month.top_ups_minor.items():
            await self._sign(await self._hall.fund_programme(programme, amount_minor))
        return Tally()

    async def _issue(self) -> Tally:
        """Make out the bulletins; those of before an interruption that still wait are signed."""
        figures = self._month.figures
        for operation in await self._hall.waiting():
            await self._sign(operation)
        preview = await self._hall.preview(PERIOD)
        waits = self._town.place.prefix in WAITS_FOR_NEXT_MONTH
        issued = await self._hall.issue(PERIOD, skip_unconfirmed=waits)
        for operation in issued:
            await self._sign(operation)
        if not issued:
            # All was done before an interruption.
            return Tally().figure(**{name: figures[name] for name in _BULLETIN_FIGURES})
        return Tally().figure(
            residents=preview.residents,
            minutes=preview.minutes,
            amount_minor=sum(operation.amount_minor for operation in issued),
        )

    # -- signatures ---------------------------------------------------------------------------

    async def _sign(self, operation: Operation) -> None:
        signed = await self._hall.sign(operation, self._keys, wait_ms=SIGNED_WAIT_MS)
        settled = await self._hall.settle(signed)
        if settled.state != "final":
            raise Refused("outcome_unknown", f"{settled.kind} {settled.state}")

    async def _once(self, act: str, do: Callable[[], Awaitable[Tally]]) -> None:
        await self._chronicle.once(self._named(act), do)
        self._on_act()

    def _named(self, act: str) -> str:
        return f"{self._town.place.prefix}/{act}"


_BULLETIN_FIGURES = ("residents", "minutes", "amount_minor")


def _link(person: Person) -> Link:
    return person.kind, person.code, person.address


def _id(value: object) -> int:
    if type(value) is not int:
        raise Refused("node_answer_malformed", field="id")
    return value
