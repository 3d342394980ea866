"""The member set: who votes, how many suffice, who leads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from primitives.errors import Refused
from primitives.hashing import hash_items


@dataclass(frozen=True, slots=True)
class Member:
    """One territory's place in the set: its voting key, recovery key and short name."""

    voting_key: bytes
    recovery_key: bytes
    prefix: str


@dataclass(frozen=True)
class MemberSet:
    """Members sorted by voting key. n members bear f = ⌊(n − 1)/3⌋ faults; q = n − f votes decide:
    two groups of q share an honest member, and the honest alone make q."""

    members: tuple[Member, ...]
    index: dict[bytes, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.members, key=lambda member: member.voting_key))
        if not ordered or len({member.voting_key for member in ordered}) != len(ordered):
            raise Refused("members_malformed", "a set has members, each voting key once")
        object.__setattr__(self, "members", ordered)
        places = {member.voting_key: place for place, member in enumerate(ordered)}
        object.__setattr__(self, "index", places)

    @staticmethod
    def of(members: Iterable[Member]) -> MemberSet:
        """The set of these members, in any order."""
        return MemberSet(tuple(members))

    @cached_property
    def faults(self) -> int:
        """How many members may fail or lie."""
        return (len(self.members) - 1) // 3

    @property
    def quorum(self) -> int:
        """How many votes make a certificate."""
        return len(self.members) - self.faults

    def leader(self, epoch: int, view: int) -> bytes:
        """The voting key of the member that proposes in `view`."""
        return self.members[(epoch + view) % len(self.members)].voting_key

    def hash(self) -> bytes:
        """What a boundary header commits to."""
        rows = [(m.voting_key, m.recovery_key, m.prefix) for m in self.members]
        return hash_items("set", rows)
