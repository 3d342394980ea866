"""Territory nodes over real TLS agree on payments, whoever is killed, away or empty."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from consensus.certificates import verify_certificate
from consensus.messages import CertificateMessage, Message, encode_message
from ledger.objects import ACCOUNT, Account, tree_key
from ledger.proofs import InclusionProof, ReceiptProof, StateProof
from ledger.terms import genesis_terms
from node.chain_records import TRANSACTION
from node.disk_speed import DiskSpeed
from node.engines import simplex
from node.epochs import voting_set
from node.store import STORE_KINDS, Change
from primitives.errors import Refused
from primitives.signatures import verify
from tests.node.town import Person, Town, certified_by, machinery_of, until
from tests.patience import PATIENCE_SECONDS

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


def test_a_single_node_is_a_network(tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(2, 100)
        answers = await town.settle(0, [town.pay(people[0], people[1], 100)])
        assert answers[0].state == "accepted"
        await town.stop()
        await town.start()
        account = town.nodes[0].account(people[1].id)
        assert account is not None and account.balance_minor == 200

    run(Town(tmp_path, 1), scenario)


def test_everything_is_proved(tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(9, 1_000)
        (answer,) = await town.settle(0, [town.pay(people[0], people[1], 25)])
        node = town.nodes[3]
        # The results of a block stand in the next header.
        await until(lambda: node.transaction_status(answer.id).receipt is not None)
        await town.same_height()
        certified = await certified_by(node)
        assert certified is not None
        members = voting_set(genesis_terms(town.genesis))
        verify_certificate(certified.certificate, members, town.network_id, verify)
        assert certified.certificate.digest == (certified.header, *certified.between)[-1].digest
        proved = node.account_with_proof(people[1].id)
        assert proved is not None and proved.raw is not None
        assert proved.header_height == certified.height
        key = tree_key(ACCOUNT, people[1].id)
        root = certified.header.state_root
        assert StateProof.decode(proved.proof).verify(root, key, proved.raw)
        assert Account.decode(proved.raw).balance_minor == 1_025
        absent = node.account_with_proof(bytes(20))
        assert absent is not None and absent.raw is None
        status = node.transaction_status(answer.id)
        assert status.state == "final" and status.height is not None
        assert status.receipt is not None and status.inclusion is not None
        block = await certified_by(node, status.height)
        assert block is not None
        assert InclusionProof.decode(status.inclusion).verify(
            block.header.transactions_root, block.header.transactions_count, answer.id
        )
        assert status.receipt_height == certified.height
        assert ReceiptProof.decode(status.receipt).verify(root, answer.id)
        older = node.account_with_proof(people[1].id, block.height)
        assert older is not None and older.raw is not None
        assert Account.decode(older.raw).balance_minor == 1_000
        assert StateProof.decode(older.proof).verify(block.header.state_root, key, older.raw)

    run(Town(tmp_path), scenario)


def test_histories_and_lanes(tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(2, 1_000)
        paid = [await town.settle(1, [town.pay(people[0], people[1], n)]) for n in (1, 2, 3)]
        ids = [answers[0].id for answers in paid]
        node = town.nodes[1]
        page = node.history(people[1].id, None, 2)
        assert [item.amount_minor for item in page.items] == [3, 2]
        assert page.next_before is not None
        rest = node.history(people[1].id, page.next_before, 10)
        assert [item.amount_minor for item in rest.items] == [1, 1_000, 0]
        assert rest.next_before is None
        assert rest.items[0].counterparty == people[0].id
        mine = node.history(people[0].id, None, 10).items
        assert [item.amount_minor for item in mine[:3]] == [-3, -2, -1]
        device = people[0].key.public_key
        lane = node.lane(people[0].id, device, 2)
        assert (lane.state, lane.id) == ("final", ids[1])
        assert node.lane(people[0].id, device, 4).state == "free"
        assert node.transaction_accounts(ids[0]) == {people[0].id, people[1].id}

    run(Town(tmp_path), scenario)


def test_refusals_come_at_once_and_with_the_right_code(tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(3, 100)
        good = town.pay(people[0], people[1], 10)
        forged = bytearray(town.pay(people[0], people[1], 10))
        forged[-10] ^= 1
        stranger = Person("town0", "nobody")
        raws = [
            good,
            good,
            b"\x93\x01",
            bytes(forged),
            town.pay(people[1], people[2], 101),
            town.pay(people[1], stranger, 1),
            town.pay(people[0], people[2], 1, number=1),
            town.pay(people[2], people[1], 1, number=500),
            town.pay(stranger, people[1], 1),
        ]
        answers = await town.nodes[2].submit_many(raws)
        codes = [a.refusal.code if a.refusal else a.state for a in answers]
        assert codes[0] == "accepted"
        assert codes[1] in ("accepted", "known")
        assert codes[2:] == [
            "encoding_not_canonical",
            "signature_invalid",
            "balance_insufficient",
            "account_unknown",
            "number_used",
            "number_out_of_window",
            "account_unknown",
        ]
        await town.must_settle(2, [good])
        (again,) = await town.nodes[0].submit_many([good])
        assert again.state == "known"

    run(Town(tmp_path), scenario)


def test_of_two_payments_that_do_not_both_fit_one_is_refused_later(tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(3, 100)
        raws = [town.pay(people[0], people[1], 80), town.pay(people[0], people[2], 80)]
        answers = [(await town.nodes[index].submit_many([raws[index]]))[0] for index in (0, 1)]
        taken = [answer for answer in answers if answer.state == "accepted"]
        final = [await town.nodes[0].wait_final(answer.id, 5_000) for answer in taken]
        assert sum(status.state == "final" for status in final) == 1
        await until(lambda: all(n.status().mempool_transactions == 0 for n in town.nodes.values()))
        await town.same_height()
        payer = town.nodes[3].account(people[0].id)
        assert payer is not None and payer.balance_minor == 20

    run(Town(tmp_path), scenario)


def test_a_node_that_was_away_catches_up(tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(10, 10_000)
        await town.stop(3)
        for _ in range(30):
            raws = [town.pay(people[i], people[(i + 1) % 10], 3) for i in range(10)]
            await town.must_settle(0, raws)
        await town.start(3)
        await town.ready()
        await town.same_height()
        assert town.nodes[3].counters()["blocks_caught_up"] > 0
        answers = await town.settle(3, [town.pay(people[0], people[1], 5)])
        assert answers[0].state == "accepted"

    run(Town(tmp_path), scenario)


def test_a_node_with_empty_data_catches_up_and_only_then_votes(tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(10, 10_000)
        for _ in range(20):
            raws = [town.pay(people[i], people[(i + 1) % 10], 3) for i in range(10)]
            await town.must_settle(0, raws)
        await town.start(3)
        await town.ready()
        await town.same_height()
        # Now the quorum needs it.
        await town.stop(0)
        await town.must_settle(3, [town.pay(people[0], people[1], 5)])
        assert not town.nodes[3].status().observing

    run(Town(tmp_path), scenario)


def test_all_nodes_restart_and_go_on(tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(5, 1_000)
        for round_number in range(3):
            await town.must_settle(
                0, [town.pay(people[i], people[(i + 1) % 5], 1) for i in range(5)]
            )
            height = await town.same_height()
            await town.stop()
            await town.start()
            await town.ready()
            assert town.nodes[1].status().height >= height, round_number
        await town.must_settle(2, [town.pay(people[0], people[1], 5)])

    run(Town(tmp_path), scenario)


def test_payments_go_on_while_one_node_is_gone(tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(5, 1_000)
        await town.stop(2)
        for _ in range(8):
            await town.must_settle(
                0, [town.pay(people[i], people[(i + 1) % 5], 1) for i in range(5)]
            )
        await town.same_height(240)
        accounts = [town.nodes[1].account(person.id) for person in people]
        assert [each and each.balance_minor for each in accounts] == [1_000] * 5
        assert [each and each.devices[0].high for each in accounts] == [8] * 5

    run(Town(tmp_path), scenario)


def test_a_certificate_is_encoded_once_for_all_whom_it_is_sent_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[CertificateMessage] = []

    def noting(message: Message) -> bytes:
        if isinstance(message, CertificateMessage):
            encoded.append(message)
        return encode_message(message)

    monkeypatch.setattr(simplex, "encode_message", noting)

    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(2, 1_000)
        await town.must_settle(0, [town.pay(people[0], people[1], 1)])
        assert encoded and len({id(each) for each in encoded}) == len(encoded)

    run(Town(tmp_path), scenario)


@pytest.mark.parametrize("is_quick", [False, True])
def test_the_loop_commits_where_the_disk_is_quick(
    is_quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And elsewhere it goes on meanwhile; on either way nobody is told before."""
    monkeypatch.setattr(DiskSpeed, "is_quick", is_quick)

    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(2, 1_000)
        chain, own = machinery_of(town.nodes[0]).chain, threading.get_ident()
        write, by_loop, told = chain.write, [], []

        def noting(changes: list[Change]) -> None:
            by_loop.append(threading.get_ident() == own)
            told.append(town.nodes[0].account(people[1].id))
            write(changes)

        before = town.nodes[0].account(people[1].id)
        chain.write = noting  # type: ignore[method-assign]
        await town.must_settle(0, [town.pay(people[0], people[1], 1)])
        assert set(by_loop) == {is_quick}
        assert told[0] == before
        after = town.nodes[0].account(people[1].id)
        assert before is not None and after is not None
        assert after.balance_minor == before.balance_minor + 1

    run(Town(tmp_path), scenario)


def test_what_is_on_disk_and_not_applied_yet_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is written in a thread of its own; reads must not run ahead of it."""
    monkeypatch.setattr(DiskSpeed, "is_quick", False)

    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(2, 1_000)
        chain = machinery_of(town.nodes[0]).chain
        write, early = chain.write, []

        def written(changes: list[Change]) -> None:
            write(changes)
            for key, _ in changes:
                if key.startswith(TRANSACTION):
                    early.append(chain.number_of(key[len(TRANSACTION) :]))
                    early.append(chain.history(people[0].id, 1 << 40, 1)[0][0] + 1)

        chain.write = written  # type: ignore[method-assign]
        receipts = chain.meta.receipts
        await town.must_settle(0, [town.pay(people[0], people[1], 1)])
        assert early[0] is None
        assert early[1] == receipts
        assert chain.meta.receipts == receipts + 1
        assert chain.history(people[0].id, 1 << 40, 1) == ([receipts], False)

    run(Town(tmp_path), scenario)


def test_an_idle_network_is_quiet(tmp_path: Path) -> None:
    async def scenario(town: Town) -> None:
        await town.start()
        await town.ready()
        people = await town.people(2, 100)
        await town.must_settle(0, [town.pay(people[0], people[1], 1)])
        await town.same_height()
        await asyncio.sleep(2.5)
        before = [(node.counters(), node.status()) for node in town.nodes.values()]
        await asyncio.sleep(2.0)
        for (counters, status), node in zip(before, town.nodes.values(), strict=True):
            assert node.status().height == status.height
            assert node.counters()["peer_bytes_sent"] == counters["peer_bytes_sent"]
            assert node.counters()["journal_syncs"] == counters["journal_syncs"]

    run(Town(tmp_path), scenario)


def test_a_node_that_cannot_take_what_it_catches_up_with_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_disk(*_: object) -> None:
        raise Refused("store_unreadable", "a sector is gone")

    async def scenario() -> None:
        town = Town(tmp_path, 4)
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(2, 10_000)
        for _ in range(10):
            await town.must_settle(0, [town.pay(people[0], people[1], 1)])
        monkeypatch.setattr("node.catching_up.CatchingUp._take", no_disk)
        await town.start(3)
        async with asyncio.timeout(PATIENCE_SECONDS):
            reason = await town.nodes[3].wait_stopped()
        assert reason is not None and "a sector is gone" in str(reason)
        await town.stop()

    asyncio.run(scenario())
