"""A member that votes on in every epoch after it was removed, as if it were still in the set."""

from __future__ import annotations

from dataclasses import replace

from consensus.config import Final
from consensus.members import Member, MemberSet
from consensus.replica import Replica
from consensus.simulation.host import Host


class NeverLeaves(Host):
    """While it is a member, it plays by the rules."""

    honest = False

    def new_replica(self, floor: Final, epoch: int, ends_ms: int | None) -> Replica:
        """One that counts itself in."""
        identity = self.identity
        if identity.key in identity.members.index:
            return super().new_replica(floor, epoch, ends_ms)
        own = Member(identity.key, identity.key, "own")
        members = MemberSet.of((*identity.members.members, own))
        self.identity = replace(identity, members=members)
        try:
            return super().new_replica(floor, epoch, ends_ms)
        finally:
            self.identity = identity
