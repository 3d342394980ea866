"""A refusal that is kept keeps nothing else: a traceback would hold the state of a whole block."""

import asyncio
import gc
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from ledger.accounts import open_fields
from ledger.execution import select
from ledger.fields import ACCOUNT_OPEN
from ledger.state import Candidate
from ledger.transaction import Transaction, sign_transaction
from node.answers import Submission
from node.intake import LARGE_BYTES, Intake
from node.mempool import Mempool
from node.verifier import Verifier
from primitives.errors import Refused
from tests.ledger.world import World, entry, key, person
from tests.node.api_town import MSGPACK, ApiTown, play
from tests.node.still_engine import StillEngine
from tests.patience import PATIENCE_SECONDS


class Layer(Candidate):
    """A state whose end can be seen."""


@pytest.fixture
def world() -> World:
    made = World()
    made.time_ms = time.time_ns() // 1_000_000
    made.settle("ana", "bo")
    return made


@pytest.fixture(autouse=True)
def _nothing_collected() -> Iterator[None]:
    """Counting references must be enough: a node looks for other garbage seldom."""
    gc.disable()
    yield
    gc.enable()


def _states() -> int:
    return sum(isinstance(each, Candidate) for each in gc.get_objects())


def test_a_block_whose_refused_payments_are_remembered_is_let_go(world: World) -> None:
    pool = Mempool()
    payment = world.pay("ana", person("bo"), 2**40)
    gc.collect()
    before = _states()
    pool.refuse(select(world.state, [payment], world.time_ms).refused)
    remembered = pool.refusal(payment.id)
    assert remembered is not None and remembered.code == "balance_insufficient"
    assert _states() == before


def test_what_remembers_a_refusal_lets_go_of_what_was_judged_on(world: World) -> None:
    pool, payment = Mempool(), world.pay("ana", person("bo"), 1)

    def judged() -> tuple[list[tuple[Transaction, Refused]], weakref.ref[Layer]]:
        refused: list[tuple[Transaction, Refused]] = []
        state = Layer(world.state.tip, world.state)
        try:
            raise Refused("number_used")
        except Refused as refusal:
            refused.append((payment, refusal))
        return refused, weakref.ref(state)

    refused, state = judged()
    assert state() is not None
    pool.refuse(refused)
    assert state() is None


def payment_of(payer: str) -> Callable[[World], bytes]:
    """More than anybody has."""
    return lambda world: world.pay(payer, person("bo"), 2**40).raw


def large_opening_by(name: str) -> Callable[[World], bytes]:
    """So large that who signed it is looked at first: no staff."""
    fields = open_fields([entry(f"new {number}") for number in range(40)])

    def made(world: World) -> bytes:
        body = world.body(ACCOUNT_OPEN, person(name), key(name), fields)
        raw = sign_transaction(body, world.network_id, key(name))
        assert len(raw) > LARGE_BYTES
        return raw

    return made


REFUSED = {
    "a payment of too much": payment_of("ana"),
    "a payment of nobody's": payment_of("nobody"),
    "a large opening of nobody's": large_opening_by("nobody"),
    "a large opening of a resident's": large_opening_by("ana"),
}


@pytest.mark.parametrize("is_own", [True, False])
@pytest.mark.parametrize("what", REFUSED)
def test_an_answered_refusal_holds_no_state(world: World, what: str, is_own: bool) -> None:
    raw = REFUSED[what](world)
    given: list[weakref.ref[Layer]] = []
    answers = list[Submission]()

    def another_layer() -> Layer:
        layer = Layer(world.state.tip, world.state)
        given.append(weakref.ref(layer))
        return layer

    async def hand_in() -> None:
        verifier, engine = Verifier(), StillEngine(another_layer)
        try:
            intake = Intake(world.network_id, world.rules, Mempool(), verifier, engine)
            intake.submit(raw, answers.append if is_own else None)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while intake.waiting or intake.refused == 0:
                    await asyncio.sleep(0)
        finally:
            verifier.close()

    asyncio.run(hand_in())
    assert len(answers) == is_own
    assert given and all(layer() is None for layer in given)


def test_a_refused_body_is_let_go_once_it_is_answered(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        gc.collect()  # what other tests of this process left
        for _ in range(10):
            reply = await served.ask("POST", "/v1/transactions", MSGPACK, bytes(100_000))
            assert reply.code == "encoding_not_canonical"
        requests = [each for each in gc.get_objects() if isinstance(each, web.BaseRequest)]
        held = [request for request in requests if request.path == "/v1/transactions"]
        assert len(held) <= 1  # the connection's own, until the next one comes

    play(tmp_path, scenario)
