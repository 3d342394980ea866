"""Bytes between nodes as TCP carries them, TLS included: what the kernel counted.

`ss` tells it (Debian's iproute2). Where there is none, nothing is guessed.
"""

import re
import shutil
import subprocess
from collections.abc import Set

SECONDS_MAX = 30
_PORT = re.compile(r"127\.0\.0\.1\]?:(\d+)")
_DELIVERED = re.compile(r"\bbytes_acked:(\d+)")


def peer_bytes_sent(ports: Set[int]) -> int | None:
    """What all connections to or from these ports sent so far, both ends together. None without
    `ss`."""
    program = shutil.which("ss")
    if program is None:
        return None
    told = subprocess.run(
        [program, "-tinH", "state", "established"],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS_MAX,
    )
    return bytes_delivered_in(told.stdout, ports)


def bytes_delivered_in(told: str, ports: Set[int]) -> int:
    """The same, out of what `ss -tinH` printed: a line of addresses, then an indented one."""
    total, counts = 0, False
    for line in told.splitlines():
        if not line[:1].isspace():
            counts = any(int(port) in ports for port in _PORT.findall(line))
        elif counts and (delivered := _DELIVERED.search(line)) is not None:
            total += int(delivered[1])
    return total
