"""The plan of a demonstration: everything that will be sent, and what must come of it.

Who there is, what they earn and buy stands in the example month's files; keys, refunds, attempts
and the breakdown follow from the seed. All of it is known before anything runs, so that no timing
changes a figure:

- Hours and wages are paid before the first purchase. Each buyer is given at least what its
  purchases cost beyond that, and pays services only; so every purchase can be paid in any order.
- A service only gives back what it was paid before, so it always has the money.
- What must be refused is refused in whatever order it arrives.
"""

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from clients.demo.attempts import ATTEMPT_CODES, make_attempt
from clients.demo.month import Month, read_month
from clients.demo.people import Person, Town, town_of
from clients.demo.places import PLACES
from clients.demo.purchases import ListedPurchase, read_purchases
from clients.demo.steps import Attempt, GivingBack, Purchase, Step

REFUNDS_PER_PURCHASES = 50
ATTEMPTS_PER_CODE = 12

SPARE_MINOR = (200, 9_000)
SERVICE_START_MINOR = 20_000
VISITOR_START_MINOR = 15_000
EMPLOYER_SPARE_MINOR = 50_000
COMMONS_SPARE_MINOR = 100_000
ISSUE_ROUNDED_TO_MINOR = 500
TOO_MUCH_MINOR = 1_000_000
"""A listed purchase this far above what its payer will ever own is meant to be refused."""

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
    months: tuple[Month, ...] = ()
    """One for each town."""
    commons_minor: dict[str, int] = field(default_factory=dict)
    """By territory: what its commons are given against the reserve."""
    unread: Counter[str] = field(default_factory=Counter)
    """Purchases that cannot be read, by code."""

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
        """How many steps must be refused, by code."""
        counts = Counter(step.code for step in self.steps if isinstance(step, Attempt))
        return dict(sorted(counts.items()))

    @property
    def supplies_minor(self) -> dict[str, int]:
        """By currency: all the money there is."""
        return {
            town.place.currency: self.commons_minor.get(town.place.prefix, 0)
            + sum(self.issued_minor[person.account_id] for person in town.people)
            for town in self.towns
        }

    @property
    def bulletins(self) -> dict[str, int]:
        """What must come of all territories' bulletins."""
        return self._added("residents", "minutes", "amount_minor")

    @property
    def wages(self) -> dict[str, int]:
        """What must come of all payrolls."""
        return self._added("runs", "lines")

    def _added(self, *names: str) -> dict[str, int]:
        figures = [month.figures for month in self.months]
        return {name: sum(one[name] for one in figures) for name in names}


class _Lanes:
    """Hands out each account's numbers."""

    def __init__(self) -> None:
        self._next: dict[bytes, int] = {}

    def take(self, person: Person) -> int:
        number = self._next.get(person.account_id, 1)
        self._next[person.account_id] = number + 1
        return number


def make_plan(seed: int, purchases: int | None = None) -> Plan:
    """The plan that follows from `seed`; of each territory's purchases only the first so many."""
    months = tuple(read_month(place) for place in PLACES)
    towns = tuple(town_of(seed, month) for month in months)
    lists = [read_purchases(place) for place in PLACES]
    unread = sum((one.refusals for one in lists), Counter())
    draw = random.Random(f"plan/{seed}")
    lanes = _Lanes()
    bought, hopeless = _buy(towns, [one.purchases[:purchases] for one in lists], lanes)
    issued_minor, owned_minor = _issue(draw, towns, months, bought)
    follow_ups = _follow_ups(draw, bought, owned_minor, towns, lanes)
    follow_ups += hopeless
    draw.shuffle(follow_ups)
    steps = _interleave(draw, bought, follow_ups)
    kill_at = len(steps) // 4 + draw.randrange(max(1, len(steps) // 5))
    victim = draw.randrange(len(towns))
    commons_minor = {
        month.place.prefix: month.programmes_minor + COMMONS_SPARE_MINOR for month in months
    }
    return Plan(seed, towns, issued_minor, steps, victim, kill_at, months, commons_minor, unread)


def _buy(
    towns: tuple[Town, ...], lists: Sequence[Sequence[ListedPurchase]], lanes: _Lanes
) -> tuple[list[Purchase], list[Attempt]]:
    """Purchases of all towns by turns; and those that cannot succeed: to a code that no register
    knows, or far above what its payer will ever own."""
    bought: list[Purchase] = []
    hopeless: list[Attempt] = []
    for listed in itertools.zip_longest(*lists):
        for town, purchase in zip(towns, listed, strict=True):
            if purchase is None:
                continue
            payer = town.by_code[purchase.payer]
            payee = town.by_code.get(purchase.payee)
            number = lanes.take(payer)
            if payee is not None and purchase.amount_minor < TOO_MUCH_MINOR:
                bought.append(Purchase(payer, payee, purchase.amount_minor, number))
                continue
            code = "account_unknown" if payee is None else "balance_insufficient"
            other = payee or payer
            hopeless.append(Attempt(code, payer, other, purchase.amount_minor, number))
    return bought, hopeless


def _issue(
    draw: random.Random,
    towns: tuple[Town, ...],
    months: tuple[Month, ...],
    bought: list[Purchase],
) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """What each account must be given, rounded up; and what it then owns before the purchases."""
    costs_minor: Counter[bytes] = Counter()
    for step in bought:
        costs_minor[step.payer.account_id] += step.amount_minor
    issued_minor: dict[bytes, int] = {}
    owned_minor: dict[bytes, int] = {}
    for town, month in zip(towns, months, strict=True):
        received_minor = month.received_minor
        for person in town.visitors:
            issued_minor[person.account_id] = VISITOR_START_MINOR
        for person in town.services:
            issued_minor[person.account_id] = SERVICE_START_MINOR
        for person in town.employers:
            wages_minor = month.payrolls[person.code].local_total_minor
            issued_minor[person.account_id] = _rounded(wages_minor + EMPLOYER_SPARE_MINOR)
        for person in town.buyers:
            needed_minor = costs_minor[person.account_id] - received_minor[person.code]
            spare_minor = draw.randint(*SPARE_MINOR)
            issued_minor[person.account_id] = _rounded(max(0, needed_minor) + spare_minor)
        for person in town.people:
            id = person.account_id
            owned_minor[id] = issued_minor[id] + received_minor[person.code]
    return issued_minor, owned_minor


def _rounded(needed_minor: int) -> int:
    return -(-needed_minor // ISSUE_ROUNDED_TO_MINOR) * ISSUE_ROUNDED_TO_MINOR


def _follow_ups(
    draw: random.Random,
    bought: list[Purchase],
    owned_minor: dict[bytes, int],
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
                make_attempt(draw, code, town, elsewhere, bought, owned_minor, lanes.take)
            )
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
