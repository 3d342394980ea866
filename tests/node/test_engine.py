"""Territory nodes over real TLS agree on payments, whoever is killed, away or empty."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from node.store import STORE_KINDS
from tests.node.town import Town

Scenario = Callable[[Town], Awaitable[None]]


def run(town: Town, scenario: Scenario) -> None:
    async def whole() -> None:
        try:
            await scenario(town)
        finally:
            await town.stop()

    asyncio.run(whole())


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_four_nodes_agree_on_payments(kind: str, tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(20, 10_000)
        for round_number in range(5):
            raws = [town.pay(people[i], people[(i + 1) % 20], 7 + round_number) for i in range(20)]
            answers = await town.settle(round_number % 4, raws)
            assert [answer.state for answer in answers] == ["accepted"] * 20
        await town.same_height()
        for node in town.nodes.values():
            assert [node.account(person.id) for person in people] == [
                town.nodes[0].account(person.id) for person in people
            ]
            first = node.account(people[0].id)
            assert first is not None and first.balance_minor == 10_000
            assert node.counters()["signatures_refused"] == 0

    run(Town(tmp_path, store_kind=kind), scenario)
