"""Where nodes are asked: the public addresses that territories name."""

from collections.abc import Sequence
from typing import Protocol

from ledger.founders import Territory

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


class Territories(Protocol):
    """A genesis, or a network that was followed from one."""

    @property
    def territories(self) -> Sequence[Territory]:
        """The territories that are known."""

    @property
    def former(self) -> frozenset[str]:
        """Short names of those among them that have no node."""


def node_urls_of(network: Territories, prefix: str) -> tuple[str, ...]:
    """The public addresses of all members, the home territory's first."""
    members = [one for one in network.territories if one.prefix not in network.former]
    ordered = sorted(members, key=lambda territory: territory.prefix != prefix)
    return tuple(node_url(territory.http) for territory in ordered)


def node_url(http: str) -> str:
    """A node's URL from `HOST:PORT`: TLS everywhere but on this machine."""
    if "://" in http:
        return http.rstrip("/")
    host = http.rpartition(":")[0]
    scheme = "http" if host in LOOPBACK_NAMES else "https"
    return f"{scheme}://{http}"
