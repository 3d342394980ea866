"""What every file of figures says of the machine."""

import os
from pathlib import Path

from benchmarks.machine import machine


def test_a_machine_says_how_busy_it_was_and_which_python_ran() -> None:
    told = machine()
    busy = told["busy_processors_before"]
    assert isinstance(busy, float)
    # A tick of the kernel's clock more than there was time for may be counted.
    assert 0 <= busy <= (os.cpu_count() or 1) + 0.1
    assert Path(str(told["python_program"])).is_file()
