"""What a full node answers, and that nobody is left without an answer."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.accounts import open_fields
from ledger.fields import ACCOUNT_OPEN, OpenedAccount, OpenedKey
from ledger.roles import SPEND
from node.answers import Submission
from node.mempool import MempoolBounds
from node.territory import TerritoryNode
from tests.node.town import Person, Town, key_of


def test_a_full_mempool_says_come_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 4)
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(3, 1_000)
        # Two of four can't agree, so what is accepted waits.
        await town.stop(1, 2)
        bounds = MempoolBounds(transactions_max=3)
        await town.stop(0)
        node = TerritoryNode(replace(town.options(0), mempool_bounds=bounds))
        await node.start()
        town.nodes[0] = node
        raws = [town.pay(people[0], people[1], 1) for _ in range(6)]
        states = [answer.state for answer in await node.submit_many(raws)]
        assert states.count("accepted") == 3 and states.count("busy") == 3
        answers = await node.submit_many(raws)
        assert {a.refusal.code for a in answers if a.refusal} == {"mempool_full"}
        assert [a.state for a in answers].count("known") == 3
        pending = next(a.id for a in answers if a.state == "known")
        assert node.transaction_status(pending).state == "pending"
        assert node.lane(people[0].id, people[0].key.public_key, 1).state == "pending"
        await town.stop()

    asyncio.run(scenario())


def test_everyone_is_answered_when_the_node_stops(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 1)
        await town.start()
        await town.ready()
        people = await town.people(2, 1_000)
        answers: list[Submission] = []
        for _ in range(20):
            town.nodes[0].submit(town.pay(people[0], people[1], 1), answers.append)
        await town.stop()
        assert len(answers) == 20

    asyncio.run(scenario())


def test_what_is_handed_in_twice_at_once_is_verified_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 1)
        await town.start()
        await town.ready()
        people = await town.people(2, 1_000)
        before = town.nodes[0].counters()["signatures_verified"]
        raw = town.pay(people[0], people[1], 1)
        answers = await asyncio.gather(*(town.nodes[0].submit_many([raw]) for _ in range(10)))
        assert {answer.state for (answer,) in answers} == {"accepted"}
        assert town.nodes[0].counters()["signatures_verified"] == before + 1
        await town.stop()

    asyncio.run(scenario())


def test_an_account_that_opens_is_paid_at_once_elsewhere(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 4)
        await town.start()
        await town.ready()
        people = await town.people(1, 1_000)
        newcomer = Person("town0", "newcomer")
        await town.must_settle(0, [town.open_accounts([newcomer])])
        (answer,) = await town.settle(0, [town.pay(people[0], newcomer, 10)])
        assert answer.state == "accepted"
        await town.stop()

    asyncio.run(scenario())


def test_a_forger_learns_nothing_of_an_account(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 1)
        await town.start()
        await town.ready()
        payer, payee = await town.people(2, 1_000)
        raws = [
            town.pay(payer, payee, 2**53 - 1, number=1),
            town.pay(payer, payee, 1, number=900),
            town.pay(payer, Person("town0", "nobody"), 1, number=1),
        ]
        for raw in raws:
            (own,) = await town.nodes[0].submit_many([raw])
            assert own.refusal is not None and own.refusal.code != "signature_invalid"
            forged = bytearray(raw)
            forged[-10] ^= 1
            (answer,) = await town.nodes[0].submit_many([bytes(forged)])
            assert answer.refusal is not None
            assert answer.refusal.code == "signature_invalid"
            assert "1000" not in answer.refusal.detail
        await town.stop()

    asyncio.run(scenario())


def test_keys_to_open_are_looked_at_for_staff_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bytes] = []

    def look(key: bytes) -> bool:
        looked.append(key)
        return True

    async def scenario() -> None:
        town = Town(tmp_path, 1)
        await town.start()
        await town.ready()
        (resident,) = await town.people(1, 1_000)
        keys = [OpenedKey(number.to_bytes(32, "big"), SPEND, None) for number in range(64)]
        accounts = [
            OpenedAccount("resident", "TO0", bytes(16), 1, tuple(keys[at : at + 16]))
            for at in range(0, 64, 16)
        ]
        monkeypatch.setattr("ledger.accounts.is_registrable", look)
        fields = open_fields(accounts)
        stranger, staff = key_of("stranger"), key_of("town0 staff")
        hall = town.genesis.territories[0].account_id
        forged = bytearray(town.sign(ACCOUNT_OPEN, hall, staff, fields))
        forged[-10] ^= 1
        raws = {
            town.sign(ACCOUNT_OPEN, hall, stranger, fields): "key_unknown",
            town.sign(ACCOUNT_OPEN, bytes(20), stranger, fields): "account_unknown",
            town.sign(ACCOUNT_OPEN, resident.id, resident.key, fields): "role_missing",
            bytes(forged): "signature_invalid",
        }
        for raw, code in raws.items():
            (answer,) = await town.nodes[0].submit_many([raw])
            assert answer.refusal is not None and answer.refusal.code == code
        assert looked == []
        await town.must_settle(0, [town.sign(ACCOUNT_OPEN, hall, staff, fields)])
        assert len(looked) >= 64
        await town.stop()

    asyncio.run(scenario())
