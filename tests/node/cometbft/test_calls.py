"""The ledger answers CometBFT's calls as ABCI demands, and writes on Commit alone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.rules import Parameters
from ledger.terms import genesis_terms
from node.engines.cometbft.ledger_application import CODESPACE
from node.engines.cometbft.network_terms import node_id_of
from node.engines.cometbft.requests import RequestCommit, RequestQuery
from node.engines.cometbft.result_codes import number_of
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_bytes
from tests.node.cometbft.driver import Decided, Driver, app_state, file_names
from tests.node.town import Person, Town, found, key_of

Scenario = Callable[[Town, Driver], Awaitable[None]]


def run(folder: Path, scenario: Scenario, count: int = 4) -> None:
    async def whole() -> None:
        town = Town(folder, count)
        driver = Driver(town)
        try:
            await scenario(town, driver)
        finally:
            await driver.close()
        assert not driver.fatal

    asyncio.run(whole())


def people(town: Town, count: int = 3) -> list[Person]:
    return [Person("town0", f"resident {number}") for number in range(count)]


def forge(raw: bytes) -> bytes:
    """The same with another signature."""
    assert raw[-1] == 0x90, "the list of cosignatures, which is empty"
    return raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:]


async def with_money(town: Town, driver: Driver) -> list[Person]:
    """Residents with 1,000 each, after two blocks."""
    await driver.begin()
    residents = people(town)
    time_ms = town.genesis.time_ms
    await driver.decide([town.open_accounts(residents)], time_ms)
    await driver.decide([town.issue(residents, 1_000)], time_ms + 1)
    return residents


def test_a_chain_begins_with_its_genesis_alone(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        told = await driver.info()
        assert (told.last_block_height, told.last_block_app_hash) == (0, b"")
        before = file_names(tmp_path)
        answer = await driver.begin()
        assert answer == await driver.begin(), "asked again, it says the same"
        assert file_names(tmp_path) == before
        wanted = sorted(key_of(f"town{index} cometbft").public_key for index in range(4))
        assert [each.public_key for each in answer.validators] == wanted
        assert {each.power for each in answer.validators} == {1}
        params = answer.consensus_params
        assert params is not None and params.app_version == town.genesis.rule_version
        assert params.vote_extensions_enable_height == 0
        assert params.block is not None
        assert params.block.max_bytes > town.genesis.parameters.block_bytes_max
        first = await driver.decide([], town.genesis.time_ms)
        assert first.app_hash == answer.app_hash, "an empty block leaves the root as it was"
        with pytest.raises(InvariantBroken, match="blocks here already"):
            await driver.begin()

    run(tmp_path, scenario)


def test_the_genesis_of_another_network_is_refused(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        other = found(3, town.ports)
        wrong: dict[str, object] = {
            "app_state": app_state(other),
            "chain_id": "democite-" + other.network_id.hex()[:40],
            "initial_height": 2,
            "time_ns": town.genesis.time_ms * 1_000_000 + 1,
        }
        for field, value in wrong.items():
            with pytest.raises(Refused) as caught:
                await driver.application.init_chain(driver.genesis_request(**{field: value}))
            assert caught.value.field in (field, "genesis_time")
        for noise in (b"", b"\xff", b"{}", b"[" * 100_000):
            with pytest.raises(Refused):
                await driver.application.init_chain(driver.genesis_request(app_state=noise))

    run(tmp_path, scenario)


def test_who_has_no_key_for_this_engine_can_not_found(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        with pytest.raises(Refused, match="engine_keys_missing"):
            await driver.begin()

    async def whole() -> None:
        town = Town(tmp_path, 4)
        first, *others = town.genesis.territories
        territories = (replace(first, cometbft_key=None), *others)
        town.genesis = replace(town.genesis, territories=territories)
        town.network_id = town.genesis.network_id
        driver = Driver(town)
        try:
            await scenario(town, driver)
        finally:
            await driver.close()

    asyncio.run(whole())


def test_only_commit_writes(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        one, two, _ = await with_money(town, driver)
        time_ms = town.genesis.time_ms + 2
        raw = town.pay(one, two, 5)
        before = file_names(tmp_path)
        assert (await driver.check(raw)).code == 0
        block = driver.block(await driver.prepare([raw], time_ms), time_ms)
        assert block.txs == (raw,)
        assert await driver.process(block)
        answer = await driver.finalize(block)
        assert file_names(tmp_path) == before
        assert (await driver.info()).last_block_height == 2
        await driver.application.commit(RequestCommit())
        assert file_names(tmp_path) != before
        told = await driver.info()
        assert (told.last_block_height, told.last_block_app_hash) == (3, answer.app_hash)
        with pytest.raises(InvariantBroken, match="not finalized"):
            await driver.application.commit(RequestCommit())

    run(tmp_path, scenario)


def test_a_transaction_is_checked_once_and_known_again(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        one, two, _ = await with_money(town, driver)
        verified = driver.ledger.verifier.verified
        raw = town.pay(one, two, 5)
        first, again = await asyncio.gather(driver.check(raw), driver.check(raw))
        assert first.code == again.code == 0
        assert driver.ledger.verifier.verified == verified + 1
        assert not driver.own, "CometBFT has it: it is not handed back"
        assert (await driver.check(raw, again=True)).code == 0
        await driver.decide([raw], town.genesis.time_ms + 2)
        assert driver.ledger.verifier.verified == verified + 1, "a pooled one is not verified again"
        for is_again in (False, True):
            answer = await driver.check(raw, again=is_again)
            assert (answer.code, answer.log) == (number_of("number_used"), "number_used")
            assert answer.codespace == CODESPACE
        assert driver.ledger.verifier.verified == verified + 1

    run(tmp_path, scenario)


def test_what_can_not_be_is_refused_by_number(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        one, two, _ = await with_money(town, driver)
        good = town.pay(one, two, 5)
        cases = {
            "balance_insufficient": town.pay(one, two, 5_000),
            "encoding_not_canonical": good[:-1],
            "transaction_too_large": bytes(1 << 20),
            "signature_invalid": forge(good),
        }
        for code, raw in cases.items():
            answer = await driver.check(raw)
            assert (answer.code, answer.log) == (number_of(code), code)
        assert len(driver.ledger.mempool) == 0

    run(tmp_path, scenario)


def test_what_came_in_here_is_handed_to_cometbft(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        one, two, _ = await with_money(town, driver)
        raw = town.pay(one, two, 5)
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        driver.ledger.intake.submit(raw, lambda answer: done.set_result(answer.state))
        assert await done == "accepted"
        assert driver.own == [raw]
        assert await driver.prepare([], town.genesis.time_ms + 2) == (raw,)

    run(tmp_path, scenario)


def test_a_proposal_leaves_out_what_does_not_apply(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        one, two, three = await with_money(town, driver)
        final = town.pay(one, two, 1)
        time_ms = town.genesis.time_ms + 2
        await driver.decide([final], time_ms)
        good, dear = town.pay(two, three, 2), town.pay(three, one, 900_000)
        forged = forge(good)
        offered = [final, dear, forged, b"noise", good, good]
        assert await driver.prepare(offered, time_ms + 1) == (good,)
        ahead = town.sign("payment.pay", one.id, one.key, (), created_ms=time_ms + 1_000_000)
        assert await driver.prepare([ahead], time_ms + 1) == ()
        size = len(good)
        assert await driver.prepare([good], time_ms + 1, size + 6) == (good,)
        assert await driver.prepare([good], time_ms + 1, size + 5) == ()

    run(tmp_path, scenario)


def test_a_block_with_one_wrong_transaction_is_refused_whole(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        one, two, three = await with_money(town, driver)
        final = driver.blocks[-1].txs[0]
        good, other = town.pay(one, two, 2), town.pay(two, three, 3)
        dear = town.pay(three, one, 900_000)
        forged = forge(other)
        time_ms = town.genesis.time_ms + 2
        for wrong in (final, dear, forged, b"noise", good):
            assert not await driver.process(driver.block([good, wrong], time_ms))
        assert await driver.process(driver.block([good, other], time_ms))
        with pytest.raises(InvariantBroken, match="does not hold here"):
            await driver.finalize(driver.block([good, dear], time_ms))
        with pytest.raises(InvariantBroken, match="the next is 3"):
            await driver.finalize(Decided(4, time_ms, (good,)))

    run(tmp_path, scenario)


def test_only_one_of_the_blocks_that_were_shown_is_decided(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        one, two, three = await with_money(town, driver)
        time_ms = town.genesis.time_ms + 2
        shown = [driver.block([town.pay(one, two, amount)], time_ms) for amount in range(1, 30)]
        for block in shown:
            assert await driver.process(block)
        never_shown = driver.block([town.pay(three, two, 7)], time_ms)
        answer = await driver.replay(never_shown)
        told = await driver.info()
        assert told.last_block_app_hash == answer.app_hash
        account = driver.ledger.executor.state.account(one.id)
        assert account is not None and account.balance_minor == 1_000

    run(tmp_path, scenario)


def test_only_members_and_admitted_observers_connect(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        async def ask(path: str) -> int:
            return (await driver.application.query(RequestQuery(path, b"", 0, False))).code

        member = node_id_of(key_of("town3 voting").public_key)
        stranger = node_id_of(key_of("stranger voting").public_key)
        assert await ask(f"/p2p/filter/id/{member}") == 0
        assert await ask(f"/p2p/filter/id/{stranger}") != 0
        assert await ask("/p2p/filter/id/") != 0
        assert await ask("/p2p/filter/addr/127.0.0.1:4000") == 0
        assert await ask("/store") != 0

    run(tmp_path, scenario)


def test_every_block_leaves_what_the_api_reads(tmp_path: Path) -> None:
    async def scenario(town: Town, driver: Driver) -> None:
        one, two, _ = await with_money(town, driver)
        raw = town.pay(one, two, 5)
        await driver.decide([raw], town.genesis.time_ms + 2)
        reads, identity = driver.ledger.reads, hash_bytes("tx", raw)
        status = reads.status(identity)
        assert (status.state, status.height, status.number) == ("final", 3, 2)
        assert reads.raw(identity) == raw
        page = reads.history(one.id, None, 10)
        assert [item.amount_minor for item in page.items[:1]] == [-5]
        assert reads.account(one.id, None) is not None
        await driver.close()
        driver.open()
        assert driver.ledger.reads.status(identity) == status

    run(tmp_path, scenario)


def test_parameters_leave_room_for_any_block_of_the_ledger() -> None:
    from node.engines.cometbft.network_terms import consensus_params

    genesis = found(1, [1])
    for bytes_max in (262_144, 2_097_152, 1 << 24):
        changed = replace(genesis, parameters=Parameters(block_bytes_max=bytes_max))
        params = consensus_params(genesis_terms(changed), 0)
        assert params.block is not None and params.evidence is not None
        assert bytes_max < params.block.max_bytes <= 104_857_600
        assert params.evidence.max_bytes <= params.block.max_bytes
        assert 0 < params.evidence.max_age_duration_ns < 2**63
