"""The effects of one turn, put into the order that safety needs."""

from __future__ import annotations

from consensus.effects import (
    Append,
    Broadcast,
    Build,
    CatchUp,
    Commit,
    Effect,
    Evidence,
    Execute,
    Prune,
    Send,
    Stop,
    StopVoting,
    Sync,
)
from consensus.messages import Message


class Turn:
    """Collects effects while the rules run. Whatever is appended is synced before anything of the
    same turn is sent or committed, whichever rule spoke first. Building and executing promise
    nothing, so they stand before the sync and need not wait for the disk."""

    __slots__ = ("_appends", "_commits", "_requests", "_sends")

    def __init__(self) -> None:
        self._appends: list[Effect] = []
        self._sends: list[Effect] = []
        self._requests: list[Effect] = []
        self._commits: list[Effect] = []

    def append(self, record: bytes, position: int) -> None:
        """Journal a record."""
        self._appends.append(Append(record, position))

    def send(self, peer_key: bytes, message: Message) -> None:
        """Send to one member."""
        self._sends.append(Send(peer_key, message))

    def broadcast(self, message: Message) -> None:
        """Send to all other members."""
        self._sends.append(Broadcast(message))

    def request(self, effect: Build | Execute | Evidence | StopVoting | Stop) -> None:
        """Ask the driver for something, or tell it."""
        self._requests.append(effect)

    def commit(self, effect: Commit | CatchUp | Prune) -> None:
        """Move the chain, after everything else."""
        self._commits.append(effect)

    def take(self) -> list[Effect]:
        """All of it, in order; the turn is empty then."""
        synced: list[Effect] = [*self._appends, Sync()] if self._appends else []
        effects = self._requests + synced + self._sends + self._commits
        self._appends, self._sends, self._requests, self._commits = [], [], [], []
        return effects
