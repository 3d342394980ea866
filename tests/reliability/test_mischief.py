"""A short round of everything that needs no rights: payments go on, and nothing is lost."""

import asyncio
from pathlib import Path

import pytest

from tests.reliability.rounds import Plan, play

pytestmark = pytest.mark.process

SECONDS = 20.0
"""One turn of every act; the long round is `scripts/soak`."""


def test_a_short_round_of_everything(tmp_path: Path) -> None:
    figures = asyncio.run(
        play(tmp_path, Plan(seconds=SECONDS, seed=1, longest_seconds=1.0, pause_seconds=0.2))
    )
    injected = figures["injected"]
    assert isinstance(injected, dict)
    assert len(injected) >= 8
    acknowledged = figures["payments acknowledged"]
    assert isinstance(acknowledged, int)
    assert acknowledged > 0
    print(figures)
