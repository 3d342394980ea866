"""Who may ever be a member in a run, and how the set changes.

A change is a transaction of the toy ledger, like a payment; changes apply in their order. Who was
paused or removed comes back like one that is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from consensus.members import Member, MemberSet
from consensus.votes import Signer

CHANGES_FROM = 100_000
"""Change number n is the transaction numbered `CHANGES_FROM` + n."""

JOIN, LEAVE, REPLACE_KEY = "join", "leave", "replace key"
KINDS = (JOIN, LEAVE, REPLACE_KEY)

Terms: TypeAlias = "tuple[tuple[int, bool], ...]"
"""For each territory: which of its two keys is the one of now, and whether it is a member."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to a territory."""

    kind: str
    place: int

    def apply(self, terms: Terms) -> Terms:
        """The terms after it."""
        key, is_in = terms[self.place]
        match self.kind:
            case "join":
                is_in = True
            case "leave":
                is_in = False
            case _:
                key = 1
        return (*terms[: self.place], (key, is_in), *terms[self.place + 1 :])


@dataclass(frozen=True)
class Roll:
    """The territories' keys (the first one also names a territory for good: its *home*), the
    first terms, and the changes. Epochs end after `epoch_ms`, if they begin before `ends_until_ms`
    (Unix time), and where the set changes; with `epoch_ms` 0 there is but one."""

    keys: Sequence[tuple[bytes, bytes]]
    signers: Mapping[bytes, Signer]
    first: Terms
    changes: Sequence[Change] = ()
    epoch_ms: int = 0
    ends_until_ms: int = 0
    member_set_class: type[MemberSet] = MemberSet
    _sets: dict[Terms, MemberSet] = field(default_factory=dict)

    def members(self, terms: Terms) -> MemberSet:
        """The set under these terms."""
        if terms not in self._sets:
            self._sets[terms] = self.member_set_class(
                tuple(
                    Member(self.keys[place][key], self.keys[place][key], f"t{place}")
                    for place, (key, is_in) in enumerate(terms)
                    if is_in
                )
            )
        return self._sets[terms]

    def key(self, home: bytes, terms: Terms) -> bytes:
        """The key that a territory uses under these terms."""
        place = self.place(home)
        return self.keys[place][terms[place][0]]

    def place(self, key: bytes) -> int:
        """Which territory's key it is."""
        return next(place for place, keys in enumerate(self.keys) if key in keys)

    def keys_of(self, home: bytes) -> tuple[bytes, bytes]:
        """Both keys of a territory."""
        return self.keys[self.place(home)]

    def home(self, key: bytes) -> bytes:
        """The first key of the territory that this one is of."""
        return self.keys[self.place(key)][0]

    def change(self, number: int, terms: Terms) -> Terms:
        """The terms after a transaction."""
        return self.changes[number - CHANGES_FROM].apply(terms)

    def is_change(self, number: int) -> bool:
        """Whether a transaction is one of the changes."""
        return 0 <= number - CHANGES_FROM < len(self.changes)


def draw_changes(
    random: Random, first: Terms, count: int, bad: frozenset[int], fixed: frozenset[int]
) -> tuple[Change, ...]:
    """Changes of which every set can bear its bad members; `fixed` territories keep their keys. Of
    three or more members two stay at least."""
    changes: list[Change] = []
    terms = first
    for _ in range(count * 4):
        change = Change(random.choice(KINDS), random.randrange(len(first)))
        after = change.apply(terms)
        inside = [place for place, (_, is_in) in enumerate(after) if is_in]
        is_fixed = change.kind == REPLACE_KEY and change.place in fixed
        fewest = min(2, sum(is_in for _, is_in in first) - 1) or 1
        bearable = len(inside) >= fewest and len(bad.intersection(inside)) <= (len(inside) - 1) // 3
        if after != terms and bearable and not is_fixed and len(changes) < count:
            changes.append(change)
            terms = after
    return tuple(changes)
