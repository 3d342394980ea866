"""Counting votes, and catching those who sign what no honest member signs together."""

from __future__ import annotations

from consensus.certificates import Certificate
from consensus.effects import Evidence
from consensus.members import MemberSet
from consensus.votes import FINALIZE, NULLIFY, Vote


class Tally:
    """Votes of the views above the floor, the first of each member, view and kind.

    The signatures were checked by the caller. A second, different vote never counts.
    """

    __slots__ = ("_guilty", "_members", "_votes")

    def __init__(self, members: MemberSet) -> None:
        self._members = members
        self._votes: dict[int, dict[int, dict[bytes, Vote]]] = {}
        self._guilty: set[tuple[int, bytes]] = set()

    def known(self, vote: Vote) -> bool:
        """Whether exactly this vote was counted (its signature need not be checked again)."""
        held = self._votes.get(vote.view, {}).get(vote.kind, {}).get(vote.signer)
        return held is not None and held.digest == vote.digest

    def holds(self, vote: Vote) -> bool:
        """Whether this vote was counted with this very signature."""
        held = self._votes.get(vote.view, {}).get(vote.kind, {}).get(vote.signer)
        return held == vote

    def is_spent(self, vote: Vote) -> bool:
        """Whether this member was already caught in this view: nothing new can come of it."""
        return (vote.view, vote.signer) in self._guilty

    def add(self, vote: Vote) -> Evidence | None:
        """Count a vote. Returns proof of guilt the first time there is one."""
        kinds = self._votes.setdefault(vote.view, {})
        mine = kinds.setdefault(vote.kind, {})
        held = mine.setdefault(vote.signer, vote)
        conflict: Vote | None = held if held.digest != vote.digest else None
        if conflict is None and vote.kind in (NULLIFY, FINALIZE):
            other = FINALIZE if vote.kind == NULLIFY else NULLIFY
            conflict = kinds.get(other, {}).get(vote.signer)
        if conflict is None or (vote.view, vote.signer) in self._guilty:
            return None
        self._guilty.add((vote.view, vote.signer))
        return Evidence(conflict, vote)

    def is_guilty(self, view: int, member: bytes) -> bool:
        """Whether the member was caught in that view."""
        return (view, member) in self._guilty

    def count(self, view: int, kind: int) -> int:
        """How many members voted `kind` in `view`, whatever for."""
        return len(self._votes.get(view, {}).get(kind, {}))

    def voters(self, view: int) -> set[bytes]:
        """Who voted anything in `view`."""
        return {signer for votes in self._votes.get(view, {}).values() for signer in votes}

    def certificate(self, vote: Vote) -> Certificate | None:
        """The certificate for what `vote` is for, if enough members voted the same."""
        votes = self._votes.get(vote.view, {}).get(vote.kind, {})
        same = {
            self._members.index[signer]: held.signature
            for signer, held in votes.items()
            if held.digest == vote.digest
        }
        if len(same) < self._members.quorum:
            return None
        size = len(self._members.members)
        return Certificate.from_votes(vote.epoch, vote.view, vote.kind, vote.digest, same, size)

    def prune(self, floor_view: int) -> None:
        """Forget views up to the floor."""
        for view in [view for view in self._votes if view <= floor_view]:
            del self._votes[view]
        self._guilty = {pair for pair in self._guilty if pair[0] > floor_view}
