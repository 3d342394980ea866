"""The plan of a demonstration: everything that will be sent, and what must come of it.

All of it follows from the seed before anything runs, so that no timing changes a figure:

- Each buyer is given at least what all its purchases cost, before the first of them, and pays
  services only; so every purchase can be paid in any order.
- A service only gives back what it was paid before, so it always has the money.
- What must be refused is refused in whatever order it arrives.
"""

import random
from dataclasses import dataclass

from clients.demo.attempts import ATTEMPT_CODES, make_attempt
from clients.demo.people import Person, Town, make_towns
from clients.demo.steps import Attempt, GivingBack, Purchase, Step

PURCHASES = 10_000
REFUNDS_PER_PURCHASES = 50
ATTEMPTS_PER_CODE = 12

AMOUNTS_MINOR = (80, 4_500)
SPARE_MINOR = (200, 9_000)
SERVICE_START_MINOR = 20_000
VISITOR_START_MINOR = 15_000
ISSUE_ROUNDED_TO_MINOR = 500

FOLLOWS_AFTER = 400
"""What follows another step stands at least so many steps behind it."""


@dataclass(frozen=True)
class Plan:
    """See the module's docstring. `steps` are sent in their order, as far as none must wait."""

    seed: int
    towns: tuple[Town, ...]
    issued_minor: dict[bytes, int]
    """By account id: what each account is given against the reserve."""
    steps: tuple[Step, ...]
    victim: int
    """The territory whose node is killed."""
    kill_at: int
    """Before the step at this place."""

    @property
    def payments(self) -> int:
        """How many purchases are paid."""
        return sum(isinstance(step, Purchase) for step in self.steps)

    @property
    def refunds(self) -> int:
        """How many are given back, wholly or in part."""
        return sum(isinstance(step, GivingBack) for step in self.steps)

    @property
    def refusals(self) -> dict[str, int]:
        """How many attempts must be refused, by code."""
        counts: dict[str, int] = {}
        for step in self.steps:
            if isinstance(step, Attempt):
                counts[step.code] = counts.get(step.code, 0) + 1
        return dict(sorted(counts.items()))

    @property
    def supplies_minor(self) -> dict[str, int]:
        """By currency: all the money there is."""
        return {
            town.place.currency: sum(self.issued_minor[person.account_id] for person in town.people)
            for town in self.towns
        }


class _Lanes:
    """Hands out each account's numbers."""

    def __init__(self) -> None:
        self._next: dict[bytes, int] = {}

    def take(self, person: Person) -> int:
        number = self._next.get(person.account_id, 1)
        self._next[person.account_id] = number + 1
        return number


def make_plan(seed: int, purchases: int = PURCHASES, towns: tuple[Town, ...] | None = None) -> Plan:
    """The plan that follows from `seed`."""
    if towns is None:
        towns = make_towns(seed)
    draw = random.Random(f"plan/{seed}")
    lanes = _Lanes()
    bought = _buy(draw, towns, purchases, lanes)
    issued_minor = _issue(draw, towns, bought)
    steps = _interleave(draw, bought, _follow_ups(draw, bought, issued_minor, towns, lanes))
    kill_at = len(steps) // 4 + draw.randrange(max(1, len(steps) // 5))
    return Plan(seed, towns, issued_minor, steps, draw.randrange(len(towns)), kill_at)


def _buy(draw: random.Random, towns: tuple[Town, ...], count: int, lanes: _Lanes) -> list[Purchase]:
    """Purchases of all towns by turns; each buyer has its turn before anyone buys again."""
    waiting: list[list[Person]] = [[] for _ in towns]
    bought: list[Purchase] = []
    for index in range(count):
        town = towns[index % len(towns)]
        line = waiting[index % len(towns)]
        if not line:
            line.extend(draw.sample(town.buyers, len(town.buyers)))
        payer = line.pop()
        amount_minor = draw.randint(*AMOUNTS_MINOR)
        bought.append(Purchase(payer, draw.choice(town.services), amount_minor, lanes.take(payer)))
    return bought


def _issue(
    draw: random.Random, towns: tuple[Town, ...], bought: list[Purchase]
) -> dict[bytes, int]:
    """What each account must be given, rounded up."""
    costs_minor: dict[bytes, int] = {}
    for step in bought:
        id = step.payer.account_id
        costs_minor[id] = costs_minor.get(id, 0) + step.amount_minor
    issued_minor: dict[bytes, int] = {}
    for town in towns:
        for person in town.visitors:
            issued_minor[person.account_id] = VISITOR_START_MINOR
        for person in town.services:
            issued_minor[person.account_id] = SERVICE_START_MINOR
        for person in town.buyers:
            needed_minor = costs_minor.get(person.account_id, 0) + draw.randint(*SPARE_MINOR)
            rounds = -(-needed_minor // ISSUE_ROUNDED_TO_MINOR)
            issued_minor[person.account_id] = rounds * ISSUE_ROUNDED_TO_MINOR
    return issued_minor


def _follow_ups(
    draw: random.Random,
    bought: list[Purchase],
    issued_minor: dict[bytes, int],
    towns: tuple[Town, ...],
    lanes: _Lanes,
) -> list[GivingBack | Attempt]:
    """Refunds and attempts. `original` counts purchases alone, until all steps are in line."""
    follow_ups: list[GivingBack | Attempt] = []
    originals = draw.sample(range(len(bought)), len(bought) // REFUNDS_PER_PURCHASES)
    for original in originals:
        paid = bought[original]
        whole = draw.random() < 0.5
        amount_minor = paid.amount_minor if whole else draw.randint(1, paid.amount_minor)
        number = lanes.take(paid.payee)
        follow_ups.append(GivingBack(original, paid.payee, amount_minor, number))
    for code in ATTEMPT_CODES:
        for turn in range(ATTEMPTS_PER_CODE):
            town = towns[turn % len(towns)]
            elsewhere = towns[(turn + 1) % len(towns)]
            follow_ups.append(
                make_attempt(draw, code, town, elsewhere, bought, issued_minor, lanes.take)
            )
    draw.shuffle(follow_ups)
    return follow_ups


def _interleave(
    draw: random.Random, bought: list[Purchase], follow_ups: list[GivingBack | Attempt]
) -> tuple[Step, ...]:
    """All steps in line: each follow-up at a random place, behind what it follows if it can be."""
    keyed: list[tuple[float, int, Step]] = [
        (float(index), 0, purchase) for index, purchase in enumerate(bought)
    ]
    for order, step in enumerate(follow_ups, start=1):
        first = 0 if step.original is None else min(step.original + FOLLOWS_AFTER, len(bought))
        keyed.append((draw.uniform(first, len(bought)), order, step))
    keyed.sort(key=lambda entry: entry[:2])
    places = {int(key): place for place, (key, order, _) in enumerate(keyed) if order == 0}
    return tuple(_at(step, places) for _, _, step in keyed)


def _at(step: Step, places: dict[int, int]) -> Step:
    """The step with `original` as a place among all steps."""
    if isinstance(step, GivingBack):
        return GivingBack(places[step.original], step.payer, step.amount_minor, step.number)
    if isinstance(step, Attempt) and step.original is not None:
        original = places[step.original]
        return Attempt(step.code, step.payer, step.other, step.amount_minor, step.number, original)
    return step
