"""Decisions are listed where readers look for them, by number and title."""

import re

from tests.architecture.sources import ROOT

FOLDER = ROOT / "docs" / "adr"


def test_every_decision_is_listed_with_its_title() -> None:
    titles = []
    for file in sorted(FOLDER.glob("[0-9]*.md")):
        number, title = file.read_text(encoding="utf-8").splitlines()[0][2:].split(". ", 1)
        assert file.name.startswith(f"{number}-")
        titles.append(f"- [{number}]({file.name}). {title}")
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert titles
    assert re.findall(r"^- .*$", listed, re.MULTILINE) == titles
