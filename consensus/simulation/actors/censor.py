"""A member that will not have every other payment: it leaves them out, and gives up views whose
block holds one."""

from __future__ import annotations

from consensus.replica import Replica
from consensus.simulation.host import Host
from consensus.simulation.toy_ledger import payments_in


def _is_hated(number: int) -> bool:
    return number % 2 == 1


class _VotesAgainst(Replica):
    """Whatever it does not like is no reason to stop once the others have certified it."""

    def _consider(self) -> bool:
        proposal = self.proposals.get(self.view)
        if proposal is None or self.own_votes.get(self.view):
            return False
        if any(_is_hated(number) for number in payments_in(proposal.block.body)):
            return self._nullify()
        return super()._consider()


class Censor(Host):
    """Its blocks are sound, and so are its votes; only it can be told from what it leaves out."""

    honest = False
    replica_class = _VotesAgainst

    def payable(self) -> set[int]:
        """What it likes."""
        return {number for number in self.pool if not _is_hated(number)}
