"""A leader that builds on an old block, as if the newer ones had been nullified."""

from __future__ import annotations

from consensus.effects import Build, Effect
from consensus.header import Header
from consensus.replica import Replica
from consensus.simulation.host import Host


class _TakesAnyBlock(Replica):
    """Proposes whatever it is given."""

    def _is_as_asked(self, header: Header, view: int, parent: Header | None) -> bool:
        return True


class StaleParentLeader(Host):
    """Its blocks are sound, but the views between were not all nullified."""

    honest = False
    replica_class = _TakesAnyBlock

    def do(self, effect: Effect) -> None:
        """Bend what is built."""
        if isinstance(effect, Build):
            back = self.world.random.randint(0, 2)
            known = self.replica.known
            held = [
                header
                for header in known.headers.values()
                if header.view < effect.view and self.ledger.holds(header.digest)
            ]
            older = [known.floor.header, *sorted(held, key=lambda header: header.view)]
            parent = older[max(len(older) - 1 - back, 0)]
            effect = Build(effect.view, parent, self.replica._is_above_end(parent))
        super().do(effect)
