"""Who is a peer now: the members of the sets in force and to come, and observers.

The circle follows the network's terms and the folder of observers while the node runs. What is
broken in a member's voted terms (an authority, an address) leaves that member out and is logged:
it must not keep this node from the others.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import structlog

from ledger.founders import Territory
from node.addresses import parse_host_port
from node.answers import PeerStatus
from node.observers import LOOK_SECONDS, Observers
from node.peers.address import PeerAddress
from node.peers.certificates import check_authority
from node.peers.network import PeerNetwork
from primitives.errors import Refused


class Reachable(Protocol):
    """What of a member says who it is and where it listens."""

    @property
    def prefix(self) -> str:
        """Its short name."""

    @property
    def voting_key(self) -> bytes:
        """Its voting key."""

    @property
    def authority_der(self) -> bytes:
        """The authority that this key issued."""

    @property
    def peer(self) -> str:
        """HOST:PORT."""


class PeerCircle:
    """See the module's docstring. `owns` knows this node's own voting keys. `overrides` say where
    members, by voting key, are looked for instead. `members` gives them all, newest terms last."""

    def __init__(
        self,
        owns: Callable[[bytes], bool],
        overrides: Mapping[bytes, tuple[str, int]],
        observers: Observers,
        members: Callable[[], Iterable[Reachable]],
    ) -> None:
        self._owns = owns
        self._overrides = overrides
        self._observers = observers
        self._members = members
        self._followed: tuple[Reachable, ...] = ()
        self._network: PeerNetwork | None = None
        self._observing: list[Territory] = []
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("peers")

    def begin(self, network: PeerNetwork) -> None:
        """Keep this network's peers up to date from now on."""
        self._network = network
        self._observers.changed()
        self._task = asyncio.get_running_loop().create_task(self._watch_observers())

    async def end(self) -> None:
        """No more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def is_member(self) -> bool:
        """Whether this node's own key stands in the terms."""
        return any(self._owns(each.voting_key) for each in self._all())

    def follow(self, members: tuple[Reachable, ...]) -> None:
        """Members of an epoch that is proved, while the chain is far from it, are peers too."""
        self._followed = members
        self.refresh()

    def _all(self) -> tuple[Reachable, ...]:
        return (*self._members(), *self._followed)

    def addresses(self) -> dict[bytes, PeerAddress]:
        """Everybody, by voting key."""
        self._observing, unread = self._observers.readable()
        observers: dict[bytes, PeerAddress] = {}
        for one in self._observing:
            host, port = parse_host_port(one.peer, "peer")
            observers[one.voting_key] = PeerAddress(
                one.voting_key, one.authority_der, host, port, is_observer=True
            )
        others = [each for each in self._all() if not self._owns(each.voting_key)]
        members, faults = member_addresses(others, self._overrides)
        for fault in (*unread, *faults):
            self._log.error("peer_left_out", reason=fault)
        return observers | members

    def refresh(self) -> None:
        """Terms or observers changed."""
        if self._network is not None:
            addresses, is_member = self.addresses(), self.is_member
            self._network.set_peers(addresses, is_member=is_member)

    def statuses(self) -> tuple[PeerStatus, ...]:
        """Everybody but this node, by short name."""
        connected = frozenset() if self._network is None else self._network.connected
        found = {
            each.voting_key: PeerStatus(
                each.voting_key, each.prefix, each.peer, each.voting_key in connected
            )
            for each in self._all()
        }
        for one in self._observing:
            key = one.voting_key
            found.setdefault(key, PeerStatus(key, one.prefix, one.peer, key in connected, True))
        others = [status for key, status in found.items() if not self._owns(key)]
        return tuple(sorted(others, key=lambda status: status.prefix))

    async def _watch_observers(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if self._observers.changed():
                    self.refresh()
            except OSError as error:  # the folder may be looked at again
                self._log.warning("observers_unreadable", error=str(error))


def member_addresses(
    members: Iterable[Reachable], overrides: Mapping[bytes, tuple[str, int]]
) -> tuple[dict[bytes, PeerAddress], list[str]]:
    """Where members are, by voting key, and what was wrong with those that are left out."""
    found: dict[bytes, PeerAddress] = {}
    faults: list[str] = []
    for each in members:
        key = each.voting_key
        try:
            check_authority(each.authority_der, key)
            host, port = overrides.get(key) or parse_host_port(each.peer, "peer")
        except Refused as refusal:
            faults.append(f"{key.hex()[:16]}: {refusal}")
            continue
        found[key] = PeerAddress(key, each.authority_der, host, port)
    return found, faults
