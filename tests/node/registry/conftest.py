"""A settled registry in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.registry import Registry
from tests.node.registry.town_registry import open_registry, settle


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = settle(open_registry(tmp_path))
    yield opened
    opened.close()
