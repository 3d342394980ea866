"""Every code that any part can refuse with has words in both languages."""

import re
from pathlib import Path

from terminal import catalogue

ROOT = Path(__file__).parents[2]
PACKAGES = ("primitives", "terminal", "ledger", "consensus", "node", "wallet", "clients")
RAISED = re.compile(r'(?:Refused|CommandError)\(\s*"([a-z][a-z0-9_]+)"')


def test_every_code_has_words() -> None:
    unknown = {
        f"{code} ({path.relative_to(ROOT)})"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for code in RAISED.findall(path.read_text("utf-8"))
        if code not in catalogue.codes()
    }
    assert not unknown
