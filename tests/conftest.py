"""What all tests share.

`pytest --hypothesis-profile long PATH/test_fuzz.py` fuzzes for a few minutes, in any of the
folders that have one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

settings.register_profile("long", max_examples=20_000, deadline=None)

TESTS = Path(__file__).parent
LONGEST_FIRST = (
    "processes/test_cometbft_joining.py",
    "docs/test_runbooks.py",
    "demo/test_interrupted_month.py",
    "reliability/test_byzantine.py",
    "processes/test_cometbft_keys.py",
    "demo/test_demonstration_cometbft.py",
    "demo/test_demonstration.py",
    "processes/test_month_commands.py",
    "processes/test_month_killed.py",
    "consensus/test_changes_amid_faults.py",
)
"""Files that take minutes: begun last, one of them would run alone while the other workers idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, all else in its order."""
    places = {TESTS / name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that runs a node in this process sets up logs for all of it, the next test too."""
    yield
    structlog.reset_defaults()
