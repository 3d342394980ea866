"""One order, two engines: the same root after the same number of transactions, rules included."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.changes import (
    AddMember,
    Change,
    ChangeParameter,
    ChangeRules,
    PauseMember,
    RemoveMember,
    ReplaceKeys,
    ResumeMember,
)
from ledger.rules import RULE_VERSION, Parameters
from node.engines.cometbft.messages import ConsensusParams, ValidatorUpdate
from tests.node.cometbft.driver import BuiltIn, Driver
from tests.node.council import propose, territory, vote
from tests.node.town import Person, Town, key_of

STEP_MS = 700
PEOPLE = 4

Order = list[tuple[tuple[bytes, ...], int]]
"""Blocks as they were decided: their transactions and their time."""


async def compare(town: Town, order: Order, folder: Path) -> None:
    """The final order of the one through the other, a block for each transaction: where both have
    taken as many, the roots are the same; and once more through an application that lagged."""
    other = BuiltIn(town, folder / "built-in")
    again_town = Town.__new__(Town)
    again_town.__dict__.update({**town.__dict__, "folder": folder / "again"})
    again_town.create(0)
    again = Driver(again_town)
    try:
        await again.begin()
        count = 0
        for number, (raws, time_ms) in enumerate(order):
            answer = await again.replay(again.block(raws, time_ms))
            await other.take(raws, time_ms)
            if not raws:
                await other.empty(time_ms)
            count += len(raws)
            assert answer.app_hash == other.root == other.roots[count], f"block {number}"
            rules = again.ledger.executor.state.rules.version
            assert rules == other.executor.state.rules.version
    finally:
        await again.close()
        await other.close()


async def play(driver: Driver, plan: list[tuple[str, int, int, int]], order: Order) -> None:
    """What the plan says, as far as the ledger takes it; the blocks go into `order`."""
    town = driver.town
    people = [Person("town0", f"resident {number}") for number in range(PEOPLE)]
    time_ms = town.genesis.time_ms
    waiting: list[bytes] = [town.open_accounts(people)]

    async def decide() -> None:
        nonlocal time_ms
        time_ms += STEP_MS
        block = driver.block(await driver.prepare(waiting, time_ms), time_ms)
        await driver.must_take(block)
        order.append((block.txs, time_ms))
        waiting.clear()

    await decide()
    waiting.append(town.issue(people, 1_000))
    await decide()
    for what, payer, payee, amount in plan:
        if what == "pay":
            waiting.append(town.pay(people[payer], people[payee], amount))
        elif what == "issue":
            waiting.append(town.issue([people[payer]], amount))
        else:
            await decide()
    await decide()


PLANS = st.lists(
    st.tuples(
        st.sampled_from(["pay", "pay", "pay", "issue", "block"]),
        st.integers(0, PEOPLE - 1),
        st.integers(0, PEOPLE - 1),
        st.integers(1, 900),
    ),
    max_size=24,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(PLANS)
def test_any_order_gives_the_same_roots(plan: list[tuple[str, int, int, int]]) -> None:
    async def whole(folder: Path) -> None:
        # Epochs that end by time, some blocks apart, in the middle of it all.
        town = Town(folder / "one", 2, parameters=Parameters(epoch_ms=3 * STEP_MS))
        driver, order = Driver(town), list[tuple[tuple[bytes, ...], int]]()
        try:
            await driver.begin()
            await play(driver, plan, order)
        finally:
            await driver.close()
        await compare(town, order, folder)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(whole(Path(folder)))


def test_other_rules_and_parameters_hold_from_the_same_place(tmp_path: Path) -> None:
    async def whole() -> None:
        town = Town(tmp_path / "one", 2, rule_version=1)
        driver, order = Driver(town), list[tuple[tuple[bytes, ...], int]]()
        people = [Person("town0", "resident 0"), Person("town0", "resident 1")]
        time_ms = town.genesis.time_ms

        async def decide(*raws: bytes) -> object:
            nonlocal time_ms
            time_ms += STEP_MS
            block = driver.block(raws, time_ms)
            answer = await driver.must_take(block)
            order.append((block.txs, time_ms))
            return answer.consensus_param_updates

        try:
            begun = await driver.begin()
            assert begun.consensus_params is not None
            assert begun.consensus_params.app_version == 1
            await decide(town.open_accounts(people))
            larger = ChangeParameter("block_bytes_max", 3 << 20)
            for change in (ChangeRules(RULE_VERSION), larger):
                proposal, raw = propose(town, 0, change)
                await decide(raw)
                # What decides it is executed under the rules of before, and so is the boundary.
                assert await decide(vote(town, 1, proposal)) is None
                updates = await decide(town.issue(people, 10))
                assert isinstance(updates, ConsensusParams) and updates.block is not None
                assert updates.block.max_gas == driver.ledger.epochs.current.number
                assert await decide() is None
            assert driver.ledger.executor.state.rules.version == RULE_VERSION
            assert driver.ledger.executor.state.parameters.block_bytes_max == 3 << 20
            assert (await driver.info()).app_version == RULE_VERSION
            assert driver.ledger.epochs.current.number == 2
        finally:
            await driver.close()
        await compare(town, order, tmp_path)

    asyncio.run(whole())


def test_members_voted_in_and_out_reach_the_set_of_validators(tmp_path: Path) -> None:
    async def whole() -> None:
        town = Town(tmp_path / "one", 4)
        driver, order = Driver(town), list[tuple[tuple[bytes, ...], int]]()
        time_ms = town.genesis.time_ms

        def comet(index: int) -> bytes:
            return key_of(f"town{index} cometbft").public_key

        async def decide(*raws: bytes) -> tuple[ValidatorUpdate, ...]:
            nonlocal time_ms
            time_ms += STEP_MS
            block = driver.block(raws, time_ms)
            answer = await driver.must_take(block)
            order.append((block.txs, time_ms))
            return answer.validator_updates

        renewed = key_of("town1 cometbft renewed").public_key
        changes: list[tuple[Change, dict[bytes, int]]] = [
            (AddMember(territory(4, 1)), {comet(4): 1}),
            (PauseMember("town3"), {comet(3): 0}),
            (ResumeMember("town3"), {comet(3): 1}),
            (RemoveMember("town2"), {comet(2): 0}),
            (ReplaceKeys("town1", cometbft_key=renewed), {comet(1): 0, renewed: 1}),
        ]
        members = {index: comet(index) for index in range(4)}
        try:
            begun = await driver.begin()
            standing = {each.public_key: each.power for each in begun.validators}
            await decide()
            for change, wanted in changes:
                proposal, raw = propose(town, 0, change)
                assert await decide(raw) == ()
                for index in (1, 3, 2, 4):
                    if driver.ledger.executor.state.ballot().open and index in members:
                        assert await decide(vote(town, index, proposal)) == ()
                assert not driver.ledger.executor.state.ballot().open
                updates = {each.public_key: each.power for each in await decide()}
                assert updates == wanted, change
                assert await decide() == (), "once only"
                standing |= updates
                if isinstance(change, AddMember):
                    members[4] = comet(4)
                if isinstance(change, RemoveMember):
                    del members[2]
            voting = {key for key, power in standing.items() if power}
            assert voting == {comet(0), renewed, comet(3), comet(4)}
        finally:
            await driver.close()

    asyncio.run(whole())
