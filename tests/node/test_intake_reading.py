"""Payees are read ahead, together: only where somebody could pay them, and without them at need."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from ledger.transaction import Transaction
from node.answers import Submission
from node.intake import READ_TOGETHER_MAX, Intake
from node.mempool import Mempool
from node.verifier import Verifier
from primitives.errors import Refused
from tests.ledger.world import World, person
from tests.node.still_engine import StillEngine
from tests.patience import PATIENCE_SECONDS


class ReadingEngine(StillEngine):
    """Notes what it is asked to read; fails where it is told to."""

    def __init__(self, world: World, fails_for: bytes | None) -> None:
        super().__init__(lambda: world.state.tip)
        self._world = world
        self._fails_for = fails_for
        self.read: list[list[bytes]] = []

    def read_ahead(self, accounts: Sequence[bytes]) -> None:
        self.read.append([*accounts])
        if self._fails_for in accounts:
            raise Refused("store_corrupt", "a block that can't be read")
        self._world.state.tip.read_ahead(accounts)


def world_now() -> World:
    world = World()
    world.time_ms = time.time_ns() // 1_000_000
    world.settle("ana", "bo", "cy")
    return world


def handed_in(
    world: World, raws: Sequence[bytes], fails_for: bytes | None = None
) -> tuple[list[Submission], list[list[bytes]]]:
    """The answers to all of one turn, in their order, and what was read."""

    async def play() -> tuple[list[Submission], list[list[bytes]]]:
        verifier, engine = Verifier(), ReadingEngine(world, fails_for)
        try:
            intake = Intake(world.network_id, world.rules, Mempool(), verifier, engine)
            loop = asyncio.get_running_loop()
            told: list[asyncio.Future[Submission]] = [loop.create_future() for _ in raws]
            for raw, one in zip(raws, told, strict=True):
                intake.submit(raw, one.set_result)
            answers = await asyncio.wait_for(asyncio.gather(*told), PATIENCE_SECONDS)
            return [*answers], engine.read
        finally:
            verifier.close()

    return asyncio.run(play())


def payments(world: World, payer: str, payee: str, count: int) -> list[Transaction]:
    return [world.pay(payer, person(payee), 1, number=number) for number in range(1, count + 1)]


def test_those_of_a_turn_are_read_together_and_not_too_many() -> None:
    world = world_now()
    raws = [one.raw for one in payments(world, "ana", "bo", 2)]
    raws += [b"\xc1"] * READ_TOGETHER_MAX
    raws += [one.raw for one in payments(world, "bo", "cy", 1)]
    answers, read = handed_in(world, raws)
    assert read == [[person("bo")] * 2, [person("cy")]]
    assert [one.state for one in answers[:2] + answers[-1:]] == ["accepted"] * 3
    assert {one.state for one in answers[2:-1]} == {"refused"}


def test_nothing_is_read_for_who_has_no_account() -> None:
    world = world_now()
    stranger = world.pay("nobody", person("bo"), 1, number=1)
    (answer,), read = handed_in(world, [stranger.raw])
    assert read == []
    assert answer.refusal is not None and answer.refusal.code == "account_unknown"


def test_what_is_refused_at_once_takes_nobodys_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.admission.SMALL_POOL", READ_TOGETHER_MAX)
    monkeypatch.setattr("node.admission.OWN_WAITING_MIN", READ_TOGETHER_MAX)
    world = world_now()
    raws = [world.pay("nobody", person("bo"), 1, number=one).raw for one in range(1, 500)]
    answers, _ = handed_in(world, [*raws, *[one.raw for one in payments(world, "ana", "bo", 1)]])
    assert answers[-1].state == "accepted"


def test_a_store_that_cannot_read_them_together_leaves_nobody_without_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = world_now()
    raws = [payments(world, "ana", "bo", 1)[0].raw, payments(world, "bo", "cy", 1)[0].raw]
    answers, _ = handed_in(world, raws, fails_for=person("bo"))
    assert [one.state for one in answers] == ["accepted", "accepted"]
    account, broken = world.state.account, {person("cy")}

    def damaged(identity: bytes) -> object:
        if identity in broken:
            raise Refused("store_corrupt", "a block that can't be read")
        return account(identity)

    monkeypatch.setattr(world.state, "account", damaged)
    answers, _ = handed_in(world, raws, fails_for=person("cy"))
    assert [one.state for one in answers] == ["accepted", "refused"]
    # Now a payer's account is the one that can't be read.
    broken.clear()
    broken.add(person("ana"))
    answers, _ = handed_in(world, raws)
    assert [one.state for one in answers] == ["refused", "accepted"]
