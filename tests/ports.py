"""Ports for what tests start.

They lie below those that the system gives to outgoing connections: between the moment one is drawn
and the moment a server takes it, nobody's connection can come out of it. Workers draw from parts of
their own.
"""

import os
import random
import socket
from itertools import cycle

_FIRST = 10_000
_OF_ONE_WORKER = 2_000
_WORKERS_MAX = 8


def _own_part() -> range:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    first = _FIRST + int(worker) % _WORKERS_MAX * _OF_ONE_WORKER
    return range(first, first + _OF_ONE_WORKER)


# Another run of the tests on this machine begins elsewhere; in turn, so that none comes again soon.
_ports = list(_own_part())
_turn = random.SystemRandom().randrange(_OF_ONE_WORKER)
_drawn = cycle(_ports[_turn:] + _ports[:_turn])


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    found: list[int] = []
    for port in _drawn:
        if len(found) == count:
            break
        if _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection that ended a moment ago keeps nobody out.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
