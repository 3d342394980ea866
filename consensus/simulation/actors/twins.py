"""Two machines with one key: somebody started a copy of a node beside it."""

from __future__ import annotations

from dataclasses import replace

from consensus.replica import Replica
from consensus.simulation.actors.amnesiac import Careless
from consensus.simulation.checkers import Checkers
from consensus.simulation.host import Host
from consensus.simulation.machine import Identity
from consensus.simulation.world import World


class _Twin(Host):
    """The second machine: a disk, a chain and a clock of its own."""

    honest = False


class Twins(Host):
    """Each of the two hears mostly one half of the members, and speaks to all. Either both mind
    what the other said, as real replicas do, or neither."""

    honest = False

    def __init__(
        self, identity: Identity, world: World, checkers: Checkers, hosts: dict[bytes, Host]
    ) -> None:
        identity = replace(identity, replica_class=world.random.choice((Replica, Careless)))
        super().__init__(identity, world, checkers, hosts)
        self._second = _Twin(identity, world, checkers, hosts)

    def begin(self) -> None:
        """The second one starts a little later, and once only; its crashes are its own."""
        super().begin()
        if self._second.restarts == 0:
            delay_ms = self.world.random.randint(0, 500)
            self.world.at(self.world.now_ms + delay_ms, self._second.start)

    def shut_down(self, until_ms: int) -> None:
        """They stand in the same room."""
        super().shut_down(until_ms)
        self._second.shut_down(until_ms)

    def receive(self, sender: bytes, raw: bytes) -> None:
        """Half of the members reach one of them, half the other, and some messages both."""
        both = self.world.random.random() < 0.2
        first = sender[0] % 2 == 0
        if first or both:
            super().receive(sender, raw)
        if both or not first:
            self._second.receive(sender, raw)

    def pay(self, number: int) -> None:
        """Payments reach both."""
        super().pay(number)
        self._second.pay(number)
