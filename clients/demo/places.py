"""The four territories of the demonstration, in four countries, and what people there are called.

None of them is a real administration; names of people are combined at random from lists of common
ones in `names/`.
"""

import functools
from dataclasses import dataclass
from importlib import resources

DECIMALS = 2


@dataclass(frozen=True)
class Place:
    """A territory: its name, short name (the prefix of addresses), currency and country."""

    name: str
    prefix: str
    currency: str
    country: str


PLACES = (
    Place("Valmont", "valmont", "VAL", "france"),
    Place("Franches-Combes du Jura", "jura", "JUR", "switzerland"),
    Place("Borgo Brenta", "brenta", "BRE", "italy"),
    Place("Llíria del Túria", "liria", "LIR", "spain"),
)


@dataclass(frozen=True)
class Names:
    """What people and services of a country are called. `{}` in a service's name is its keeper."""

    first_names: tuple[str, ...]
    family_names: tuple[str, ...]
    services: tuple[str, ...]


@functools.cache
def names_of(country: str) -> Names:
    """The lists of a country, from `names/COUNTRY.txt`.

    Under `[first_names]` and `[family_names]`, names stand between spaces (`·` is a space inside
    one); under `[services]`, one a line.
    """
    text = resources.files("clients.demo").joinpath("names", f"{country}.txt").read_text("utf-8")
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), [])
        elif line:
            current.append(line)
    return Names(
        _words(sections["first_names"]),
        _words(sections["family_names"]),
        tuple(sections["services"]),
    )


def _words(lines: list[str]) -> tuple[str, ...]:
    return tuple(word.replace("·", " ") for line in lines for word in line.split(" "))
