"""What the tests of this folder share."""

from pathlib import Path

import pytest

from node.engines.cometbft.program import check_program, find_program
from primitives.errors import Refused


@pytest.fixture(scope="session")
def cometbft() -> Path:
    """The real program; without it, what needs it is skipped."""
    try:
        program = find_program()
        check_program(program)
    except Refused as refused:
        pytest.skip(f"{refused.code}: scripts/install-cometbft builds it")
    return program
