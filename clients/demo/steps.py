"""What the demonstration does, step by step: purchases, refunds, and attempts that must fail.

Every step has its own place in its account's lane, fixed beforehand: whatever is sent twice, or
again after an interruption, is accepted once.
"""

from dataclasses import dataclass
from typing import TypeAlias

from clients.demo.people import Person


@dataclass(frozen=True)
class Purchase:
    """A resident buys at a service of the same territory."""

    payer: Person
    payee: Person
    amount_minor: int
    number: int


@dataclass(frozen=True)
class GivingBack:
    """A service gives back (part of) a purchase, once that is final.

    `original` is the purchase's place in the plan.
    """

    original: int
    payer: Person
    """The service."""
    amount_minor: int
    number: int


@dataclass(frozen=True)
class Attempt:
    """Something that must be refused with `code`.

    `other` is the account it aims at, `original` the purchase that it copies or follows; both
    only where the trick needs them. `number` is a lane number that stays unused.
    """

    code: str
    payer: Person
    other: Person
    amount_minor: int
    number: int
    original: int | None = None


Step: TypeAlias = Purchase | GivingBack | Attempt
