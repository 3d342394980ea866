"""What becomes of what the node signed, and of what nobody signed in time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.genesis import Genesis
from node.answers import NodeStatus
from node.office.follower import Followed, Follower
from node.office.node_key import NodeKey
from node.office.office import Office
from primitives.errors import Refused
from tests.node import town as towns
from tests.node.office.month_town import PERIOD, STAFF, Month, month_town
from tests.node.office.test_month import operations_of
from tests.node.town import key_of
from tests.patience import PATIENCE_SECONDS

Scenario = Callable[[Month], Awaitable[None]]


def play(folder: Path, scenario: Scenario) -> None:
    """Run a scenario in a town with three residents."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), month_town(folder) as month:
            await scenario(month)

    asyncio.run(run())


async def not_submitted(self: Follower, followed: Followed) -> None:
    """The transaction gets lost on its way."""


async def signed_bulletins(month: Month) -> dict[str, object]:
    """Bulletins that the node signed and that never got anywhere."""
    await month.register()
    await month.open_programme()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Follower, "_submit", not_submitted)
        (operation,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
        signed = (await month.sign(operation, wait_ms=0)).json
    assert signed["state"] == "signed"
    return signed


def test_what_expired_unseen_is_free_again(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        signed = await signed_bulletins(month)
        follower = month.served.office.follower
        (followed,) = follower._followed.values()
        followed.handed_in_ms = 2**53
        assert not await follower._settle(followed)
        followed.valid_until_ms = 0
        assert await follower._settle(followed)
        assert not follower._followed
        left = (await month.look(f"operations/{signed['id']}")).json
        assert left["state"] == "released"
        (again,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
        assert again["id"] != signed["id"]
        assert (await month.sign(again)).json["state"] == "final"
        # The lost bytes turn up after all: the run's id is taken.
        late = await month.served.post(bytes.fromhex(str(signed["raw"])))
        assert late.status == 422
        assert [month.balance(person.id) for person in month.residents] == [1_600] * 3

    play(tmp_path, scenario)


def test_an_office_opened_again_hands_in_what_was_signed(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        signed = await signed_bulletins(month)
        served = month.served
        await served.office.follower.stop()
        territory = served.town.genesis.territories[0]
        key = NodeKey(key_of("town0 node"))
        folder = tmp_path / "registry"
        again = await Office.open(served.node, served.town.genesis, territory, key, folder)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (await again.operations.get(bytes.fromhex(str(signed["id"])))).state != (
                    "final"
                ):
                    await asyncio.sleep(0.05)
        finally:
            await again.close()
        assert [month.balance(person.id) for person in month.residents] == [1_600] * 3

    play(tmp_path, scenario)


def test_what_was_signed_for_a_predecessor_is_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the network that took its place it can't become final: no need to wait until it ends."""

    async def scenario(month: Month) -> None:
        signed = await signed_bulletins(month)
        waiting = (await month.office("programmes/GARDEN/fund", {"amount_minor": 5})).json
        served = month.served
        await served.office.follower.stop()
        genesis = replace(served.town.genesis, time_ms=served.town.genesis.time_ms + 1)
        territory = genesis.territories[0]
        key = NodeKey(key_of("town0 node"))
        folder = tmp_path / "registry"

        def not_ready() -> NodeStatus:
            raise Refused("node_not_ready")

        with monkeypatch.context() as patch:
            # A node that waits for its first state has nothing to say, and is no reason to stop.
            patch.setattr(served.node, "status", not_ready)
            again = await Office.open(served.node, genesis, territory, key, folder)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                for operation in (signed, waiting):
                    identity = bytes.fromhex(str(operation["id"]))
                    while (await again.operations.get(identity)).state != "released":
                        await asyncio.sleep(0.05)
        finally:
            await again.close()
        assert served.node.status().mempool_transactions == 0

    play(tmp_path, scenario)


def test_nobody_signs_after_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        operation = (await month.office("programmes/GARDEN/open", {})).json
        late = operation["valid_until_ms"]
        assert isinstance(late, int)
        monkeypatch.setattr("node.office.follower.now_ms", lambda: late + 1)
        await month.served.office.follower._release_expired()
        assert (await month.sign(operation)).json["state"] == "released"
        again = (await month.office("programmes/GARDEN/open", {})).json
        assert again["id"] != operation["id"] and again["state"] == "waiting"

    play(tmp_path, scenario)


def test_two_of_the_staff_above_the_threshold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = key_of("town0 second staff")

    def found(*arguments: object) -> Genesis:
        genesis = first_found(*arguments)
        territory = genesis.territories[0]
        keys = (*territory.signing_keys, second.public_key)
        more = replace(territory, signing_keys=keys, two_signers_above_minor=4_000)
        return replace(genesis, territories=(more,))

    first_found: Callable[..., Genesis] = towns.found
    monkeypatch.setattr(towns, "found", found)

    async def scenario(month: Month) -> None:
        await month.register()
        operation = (await month.office("programmes/GARDEN/open", {})).json
        assert operation["staff_needed"] == 2
        once = (await month.sign(operation)).json
        assert once["state"] == "waiting" and once["staff_signed"] == [STAFF.public_key.hex()]
        assert (await month.sign(operation)).json == once
        assert (await month.sign(operation, second)).json["state"] == "final"
        (batch,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
        both = await asyncio.gather(month.sign(batch), month.sign(batch, second))
        assert "final" in [reply.json["state"] for reply in both]
        assert [month.balance(person.id) for person in month.residents] == [1_600] * 3

    play(tmp_path, scenario)


def test_so_many_operations_at_a_time(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        await month.open_programme()
        for amount in range(1, 33):
            asked = await month.office("programmes/GARDEN/fund", {"amount_minor": amount})
            assert asked.status == 200
        more = await month.office("programmes/GARDEN/fund", {"amount_minor": 33})
        assert more.code == "operations_pending_max"
        waiting = operations_of((await month.look("operations")).json)
        # The newest first: every number of the lane stays good.
        for operation in reversed(waiting):
            assert (await month.sign(operation)).json["state"] == "final"

    play(tmp_path, scenario)
