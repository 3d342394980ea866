"""The limit: nothing but the signature checks, four per payment, in as many processes as there are
processors."""

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from benchmarks.compare.settings import Figures, Settings
from benchmarks.machine import Check, check_with_pynacl
from primitives.signatures import SigningKey, verify

REPLICAS = 4
KEYS = 64
MESSAGE_BYTES = 200
CHECKED_AT_ONCE = 256


def check_in_use(public_key: bytes, message: bytes, signature: bytes) -> object:
    """The verifier that nodes use. Raises ValueError on a bad signature."""
    if not verify(public_key, message, signature):
        raise ValueError("a good signature was refused")
    return True


class _Done(NamedTuple):
    """What one process did: checks, and the seconds and processor seconds that they took."""

    checks: int
    seconds: float
    used: float


def _checks(check: Check, seconds: float) -> _Done:
    """As many as one process makes in this time."""
    keys = [SigningKey.from_seed(number.to_bytes(32, "big")) for number in range(KEYS)]
    message = bytes(MESSAGE_BYTES)
    work = [(key.public_key, message, key.sign(message)) for key in keys]
    count, began, used_before = 0, time.monotonic(), time.process_time()
    while (passed := time.monotonic() - began) < seconds:
        for index in range(CHECKED_AT_ONCE):
            check(*work[index % KEYS])
        count += CHECKED_AT_ONCE
    return _Done(count, passed, time.process_time() - used_before)


def measure_limit(settings: Settings) -> Figures:
    """Payments a second that PyNaCl's checks alone allow, and those of the verifier in use."""
    return {
        **_measure(check_with_pynacl, settings.seconds),
        "verifier_in_use": _measure(check_in_use, settings.seconds / 2),
    }


def _measure(check: Check, seconds: float) -> Figures:
    processors = os.cpu_count() or 1
    # New processes, which inherit neither threads nor what this one does when it is terminated.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processors, context) as pool:
        work = [pool.submit(_checks, check, seconds) for _ in range(processors)]
        done = [one.result() for one in work]
    checks = sum(one.checks for one in done)
    return {
        "payments_per_second": round(sum(one.checks / one.seconds for one in done) / REPLICAS, 1),
        "check_microseconds": round(sum(one.used for one in done) / checks * 1e6, 2),
    }
