"""The project as it is installed: names of its own, locks that hold, a command that answers."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from clients.cli.groups import GROUPS
from tests.architecture.sources import PACKAGES, ROOT

PROGRAM = Path(sys.executable).with_name("democite")


def test_no_other_distribution_brings_our_names() -> None:
    """Two distributions with one top-level package overwrite each other without a word."""
    owners = packages_distributions()
    shared = {
        name: owners[name]
        for name in PACKAGES
        if {owner.lower() for owner in owners.get(name, [])} - {"democite"}
    }
    assert not shared


def test_the_lock_for_tests_contains_the_one_for_users() -> None:
    assert _locked("runtime") <= _locked("dev")


def test_every_locked_package_has_hashes() -> None:
    for name in ("runtime", "dev"):
        lock = (ROOT / "requirements" / f"{name}.lock").read_text()
        for entry in re.split(r"\n(?=[a-z0-9])", lock):
            if "==" in entry:
                assert "--hash=sha256:" in entry, entry.splitlines()[0]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["verify", "--help"]])
def test_the_command_answers(words: list[str]) -> None:
    done = subprocess.run([PROGRAM, *words], capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_group_of_the_project_is_explained() -> None:
    listed = set(
        re.findall(r'^(\w+) = "[\w.]+:app"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    )
    assert listed
    assert listed <= set(GROUPS)


def _locked(name: str) -> set[str]:
    lock = (ROOT / "requirements" / f"{name}.lock").read_text()
    return {line.split(" \\")[0] for line in lock.splitlines() if re.match(r"[a-z0-9].*==", line)}
