"""What figures were measured on, and when: every file of figures says it."""

import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from nacl import bindings

from primitives.signatures import SigningKey, verify

BUSY_SECONDS = 0.5
CHECKS_TIMED = 2_000
MESSAGE_BYTES = 200

Check = Callable[[bytes, bytes, bytes], object]
"""Public key, message, signature."""


def machine() -> dict[str, object]:
    """The machine's facts, and how busy it was just before."""
    return {
        "processors": os.cpu_count(),
        "processor": _processor(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        # The same version may be a tenth slower or quicker, as it was compiled.
        "python_program": os.path.realpath(sys.executable),
        "memory_gigabytes": round(_memory_bytes() / 1e9, 1),
        "signature_check_microseconds": round(check_seconds(check_with_pynacl) * 1e6, 1),
        "signature_check_in_use_microseconds": round(check_seconds() * 1e6, 1),
        "load_average_before": round(os.getloadavg()[0], 2),
        "busy_processors_before": round(_busy_processors(), 2),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def check_with_pynacl(public_key: bytes, message: bytes, signature: bytes) -> object:
    """What a check costs in every target, whatever verifier is in use. Raises on a bad one."""
    return bindings.crypto_sign_open(signature + message, public_key)


def check_seconds(check: Check = verify, checks: int = CHECKS_TIMED) -> float:
    """Processor seconds that one signature check costs here, by the verifier in use if not told."""
    key = SigningKey.from_seed(bytes(32))
    message = bytes(MESSAGE_BYTES)
    signature = key.sign(message)
    started = time.process_time()
    for _ in range(checks):
        check(key.public_key, message, signature)
    return (time.process_time() - started) / checks


def _busy_processors() -> float:
    """How many processors others use just now. The load average tells of the minute before too, in
    which this very command may have measured something else."""
    before = _busy_seconds()
    time.sleep(BUSY_SECONDS)
    return (_busy_seconds() - before) / BUSY_SECONDS


def _busy_seconds() -> float:
    try:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    ticks = [int(word) for word in words]
    idle = ticks[3] + ticks[4]  # with what waits for a disk
    return (sum(ticks[:8]) - idle) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
