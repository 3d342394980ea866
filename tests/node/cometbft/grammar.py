"""CometBFT's own grammar of calls, as the shared vectors have it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT

CHECKER = ROOT.parent / "shared" / "vectors" / "cometbft" / "check.py"


def fits_the_grammar(calls: list[str], start: str, folder: Path) -> bool:
    """Whether a log of calls fits, with a `start` that is clean or recovery."""
    log = folder / "calls.json"
    log.write_text(json.dumps(calls))
    checked = subprocess.run(
        [sys.executable, CHECKER, "--calls", log, "--start", start],
        capture_output=True,
        check=False,
    )
    assert checked.returncode in (0, 1), checked.stderr
    return checked.returncode == 0
