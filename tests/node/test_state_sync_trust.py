"""A newcomer whose genesis is older than old keys are believed for."""

import asyncio
from pathlib import Path

import pytest

from ledger.changes import ChangeParameter
from ledger.rules import MS_PER_DAY, Parameters
from node.clock import now_ms
from node.peers.frames import WANT_EPOCH
from node.state_sync import syncing, trust
from primitives.errors import Refused
from tests.node.sync_epochs import SLOW, history, run
from tests.node.sync_town import SyncTown, small, verified
from tests.node.town import until
from tests.patience import PATIENCE_SECONDS

__all__ = ["small"]
pytestmark = pytest.mark.usefixtures("small", "later")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer whose genesis is older than old keys are believed for."""
    late_ms = (Parameters().trust_days_max + 1) * MS_PER_DAY
    monkeypatch.setattr(syncing, "now_ms", lambda: now_ms() + late_ms)
    monkeypatch.setattr(syncing, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(trust, "AGREED_SECONDS_MAX", 2.0)


def test_beyond_the_trust_period_two_of_the_founders_must_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = SyncTown(tmp_path, parameters=SLOW)

    async def work() -> None:
        await history(town, ChangeParameter("lines_max", 1_500))
        silent = [town.machinery(index).traffic for index in (1, 2)]
        for traffic in silent:
            traffic._readers[WANT_EPOCH] = lambda peer_key, content: None
        await town.start(3)
        out = ""

        def told() -> bool:
            nonlocal out
            out += capsys.readouterr().out
            return "history_unconfirmed" in out

        await until(told)
        assert "1 of 2 members" in out
        # Nor are blocks taken in its place.
        assert town.machinery(3).is_catching_up and town.nodes[3].latest_final_height == 0
        await town.stop(3)
        silent[0]._readers[WANT_EPOCH] = silent[0]._want_epoch
        await town.start(3)
        await town.synced()

    run(town, work())
    verified(town)


def test_a_checkpoint_stands_for_their_word(tmp_path: Path) -> None:
    town = SyncTown(tmp_path, parameters=SLOW)

    async def work() -> None:
        await history(town, ChangeParameter("lines_max", 1_500))
        for index in range(3):
            town.machinery(index).traffic._readers[WANT_EPOCH] = lambda peer_key, content: None
        town.checkpoint = (2, bytes(32))
        await town.start(3)
        async with asyncio.timeout(PATIENCE_SECONDS):
            reason = await town.nodes[3].wait_stopped()
        assert isinstance(reason, Refused) and reason.code == "history_differs"
        await town.stop(3)
        epoch = town.nodes[0].epoch(2)
        assert epoch is not None
        town.checkpoint = (2, epoch.digest)
        await town.start(3)
        await town.synced()

    run(town, work())
    verified(town)
