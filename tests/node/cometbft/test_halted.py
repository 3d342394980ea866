"""Once the ledger can't be written, or contradicts what was decided, nothing more is decided."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from node.engines.cometbft.requests import RequestCommit
from primitives.errors import InvariantBroken
from tests.node.cometbft.driver import Driver
from tests.node.town import Person, Town

Scenario = Callable[[Town, Driver], Awaitable[None]]


def run(folder: Path, scenario: Scenario) -> list[str]:
    """What the node was told to stop for."""

    async def whole() -> list[str]:
        town = Town(folder, 4)
        driver = Driver(town)
        try:
            await driver.begin()
            await scenario(town, driver)
        finally:
            await driver.close()
        return driver.fatal

    return asyncio.run(whole())


def test_what_the_disk_refuses_is_not_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        residents = [Person("town0", "resident 0")]
        opened = driver.block([town.open_accounts(residents)], town.genesis.time_ms)
        await driver.finalize(opened)

        def full(changes: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(driver.ledger.chain, "write", full)
            with pytest.raises(InvariantBroken, match="could not be written"):
                await driver.application.commit(RequestCommit())
        assert driver.ledger.chain.height == 0
        # Nor with a disk that has room again: this process no longer knows where it stands.
        with pytest.raises(InvariantBroken, match="No space left"):
            await driver.application.commit(RequestCommit())
        # Another process finds the block before, and takes the same block again.
        await driver.close()
        driver.open()
        assert (await driver.info()).last_block_height == 0
        await driver.replay(opened)
        assert (await driver.info()).last_block_height == 1

    (reason,) = run(tmp_path, scenario)
    assert "No space left" in reason


def test_who_was_halted_accepts_finalizes_and_commits_nothing(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        block = driver.block([], town.genesis.time_ms)
        await driver.finalize(block)
        driver.application.halt("the state is another")
        for call in (
            driver.process(block),
            driver.finalize(block),
            driver.application.commit(RequestCommit()),
        ):
            with pytest.raises(InvariantBroken, match="the state is another"):
                await call
        assert driver.ledger.chain.height == 0

    assert not run(tmp_path, scenario)
