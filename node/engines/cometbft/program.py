"""Which `cometbft` is started: found, and of a version that was tried.

Looked for in `DEMOCITE_COMETBFT`, then where `scripts/install-cometbft` puts it, then in the PATH.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from primitives.errors import Refused

VERSION = (0, 38, 25)
"""The lowest of its line: messages and rules are those of v0.38, and older ones have known faults.
`scripts/cometbft-pin` names the same."""

VARIABLE = "DEMOCITE_COMETBFT"
INSTALLED = Path(__file__).resolve().parents[3] / ".tools" / "cometbft"
ANSWER_SECONDS = 60


def find_program() -> Path:
    """The program. Raises `Refused`: `cometbft_missing`."""
    named = os.environ.get(VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise Refused("cometbft_missing", f"{VARIABLE} names none", file=named)
        return Path(named)
    if os.access(INSTALLED, os.X_OK):
        return INSTALLED
    found = shutil.which("cometbft")
    if found is None:
        raise Refused("cometbft_missing")
    return Path(found)


def check_program(program: Path) -> str:
    """Its version. Raises `Refused`: `cometbft_missing`, `cometbft_version_differs`."""
    try:
        told = subprocess.run(
            [program, "version"],
            capture_output=True,
            check=False,
            timeout=ANSWER_SECONDS,
            env={"HOME": os.devnull},
        )
    except (OSError, subprocess.TimeoutExpired):
        raise Refused("cometbft_missing", "it does not run", file=str(program)) from None
    version = told.stdout.decode(errors="replace").strip()
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)(?:\+[0-9A-Za-z.]+)?$", version)
    numbers = tuple(int(number) for number in match.groups()) if match else ()
    if numbers[:2] != VERSION[:2] or numbers < VERSION:
        wanted = ".".join(map(str, VERSION))
        raise Refused(
            "cometbft_version_differs", f"{version[:40] or 'none'}, not {wanted}", file=str(program)
        )
    return version
