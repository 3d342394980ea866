"""How many strangers may knock at once.

At most 16 handshakes run at a time, and of one address no more than 2 for each member that is
expected there. Addresses where no member is expected share half of the places: who has many
addresses and finishes no handshake keeps out none of the members. Who comes above that is turned
away before any cryptography.
"""

import ipaddress
from collections import Counter
from collections.abc import Mapping

HANDSHAKES_MAX = 16
HANDSHAKES_OF_STRANGERS_MAX = 8
HANDSHAKES_PER_PEER_MAX = 2
HANDSHAKE_SECONDS_MAX = 5.0


class HandshakeGate:
    """Counts handshakes under way. `places` are the members' hosts, by voting key."""

    def __init__(self, places: Mapping[bytes, str]) -> None:
        self._places: dict[bytes, set[str]] = {}
        self._came_from: dict[bytes, str] = {}
        self.set_places(places)
        self._running: Counter[str] = Counter()
        self._of_strangers = 0
        self._held: Counter[str] = Counter()
        """Of each address, how many of its handshakes hold a stranger's place."""

    def set_places(self, places: Mapping[bytes, str]) -> None:
        """Members came or went. Of those that stay, what is known besides is kept."""
        self._places = {
            key: self._places.get(key, set()) | {_plain(host)} for key, host in places.items()
        }
        self._came_from = {key: host for key, host in self._came_from.items() if key in places}

    def expect(self, key: bytes, hosts: set[str]) -> None:
        """These are the addresses that a member's name stands for."""
        self._places[key] = {_plain(host) for host in hosts}

    def came_from(self, key: bytes, host: str) -> None:
        """A member proved who it is, from this address: it is expected there too."""
        self._came_from[key] = _plain(host)

    def enter(self, host: str) -> bool:
        """Whether one more from `host` may begin; if so, `leave` must follow."""
        host = _plain(host)
        expected = sum(
            host in places or self._came_from.get(key) == host
            for key, places in self._places.items()
        )
        if (
            self._running.total() >= HANDSHAKES_MAX
            or self._running[host] >= HANDSHAKES_PER_PEER_MAX * max(1, expected)
            or (not expected and self._of_strangers >= HANDSHAKES_OF_STRANGERS_MAX)
        ):
            return False
        self._running[host] += 1
        if not expected:
            self._of_strangers += 1
            self._held[host] += 1
        return True

    def leave(self, host: str) -> None:
        """One ended, well or not."""
        host = _plain(host)
        self._running -= Counter([host])
        if self._held[host] > 0:
            self._held -= Counter([host])
            self._of_strangers -= 1


def _plain(host: str) -> str:
    """An IPv4 address that came over IPv6 as what it is; names stay names."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
