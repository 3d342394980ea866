"""What all tests share.

`pytest --hypothesis-profile long PATH/test_fuzz.py` fuzzes for a few minutes, in any of the
folders that have one."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("long", max_examples=20_000, deadline=None)


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that runs a node in this process sets up logs for all of it, the next test too."""
    yield
    structlog.reset_defaults()
