"""Residents who pay, each payment a message of its own, signed beforehand.

`Load` sends the payments of `benchmarks.work` in their order over one WebSocket to one node, and
takes their outcomes: final ones once the session verified the certificate of their header.
"""

import asyncio
import contextlib
import gc
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from benchmarks import work
from clients.demo.folder import DemoFolder
from clients.demo.opening import issue_money, officials_of, open_accounts
from clients.demo.people import Town
from clients.demo.plan import Plan
from clients.demo.summary import percentile
from clients.demo.town_halls import official_accounts, town_hall_keys
from ledger.account_kinds import ISSUER, TERRITORY
from ledger.fields import PAYMENT_PAY
from ledger.genesis import Genesis
from ledger.payments import pay_fields
from wallet.delivery import Outcome
from wallet.light.trust import TrustedNetwork
from wallet.session import Session, SessionAccount

IN_FLIGHT_PER_KEY = 32
WINDOW = 3_000
"""Payments in flight at saturation, all keys together."""

START_MINOR = 100_000_000
SETTLE_SECONDS = 300.0
SENT_AT_ONCE = 64


@dataclass
class Tally:
    """Outcomes of one phase; times are monotonic seconds."""

    latencies_ms: list[float] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    def final(self, milliseconds: float) -> None:
        """Count one that became final, now."""
        self.latencies_ms.append(milliseconds)
        self.times.append(time.monotonic())

    def refuse(self, code: str) -> None:
        """Count one that did not."""
        self.refused[code] = self.refused.get(code, 0) + 1

    def rate_between(self, began: float, ended: float) -> float:
        """How many a second became final in this time, from block to block: payments come out by
        the block, so counting from a moment between two would lose or win most of one."""
        before = [moment for moment in self.times if moment <= began]
        within = [moment for moment in self.times if began < moment <= ended]
        if not within:
            return 0.0
        first = max(before) if before else began
        return len(within) / (max(within) - first)

    def latency_ms(self) -> dict[str, float]:
        """From before sending until the header's certificate was verified by the sender."""
        return {
            "p50": round(percentile(self.latencies_ms, 0.50), 1),
            "p99": round(percentile(self.latencies_ms, 0.99), 1),
            "max": round(max(self.latencies_ms, default=0.0), 1),
        }


@dataclass
class Payer:
    """A resident's account, and how many of its payments have no outcome yet."""

    account: SessionAccount
    session: Session
    in_flight: int = 0


@dataclass(frozen=True)
class Signed:
    """A payment that is ready to go."""

    payer: Payer
    raw: bytes
    number: int
    valid_until_ms: int


PayeeOf = Callable[[int], bytes]
"""The account that a payment of this number goes to, instead of one of the payers."""


class Load:
    """Sends payments of many keys and takes their outcomes."""

    def __init__(self, currencies: int, payee_of: PayeeOf | None = None) -> None:
        self.tally = Tally()
        self.payers: list[Payer] = []
        self.signed_bytes = 0
        """Of one signed payment, as it is sent."""
        self._currencies = currencies
        self._payee_of = payee_of or self._another_payer
        self._ready: deque[Signed] = deque()
        self._payers_by_id: dict[bytes, Payer] = {}
        self._signed = 0

    @property
    def in_flight(self) -> int:
        """Payments without an outcome."""
        return len(self._payers_by_id)

    def note(self, outcome: Outcome) -> None:
        """A session's `on_outcome`."""
        payer = self._payers_by_id.pop(outcome.id, None)
        if payer is None:
            return
        payer.in_flight -= 1
        if outcome.state == "final":
            self.tally.final(outcome.milliseconds)
        else:
            self.tally.refuse(outcome.code)

    def prepare(self, payments: int) -> None:
        """Have so many signed, so that signing them takes no time from what is measured, nor does
        looking through them for garbage."""
        while len(self._ready) < payments:
            self._ready.append(self._sign(self._signed))
            self._signed += 1
        gc.freeze()

    def take_signed(self, payments: int) -> list[tuple[int, Signed]]:
        """So many signed payments with their numbers, to be sent another way than by `send`."""
        self.prepare(payments)
        first = self._signed - len(self._ready)
        return [(first + place, self._ready.popleft()) for place in range(payments)]

    def _another_payer(self, payment: int) -> bytes:
        payee = work.payee_of(payment, len(self.payers), self._currencies)
        return self.payers[payee].account.account_id

    def _sign(self, payment: int) -> Signed:
        payer = self.payers[work.payer_of(payment, len(self.payers))]
        account = payer.account
        fields = pay_fields(
            self._payee_of(payment), account.currency, work.amount_minor_of(payment)
        )
        raw, number = payer.session.sign(account, PAYMENT_PAY, fields, valid_for_ms=VALID_MS)
        self.signed_bytes = len(raw)
        return Signed(payer, raw, number, time.time_ns() // 1_000_000 + VALID_MS)

    def send(self) -> bool:
        """Send the next payment; False while its payer has as many on their way as a key may."""
        if not self._ready:
            self.prepare(1)
        signed = self._ready[0]
        payer = signed.payer
        if payer.in_flight >= IN_FLIGHT_PER_KEY:
            return False
        self._ready.popleft()
        id = payer.session.send_raw(
            payer.account,
            signed.raw,
            number=signed.number,
            valid_until_ms=signed.valid_until_ms,
        )
        payer.in_flight += 1
        self._payers_by_id[id] = payer
        return True

    async def saturate(self, window: int = WINDOW) -> None:
        """Keep so many in flight; until cancelled."""
        while True:
            for _ in range(min(SENT_AT_ONCE, window - self.in_flight)):
                if not self.send():
                    break
            await asyncio.sleep(0 if self.in_flight < window else 0.002)

    async def at_rate(self, rate: float, seconds: float) -> float:
        """Send so many a second, whatever becomes of those before; gives the rate that it was."""
        began = time.monotonic()
        count = int(rate * seconds)
        for index in range(count):
            wait = began + index / rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            while not self.send():
                await asyncio.sleep(0.001)
        return count / (time.monotonic() - began)

    async def send_all(self, payments: int, window: int) -> None:
        """Send so many as fast as the window allows, and see how all end."""
        sent = 0
        while sent < payments:
            for _ in range(min(SENT_AT_ONCE, payments - sent, window - self.in_flight)):
                if not self.send():
                    break
                sent += 1
            await asyncio.sleep(0 if self.in_flight < window else 0.002)
        await self.idle()

    def _state(self) -> str:
        """Where the sessions stand that wait too long."""
        sessions = {id(payer.session): payer.session for payer in self.payers}.values()
        return ", ".join(
            f"{session.pending_count} by {session.connected_url or 'no node'}"
            f" (connected {session.connections} times)"
            for session in sessions
        )

    async def idle(self) -> None:
        """Until every payment has its outcome."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._payers_by_id:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.in_flight} payments without an outcome: {self._state()}")
            await asyncio.sleep(0.02)


VALID_MS = 1_800_000
"""Of a payment signed before a phase that may last long."""


@contextlib.asynccontextmanager
async def paying(
    folder: DemoFolder,
    genesis: Genesis,
    engine: str,
    towns: Sequence[Town],
    urls: Sequence[str],
    payee_of: PayeeOf | None = None,
) -> AsyncIterator[Load]:
    """The people of these towns, with accounts and money, in one session at the first of these
    nodes that answers."""
    load = Load(len(towns), payee_of)
    trusted = TrustedNetwork(genesis, engine)
    by_town: list[list[Payer]] = []
    async with Session(trusted, urls, on_outcome=load.note) as session:
        for town in towns:
            await fill(folder, genesis, town, session)
            by_town.append(
                [
                    Payer(session.account(town.place.prefix, one.signing_key), session)
                    for one in town.people
                ]
            )
        load.payers = [payer for turn in zip(*by_town, strict=True) for payer in turn]
        yield load


async def fill(folder: DemoFolder, genesis: Genesis, town: Town, session: Session) -> None:
    """Open a town's accounts and give everyone money, as its town hall and issuer do."""
    issued_minor = {person.account_id: START_MINOR for person in town.people}
    plan = Plan(1, (town,), issued_minor, (), 0, 0)
    keys = town_hall_keys(folder, town.place)
    officials = officials_of(official_accounts(genesis), keys, town.place.prefix)
    await open_accounts(session, officials[TERRITORY], plan, town, lambda _: None)
    await issue_money(session, officials[ISSUER], plan, town, lambda _: None)
