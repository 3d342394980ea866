"""One ruined network for all tests of this folder that only read it, or work on a copy."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.succession.ruin import Ruin, ruined


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Ruin:
    """Four towns that stopped; nobody changes them."""
    ruin, _ = asyncio.run(ruined(tmp_path_factory.mktemp("ruin"), payments=1))
    return ruin


@pytest.fixture
def copied(once: Ruin, tmp_path: Path) -> Callable[[], Ruin]:
    """Makes copies of it."""
    count = 0

    def copy() -> Ruin:
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        shutil.copytree(once.town.folder, folder)
        return once.at(folder)

    return copy
