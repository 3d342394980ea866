"""Ports on this machine's loopback: two for each node."""

import socket

from primitives.errors import Refused

HOST = "127.0.0.1"
FIRST_BASE = 28_400
BASES_TRIED = 20
PORTS_PER_NODE = 2


def choose_base(wanted: int | None, nodes: int, first: int = FIRST_BASE) -> int:
    """The first of the ports to use: the one asked for, else the next from `first` on that is free
    with those after it. Who looks at the same time finds the same. Raises `Refused("port_in_use")`.
    """
    count = nodes * PORTS_PER_NODE
    if wanted is not None:
        check_free(wanted, nodes)
        return wanted
    for turn in range(BASES_TRIED):
        base = first + turn * 10
        if all(_is_free(port) for port in range(base, base + count)):
            return base
    raise Refused("port_in_use", f"{HOST}:{first}")


def check_free(base: int, nodes: int) -> None:
    """Raises `Refused("port_in_use")` with the first port that is taken."""
    for port in range(base, base + nodes * PORTS_PER_NODE):
        if not _is_free(port):
            raise Refused("port_in_use", f"{HOST}:{port}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection that ended a moment ago does not keep a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
