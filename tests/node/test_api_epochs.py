"""`GET /v1/epochs`: what a wallet follows fits into what it reads, however large the sets are."""

import asyncio
from pathlib import Path

import pytest

from consensus.epoch_starts import EPOCHS_BYTES_MAX, read_epochs
from ledger.rules import Parameters
from node.api import network
from tests.node.api_town import api_town
from tests.patience import PATIENCE_SECONDS

EPOCHS = 6
BRIEF = Parameters(delta_ms=50, heartbeat_ms=100, epoch_ms=100)


def test_an_answer_ends_with_a_whole_epoch_once_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            api_town(tmp_path, parameters=BRIEF) as served,
        ):
            while served.town.nodes[0].status().epoch <= EPOCHS:
                await asyncio.sleep(0.05)

            async def numbers(first: int) -> list[int]:
                reply = await served.ask("GET", f"/v1/epochs?from={first}")
                return [start.epoch for start in read_epochs(reply.body)]

            assert (await numbers(1))[:EPOCHS] == list(range(1, EPOCHS + 1))
            assert await numbers(0) and (await numbers(0))[0] == 1
            # One is always given, and a second one only while there is room.
            monkeypatch.setattr(network, "EPOCHS_ANSWER_BYTES", 1)
            assert await numbers(1) == [1]
            assert await numbers(EPOCHS) == [EPOCHS]
            row = len((await served.ask("GET", "/v1/epochs?from=1")).body)
            monkeypatch.setattr(network, "EPOCHS_ANSWER_BYTES", row)
            assert await numbers(1) == [1, 2]

    assert network.EPOCHS_ANSWER_BYTES <= EPOCHS_BYTES_MAX // 2
    asyncio.run(scenario())
