"""The market: all steps of the plan over the nodes' public interface, as wallets would.

One session per territory, towards its own node; when that one dies, the session goes on with
another territory's. Steps leave at a steady pace; what follows a purchase waits until that is
final. Every outcome is compared with what the plan says.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from clients.demo.attempts import Original, attempt_bytes
from clients.demo.diary import Diary
from clients.demo.people import Person
from clients.demo.plan import Plan
from clients.demo.steps import Attempt, GivingBack, Purchase, Step
from ledger.fields import PAYMENT_PAY, PAYMENT_REFUND
from ledger.payments import pay_fields
from ledger.refunds import refund_fields
from primitives.encoding import Value
from primitives.errors import InvariantBroken, Refused
from wallet.delivery import Outcome
from wallet.session import Session, SessionAccount
from wallet.transaction_ids import transaction_id

STEPS_PER_SECOND = 280.0
PAYING_MS_MAX = 20 * 3_600_000
"""So long after it began, an interrupted demonstration can go on: its payments are valid."""
PENDING_MAX = 400
"""Per session: who is that far behind does not send more."""

FOLLOW_UPS_AT_ONCE = 16
TRIES_MAX = 75
TRY_AGAIN_SECONDS = 0.4
"""So for half a minute: a node that comes back must first catch up."""
SETTLE_MS = 90_000
SURPRISES_MAX = 20

# A refund may reach a node before the block with the original does, or while it is catching up.
NOT_YET = frozenset({"receipt_unknown", "not_final_yet", "not_found"})


@dataclass
class Counts:
    """What came of the steps that ended as planned."""

    payments: int = 0
    refunds: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)


class Market:
    """See the module's docstring. `sessions` by territory.

    What the diary knows is not done again.
    """

    def __init__(self, plan: Plan, sessions: Mapping[str, Session], diary: Diary) -> None:
        self.surprises: list[str] = []
        """Outcomes that the plan does not foresee."""
        self._plan = plan
        self._sessions = sessions
        self._diary = diary
        self._created_ms = 0
        self._ids: dict[bytes, int] = {}
        self._tries: dict[int, int] = {}
        self._followers: dict[int, list[int]] = {}
        self._following: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(FOLLOW_UPS_AT_ONCE)

    async def run(self, created_ms: int, before_step: Callable[[int], None]) -> None:
        """Send all steps and wait for their outcomes. `before_step` hears of each place.

        Everything is dated `created_ms`, so that a purchase's bytes are the same whenever they
        are made.
        """
        self._created_ms = created_ms
        # As a list: the diary grows while they are sent.
        places = [at for at in range(len(self._plan.steps)) if at not in self._diary.ended]
        started = time.monotonic()
        for turn, place in enumerate(places):
            before_step(place)
            step = self._plan.steps[place]
            session = self._session(step.payer)
            ahead = started + turn / STEPS_PER_SECOND - time.monotonic()
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

    @property
    def ended(self) -> int:
        """How many steps ended as planned."""
        return len(self._diary.ended)

    def counts(self) -> Counts:
        """What came of the steps so far, those before an interruption included."""
        counts = Counts()
        for place, milliseconds in self._diary.ended.items():
            step = self._plan.steps[place]
            if isinstance(step, Attempt):
                counts.refusals[step.code] = counts.refusals.get(step.code, 0) + 1
                continue
            counts.latencies_ms.append(milliseconds)
            if isinstance(step, Purchase):
                counts.payments += 1
            else:
                counts.refunds += 1
        return counts

    def note(self, outcome: Outcome) -> bool:
        """Take an outcome from a session; gives whether a step ended with it."""
        place = self._ids.pop(outcome.id, None)
        if place is None:
            return False
        step = self._plan.steps[place]
        if not isinstance(step, Purchase) and outcome.code in NOT_YET and self._try_again(place):
            return False
        planned = step.code if isinstance(step, Attempt) else "final"
        found = outcome.code if outcome.state == "refused" else outcome.state
        if found == planned:
            self._diary.note(place, outcome.milliseconds)
            for follower in self._followers.pop(place, ()):
                self._follow(follower)
        elif len(self.surprises) < SURPRISES_MAX:
            self.surprises.append(f"{outcome.id.hex()[:16]}: {found} != {planned}")
        return True

    def _try_again(self, place: int) -> bool:
        tries = self._tries.get(place, 1)
        if tries >= TRIES_MAX:
            return False
        self._tries[place] = tries + 1
        self._follow(place, TRY_AGAIN_SECONDS)
        return True

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
        elif original in self._diary.ended:
            self._follow(place)
        else:
            self._followers.setdefault(original, []).append(place)

    def _send(self, place: int, step: Step, original: Original | None) -> None:
        if isinstance(step, Purchase):
            raw = self._purchase(step)
        elif isinstance(step, GivingBack) and original is not None:
            fields = refund_fields(original.raw, original.receipt_number, step.amount_minor)
            raw = self._sign(step, PAYMENT_REFUND, fields)
        elif isinstance(step, Attempt):
            raw = attempt_bytes(step, self._session(step.payer).network.network_id, original)
        else:
            raise InvariantBroken("a refund without its original")
        self._ids[
            self._session(step.payer).send_raw(
                self._account(step.payer),
                raw,
                number=step.number,
                valid_until_ms=self._created_ms + PAYING_MS_MAX,
            )
        ] = place

    def _purchase(self, step: Purchase) -> bytes:
        """A purchase's bytes, the same every time."""
        fields = pay_fields(step.payee.account_id, step.payer.place.currency, step.amount_minor)
        return self._sign(step, PAYMENT_PAY, fields)

    def _sign(self, step: Purchase | GivingBack, kind: str, fields: Sequence[Value]) -> bytes:
        raw, _ = self._session(step.payer).sign(
            self._account(step.payer),
            kind,
            fields,
            number=step.number,
            created_ms=self._created_ms,
            valid_for_ms=PAYING_MS_MAX,
        )
        return raw

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
        paid = self._plan.steps[step.original]
        if not isinstance(paid, Purchase):
            raise InvariantBroken("only purchases are followed")
        if isinstance(step, Attempt) and step.code == "number_used":
            self._send(place, step, None)
            return
        raw = self._purchase(paid)
        try:
            async with self._slots:
                number = await self._receipt_number(step.payer, raw)
        except Refused as refusal:
            self.surprises.append(f"{transaction_id(raw).hex()[:16]}: {refusal}")
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
