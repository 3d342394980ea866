"""Who lives in the demonstration: residents and services, their names and their keys.

Keys follow from the seed and stay in memory; the network never sees a name.
"""

import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from clients.demo.places import PLACES, Place, names_of
from ledger.account_kinds import RESIDENT, SERVICE
from primitives import addresses
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey

RESIDENTS_PER_PLACE = 510
SERVICES_PER_PLACE = 40

WALLETS_PER_PLACE = 2
"""The first residents of each territory: they do nothing, visitors get their wallets."""

LIMITED_KEY_EVERY = 25
"""One resident in so many has a key that may spend little at once, as a child's would."""

LIMIT_MINOR = 6_000


@dataclass(frozen=True)
class Person:
    """A resident or a service; `index` counts within the territory, residents first."""

    place: Place
    index: int
    kind: str
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


@dataclass(frozen=True)
class Town:
    """A territory's people."""

    place: Place
    residents: tuple[Person, ...]
    services: tuple[Person, ...]

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
        return self.residents + self.services


def demo_secret(seed: int, *words: object) -> bytes:
    """32 bytes that follow from the seed: a key, or what else must be the same every time."""
    return hash_bytes("demo_secret", "/".join(map(str, (seed, *words))).encode())


def make_towns(
    seed: int, residents: int = RESIDENTS_PER_PLACE, services: int = SERVICES_PER_PLACE
) -> tuple[Town, ...]:
    """All four territories' people; `residents` and `services` count per territory."""
    return tuple(_make_town(seed, place, residents, services) for place in PLACES)


def _make_town(seed: int, place: Place, residents: int, services: int) -> Town:
    draw = random.Random(f"people/{seed}/{place.prefix}")
    names = names_of(place.country)

    def person(index: int, kind: str, name: str, limit_minor: int | None = None) -> Person:
        key_seed = demo_secret(seed, place.prefix, index)
        return Person(place, index, kind, name, key_seed, limit_minor)

    inhabitants = tuple(
        person(
            index,
            RESIDENT,
            f"{draw.choice(names.first_names)} {draw.choice(names.family_names)}",
            LIMIT_MINOR if index % LIMITED_KEY_EVERY == LIMITED_KEY_EVERY - 1 else None,
        )
        for index in range(residents)
    )
    service_names = _service_names(draw, place)
    shops = tuple(
        person(residents + index, SERVICE, next(service_names)) for index in range(services)
    )
    return Town(place, inhabitants, shops)


def _service_names(draw: random.Random, place: Place) -> Iterator[str]:
    """Names for services, each once as long as there are families enough."""
    names = names_of(place.country)
    families: list[str] = []
    seen: set[str] = set()
    while True:
        for pattern in names.services:
            if not families:
                families = draw.sample(names.family_names, len(names.family_names))
            name = pattern.format(families.pop()) if "{}" in pattern else pattern
            if name not in seen or "{}" in pattern:
                seen.add(name)
                yield name
