"""The market: all steps of the plan over the nodes' public interface, as wallets would.

One session per territory, towards its own node; when that one dies, the session goes on with
another territory's. Steps leave at a steady pace; what follows a purchase waits until that is
final. Every outcome is compared with what the plan says.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from clients.demo.attempts import Original, attempt_bytes
from clients.demo.people import Person
from clients.demo.plan import Plan
from clients.demo.steps import Attempt, GivingBack, Purchase, Step
from ledger.fields import PAYMENT_PAY, PAYMENT_REFUND
from ledger.payments import pay_fields
from ledger.refunds import refund_fields
from primitives.errors import InvariantBroken, Refused
from wallet.delivery import Outcome
from wallet.session import Session, SessionAccount
from wallet.transaction_ids import transaction_id

STEPS_PER_SECOND = 280.0
PENDING_MAX = 400
"""Per session: who is that far behind does not send more."""

FOLLOW_UPS_AT_ONCE = 16
TRIES_MAX = 8
TRY_AGAIN_SECONDS = 0.4
SETTLE_MS = 90_000
SURPRISES_MAX = 20

# A refund may reach a node before the block with the original does.
NOT_YET = frozenset({"receipt_unknown", "not_final_yet", "not_found"})


@dataclass
class Counts:
    """What came of the steps. `surprises` are outcomes that the plan does not foresee."""

    payments: int = 0
    refunds: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """How many steps ended as planned."""
        return self.payments + self.refunds + sum(self.refusals.values())


class Market:
    """See the module's docstring. `sessions` by territory; `resumed` takes what was done before."""

    def __init__(self, plan: Plan, sessions: Mapping[str, Session], *, resumed: bool) -> None:
        self.counts = Counts()
        self._plan = plan
        self._sessions = sessions
        self._resumed = resumed
        self._ids: dict[bytes, int] = {}
        self._raws: dict[int, bytes] = {}
        self._followed = {
            step.original for step in plan.steps if not isinstance(step, Purchase)
        } - {None}
        self._tries: dict[int, int] = {}
        self._followers: dict[int, list[int]] = {}
        self._following: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(FOLLOW_UPS_AT_ONCE)
        self._final: set[int] = set()

    async def run(self, before_step: Callable[[int], None]) -> None:
        """Send all steps and wait for their outcomes. `before_step` hears of each place."""
        started = time.monotonic()
        for place, step in enumerate(self._plan.steps):
            before_step(place)
            session = self._session(step.payer)
            ahead = started + place / STEPS_PER_SECOND - time.monotonic()
            if ahead > 0 or session.pending_count >= PENDING_MAX:
                await asyncio.sleep(max(ahead, 0.0))
                while session.pending_count >= PENDING_MAX:
                    await asyncio.sleep(0.01)
            self._take(place, step)
        await self._settle()

    async def _settle(self) -> None:
        """Until every outcome is known: an outcome may make another step leave."""
        while True:
            for session in self._sessions.values():
                await session.idle(timeout_ms=SETTLE_MS)
            if not self._following:
                if not any(session.pending_count for session in self._sessions.values()):
                    return
            else:
                await asyncio.gather(*self._following)

    def note(self, outcome: Outcome) -> bool:
        """Take an outcome from a session; gives whether a step ended with it."""
        place = self._ids.pop(outcome.id, None)
        if place is None:
            return False
        step = self._plan.steps[place]
        if not isinstance(step, Purchase) and outcome.code in NOT_YET and self._try_again(place):
            return False
        if isinstance(step, Attempt):
            if outcome.state == "refused" and outcome.code == step.code:
                self.counts.refusals[step.code] = self.counts.refusals.get(step.code, 0) + 1
            else:
                self._surprise(step.code, outcome)
        elif outcome.state == "final" or (self._resumed and outcome.code == "number_used"):
            self._note_payment(place, step, outcome)
        else:
            self._surprise("final", outcome)
        return True

    def _try_again(self, place: int) -> bool:
        tries = self._tries.get(place, 1)
        if tries >= TRIES_MAX:
            return False
        self._tries[place] = tries + 1
        self._follow(place, TRY_AGAIN_SECONDS)
        return True

    def _note_payment(self, place: int, step: Purchase | GivingBack, outcome: Outcome) -> None:
        if outcome.state == "final":
            self.counts.latencies_ms.append(outcome.milliseconds)
        if isinstance(step, GivingBack):
            self.counts.refunds += 1
            return
        self.counts.payments += 1
        if outcome.state != "final":
            # Paid before an interruption: its bytes are gone, and what follows it was or is not.
            self._followers.pop(place, None)
            return
        self._final.add(place)
        for follower in self._followers.pop(place, ()):
            self._follow(follower)

    def _surprise(self, expected: str, outcome: Outcome) -> None:
        if len(self.counts.surprises) < SURPRISES_MAX:
            found = outcome.code or outcome.state
            self.counts.surprises.append(f"{outcome.id.hex()[:16]}: {found} != {expected}")

    # -- sending ------------------------------------------------------------------------------

    def _session(self, person: Person) -> Session:
        return self._sessions[person.place.prefix]

    def _account(self, person: Person) -> SessionAccount:
        return SessionAccount(
            person.place.prefix, person.account_id, person.signing_key, person.place.currency
        )

    def _take(self, place: int, step: Step) -> None:
        """Send a step now, or once what it follows is final."""
        original = None if isinstance(step, Purchase) else step.original
        if original is None:
            self._send(place, step, None)
        elif original in self._final:
            self._follow(place)
        else:
            self._followers.setdefault(original, []).append(place)

    def _send(self, place: int, step: Step, original: Original | None) -> None:
        session = self._session(step.payer)
        account = self._account(step.payer)
        if isinstance(step, Purchase):
            fields = pay_fields(step.payee.account_id, account.currency, step.amount_minor)
            raw, _ = session.sign(account, PAYMENT_PAY, fields, number=step.number)
            if place in self._followed:
                self._raws[place] = raw
        elif isinstance(step, GivingBack) and original is not None:
            fields = refund_fields(original.raw, original.receipt_number, step.amount_minor)
            raw, _ = session.sign(account, PAYMENT_REFUND, fields, number=step.number)
        elif isinstance(step, Attempt):
            raw = attempt_bytes(step, session.network.network_id, original)
        else:
            raise InvariantBroken("a refund without its original")
        self._ids[session.send_raw(account, raw, number=step.number)] = place

    def _follow(self, place: int, delay_seconds: float = 0.0) -> None:
        task = asyncio.create_task(self._send_follower(place, delay_seconds))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def _send_follower(self, place: int, delay_seconds: float) -> None:
        """Look up the receipt number of what this step follows, and send it."""
        await asyncio.sleep(delay_seconds)
        step = self._plan.steps[place]
        if isinstance(step, Purchase) or step.original is None:
            raise InvariantBroken("this step follows nothing")
        raw = self._raws[step.original]
        if isinstance(step, Attempt) and step.code == "number_used":
            self._send(place, step, None)
            return
        try:
            async with self._slots:
                number = await self._receipt_number(step.payer, raw)
        except Refused as refusal:
            self.counts.surprises.append(f"{transaction_id(raw).hex()[:16]}: {refusal}")
        else:
            self._send(place, step, Original(raw, number))

    async def _receipt_number(self, reader: Person, raw: bytes) -> int:
        id = transaction_id(raw)
        session = self._session(reader)
        for _ in range(TRIES_MAX):
            try:
                proved = await session.prove(id, self._account(reader))
            except Refused as refusal:
                if refusal.code not in NOT_YET:
                    raise
            else:
                if proved.receipt_number is not None:
                    return proved.receipt_number
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        raise Refused("not_final_yet", id.hex())
