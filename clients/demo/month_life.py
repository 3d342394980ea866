"""The month in the four territories at once: registers, then hours and wages side by side."""

import asyncio
from collections.abc import Mapping, Sequence

from clients.demo.chronicle import Chronicle
from clients.demo.clerk import Clerk
from clients.demo.month import Month
from clients.demo.paymaster import Paymaster
from clients.demo.people import Town
from clients.demo.plan import Plan
from clients.demo.teller import Teller
from clients.office.town_hall import TownHall
from primitives.signatures import SigningKey
from terminal.languages import text
from wallet.light.trust import TrustedNetwork

REASON = "the demonstration's month"


class MonthLife:
    """See the module's docstring. `urls` and `keys` (a town hall's) by territory."""

    def __init__(
        self,
        network: TrustedNetwork,
        plan: Plan,
        urls: Mapping[str, str],
        keys: Mapping[str, Sequence[SigningKey]],
        chronicle: Chronicle,
        teller: Teller,
    ) -> None:
        self._network = network
        self._plan = plan
        self._urls = urls
        self._keys = keys
        self._chronicle = chronicle
        self._teller = teller

    async def run(self) -> None:
        """Everything that is not done yet."""
        pairs = list(zip(self._plan.towns, self._plan.months, strict=True))
        halls = {town.place.prefix: self._hall(town) for town in self._plan.towns}
        clerks = [self._clerk(halls[town.place.prefix], town, month) for town, month in pairs]
        paymasters = [self._paymaster(town, month) for town, month in pairs]
        acts = sum(one.acts for one in clerks) + sum(one.acts for one in paymasters)
        line = text("Le mois : registres, bulletins, paies", "The month: registers, hours, wages")
        self._teller.begin(line, acts)
        await asyncio.gather(
            *(
                self._live(halls[town.place.prefix], clerk, paymaster)
                for town, clerk, paymaster in zip(self._plan.towns, clerks, paymasters, strict=True)
            )
        )

    async def _live(self, hall: TownHall, clerk: Clerk, paymaster: Paymaster) -> None:
        async with hall:
            await clerk.register()
            await asyncio.gather(clerk.credit(), self._pay(paymaster))

    async def _pay(self, paymaster: Paymaster) -> None:
        await paymaster.consent()
        await paymaster.pay()

    def _hall(self, town: Town) -> TownHall:
        prefix = town.place.prefix
        return TownHall(
            self._network,
            [self._urls[prefix]],
            self._staff_keys(prefix)[0],
            reason=REASON,
        )

    def _clerk(self, hall: TownHall, town: Town, month: Month) -> Clerk:
        keys = self._staff_keys(town.place.prefix)
        return Clerk(hall, keys, town, month, self._chronicle, self._teller.count)

    def _paymaster(self, town: Town, month: Month) -> Paymaster:
        urls = [self._urls[town.place.prefix]]
        return Paymaster(self._network, urls, town, month, self._chronicle, self._teller.count)

    def _staff_keys(self, prefix: str) -> list[SigningKey]:
        """The keys at hand that are the staff's."""
        staff = self._network.territory(prefix).signing_keys
        return [key for key in self._keys[prefix] if key.public_key in staff]
