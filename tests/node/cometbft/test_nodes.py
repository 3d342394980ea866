"""Territory nodes under real CometBFT processes: the same payments, proofs and roots."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from consensus.cometbft.certified import CertifiedHeader, verify_certified
from consensus.cometbft.inclusion import TransactionProof
from consensus.cometbft.validators import ValidatorSet
from ledger.objects import ACCOUNT, tree_key
from ledger.proofs import ReceiptProof, StateProof
from node.territory import TerritoryNode
from primitives.signatures import verify
from tests.node.cometbft.comet_town import PATIENCE_SECONDS, CometTown
from tests.node.town import key_of, until

pytestmark = pytest.mark.process

Scenario = Callable[[CometTown], Awaitable[None]]


def run(town: CometTown, scenario: Scenario) -> None:
    async def whole() -> None:
        try:
            await scenario(town)
        finally:
            await town.stop()

    asyncio.run(whole())


async def certified(node: TerritoryNode, height: int | None = None) -> CertifiedHeader:
    found = await node.certified(height)
    assert isinstance(found, CertifiedHeader)
    return found


@pytest.mark.usefixtures("cometbft")
def test_four_nodes_agree_on_payments_and_prove_them(tmp_path: Path) -> None:
    async def scenario(town: CometTown) -> None:
        await town.start()
        await town.ready()
        people = await town.people(20, 10_000)
        for round_number in range(3):
            raws = [town.pay(people[i], people[(i + 1) % 20], 7 + round_number) for i in range(20)]
            answers = await town.settle(round_number % 4, raws)
            assert [answer.state for answer in answers] == ["accepted"] * 20
        await town.same_height(PATIENCE_SECONDS)
        for node in town.nodes.values():
            for person in people:
                account = node.account(person.id)
                assert account is not None and account.balance_minor == 10_000
        # What a wallet checks, against the genesis's keys alone.
        node = town.nodes[2]
        members = ValidatorSet.of_members(
            [key_of(f"town{index} cometbft").public_key for index in range(4)]
        )
        found = node.account_with_proof(people[0].id)
        assert found is not None
        header = await certified(node, found.header_height)
        assert verify_certified(header, members, verify) >= 3
        proof = StateProof.decode(found.proof)
        key = tree_key(ACCOUNT, people[0].id)
        assert found.raw is not None and proof.verify(header.header.app_hash, key, found.raw)
        status = node.transaction_status(answers[0].id)
        assert status.state == "final" and status.inclusion is not None
        raw = node.transaction_raw(answers[0].id)
        assert raw is not None
        block = await certified(node, status.height)
        inclusion = TransactionProof.decode(status.inclusion)
        assert inclusion.verify(block.header.data_hash, raw)
        await until(lambda: node.transaction_status(answers[0].id).receipt is not None, 240)
        status = node.transaction_status(answers[0].id)
        assert status.receipt is not None and status.number is not None
        above = await certified(node, status.receipt_height)
        receipt = ReceiptProof.decode(status.receipt)
        assert receipt.number == status.number
        assert receipt.verify(above.header.app_hash, answers[0].id)

    run(CometTown(tmp_path), scenario)
