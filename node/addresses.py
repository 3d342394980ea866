"""HOST:PORT, and whether a host is this machine alone."""

import ipaddress
import socket

from primitives.errors import Refused

PORT_MAX = 65_535
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


def parse_host_port(text: str, field: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`. Raises `Refused("host_port_malformed")`."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit():
        raise Refused("host_port_malformed", text[:100], field=field)
    number = int(port)
    if not 1 <= number <= PORT_MAX or any(c in host for c in "/@ "):
        raise Refused("host_port_malformed", text[:100], field=field)
    return host, number


def url_of(http: str) -> str:
    """A node's URL from `HOST:PORT`: TLS everywhere but on this machine, as wallets have it."""
    if "://" in http:
        return http.rstrip("/")
    host = http.rpartition(":")[0]
    return f"{'http' if host in LOOPBACK_NAMES else 'https'}://{http}"


def is_loopback(host: str) -> bool:
    """Whether every address that `host` names is loopback."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):  # unknown, or no name at all
        return False
    return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)
