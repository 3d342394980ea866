"""The payments that every side of a comparison carries.

Who pays whom and how much follows from a payment's number alone, so that all sides get the same in
the same order: payer, payee and amount here are those of `peers/cometbft/payments.go`. Account
number n lives in territory n modulo their count, since a payment stays within one currency.
"""

import hashlib
from collections.abc import Sequence

from clients.demo.people import Person, Town
from clients.demo.places import Place
from ledger.account_kinds import RESIDENT

PAYEE_STEP = 7
AMOUNT_STEP = 37
AMOUNT_MAX_MINOR = 500
SEED_BYTES = 32


def account_seed(account: int) -> bytes:
    """The seed of the one Ed25519 key of an account."""
    return hashlib.sha256(account.to_bytes(4, "big").ljust(SEED_BYTES, b"\0")).digest()


def payer_of(payment: int, accounts: int) -> int:
    """The account that pays: each in its turn."""
    return payment % accounts


def payee_of(payment: int, accounts: int, currencies: int) -> int:
    """The account that is paid: another of the same currency. Raises ValueError when a currency
    has fewer than two accounts."""
    others = accounts // currencies - 1
    if others < 1 or accounts % currencies:
        raise ValueError(f"{accounts} accounts are not two or more in each of {currencies}")
    away = 1 + payment * PAYEE_STEP % others
    return (payer_of(payment, accounts) + currencies * away) % accounts


def amount_minor_of(payment: int) -> int:
    """What is paid, in minor units."""
    return 1 + payment * AMOUNT_STEP % AMOUNT_MAX_MINOR


def lane_number_of(payment: int, accounts: int) -> int:
    """The payment's place among those of its payer, from 1 on."""
    return 1 + payment // accounts


def towns_of(places: Sequence[Place], accounts: int) -> tuple[Town, ...]:
    """The territories and whose accounts they are. Raises ValueError unless all have as many."""
    if accounts % len(places):
        raise ValueError(f"{accounts} accounts do not divide among {len(places)} territories")
    return tuple(
        Town(
            place,
            tuple(
                Person(place, index, RESIDENT, f"R{number}", "", account_seed(number), None)
                for index, number in enumerate(range(first, accounts, len(places)))
            ),
            (),
        )
        for first, place in enumerate(places)
    )
