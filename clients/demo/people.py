"""Who lives in the demonstration: residents, services and employers, and their keys.

Keys follow from the seed and stay in memory; the network never sees a name.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from clients.demo.month import Month
from clients.demo.places import PLACES, Place
from ledger.account_kinds import EMPLOYER, RESIDENT, SERVICE
from primitives import addresses
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey
from wallet.lane_owner import LaneOwner

WALLETS_PER_PLACE = 2
"""The first residents of each territory: they do nothing, visitors get their wallets."""

LIMITED_KEY_EVERY = 25
"""One resident in so many has a key that may spend little at once, as a child's would."""

LIMIT_MINOR = 6_000


@dataclass(frozen=True)
class Person:
    """A resident, a service or an employer; `index` counts within the territory, in that order.

    `code` is what the territory's registers and the files know them by.
    """

    place: Place
    index: int
    kind: str
    code: str
    name: str
    key_seed: bytes
    limit_minor: int | None

    @functools.cached_property
    def signing_key(self) -> SigningKey:
        """The one device key."""
        return SigningKey.from_seed(self.key_seed)

    @functools.cached_property
    def account_id(self) -> bytes:
        """The account's id."""
        return addresses.account_id(self.place.prefix, self.signing_key.public_key)

    @property
    def address(self) -> str:
        """The account's address."""
        return addresses.format_address(self.place.prefix, self.account_id)

    @property
    def owner(self) -> LaneOwner:
        """The account and its key, for the wallet's libraries."""
        return LaneOwner(self.place.prefix, self.account_id, self.signing_key)


@dataclass(frozen=True)
class Town:
    """A territory's people."""

    place: Place
    residents: tuple[Person, ...]
    services: tuple[Person, ...]
    employers: tuple[Person, ...] = ()

    @property
    def visitors(self) -> tuple[Person, ...]:
        """Residents whose wallets are handed out."""
        return self.residents[:WALLETS_PER_PLACE]

    @property
    def buyers(self) -> tuple[Person, ...]:
        """Residents who buy in the demonstration."""
        return self.residents[WALLETS_PER_PLACE:]

    @property
    def people(self) -> tuple[Person, ...]:
        """Everyone, in the order in which their accounts are opened."""
        return self.residents + self.services + self.employers

    @functools.cached_property
    def by_code(self) -> dict[str, Person]:
        """Everyone by code; residents', services' and employers' codes differ."""
        return {person.code: person for person in self.people}


def demo_secret(seed: int, *words: object) -> bytes:
    """32 bytes that follow from the seed: a key, or what else must be the same every time."""
    return hash_bytes("demo_secret", "/".join(map(str, (seed, *words))).encode())


def town_of(seed: int, month: Month) -> Town:
    """A territory's people as its files name them."""
    return _make_town(seed, month.place, month.residents, month.services, month.employers)


def make_towns(
    seed: int, residents: int, services: int, places: Sequence[Place] = PLACES
) -> tuple[Town, ...]:
    """People without names, `residents` and `services` of them per territory."""
    return tuple(
        _make_town(
            seed,
            place,
            [(f"R{index}", "") for index in range(residents)],
            [(f"S{index}", "") for index in range(services)],
            (),
        )
        for place in places
    )


def _make_town(
    seed: int,
    place: Place,
    residents: Sequence[tuple[str, str]],
    services: Sequence[tuple[str, str]],
    employers: Sequence[tuple[str, str]],
) -> Town:
    def people(
        kind: str, listed: Sequence[tuple[str, str]], first_index: int
    ) -> tuple[Person, ...]:
        return tuple(
            Person(
                place,
                index,
                kind,
                code,
                name,
                demo_secret(seed, place.prefix, index),
                LIMIT_MINOR if kind == RESIDENT and _is_child(index) else None,
            )
            for index, (code, name) in enumerate(listed, start=first_index)
        )

    return Town(
        place,
        people(RESIDENT, residents, 0),
        people(SERVICE, services, len(residents)),
        people(EMPLOYER, employers, len(residents) + len(services)),
    )


def _is_child(index: int) -> bool:
    return index % LIMITED_KEY_EVERY == LIMITED_KEY_EVERY - 1
