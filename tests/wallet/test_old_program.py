"""A wallet program that is older than the network's rules: it says so, and guesses at nothing."""

import dataclasses
import re
from pathlib import Path

import pytest

from ledger.changes import ChangeRules
from ledger.rules import RULE_VERSION
from primitives.errors import Refused
from tests.wallet.desks import intent_to_pay, open_desk, paid_minor
from tests.wallet.people import chain_with_people, empty_chain
from tests.wallet.standin import StandInNode
from tests.wallet.test_epochs import receipt_in_newest_epoch
from tests.wallet.votes import enact, end_epoch
from wallet.light.receipts import verify_receipt
from wallet.light.trust import TrustedNetwork

UNKNOWN = RULE_VERSION + 1


async def test_it_signs_nothing_under_rules_that_it_does_not_know(tmp_path: Path) -> None:
    chain = chain_with_people()
    async with StandInNode(chain) as node:
        async with open_desk(chain, tmp_path, node) as desk:
            entry = await desk.perform(intent_to_pay(250))
            assert entry.state == "final"
            desk.tell(entry, "final")
        end_epoch(chain)
        chain.rule_version = UNKNOWN
        chain.seal()
        sent = len(node.received)
        for _ in range(2):  # the second time it knows from its own memory
            with pytest.raises(Refused, match="rule_version_unknown") as caught:
                async with open_desk(chain, tmp_path, node) as desk:
                    await desk.perform(intent_to_pay(300))
            assert caught.value.detail == f"version {UNKNOWN}, known up to {RULE_VERSION}"
            with pytest.raises(Refused, match="rule_version_unknown"):
                async with open_desk(chain, tmp_path, node) as desk:
                    await desk.account()
        assert len(node.received) == sent
        assert paid_minor(chain) == 250


async def test_one_liar_cannot_tell_it_of_rules_that_nobody_voted(tmp_path: Path) -> None:
    chain, forged = chain_with_people(), empty_chain()
    forged.signers = 1
    forged.rule_version = UNKNOWN
    forged.seal()
    async with (
        StandInNode(forged) as liar,
        StandInNode(chain) as honest,
        open_desk(chain, tmp_path, liar, honest) as desk,
    ):
        entry = await desk.perform(intent_to_pay(250))
        assert entry.state == "final"


def test_a_receipt_under_unknown_rules_is_not_called_forged() -> None:
    chain = chain_with_people()
    end_epoch(chain)
    chain.rule_version = UNKNOWN
    network = TrustedNetwork(chain.genesis)
    network.adopt(network.follow(chain.starts))
    receipt = receipt_in_newest_epoch(chain, network)
    with pytest.raises(Refused, match="rule_version_unknown"):
        verify_receipt(network, receipt)
    assert receipt.bundle is not None
    broken = dataclasses.replace(receipt.bundle, certificate=chain.starts[0].certificate.encode())
    with pytest.raises(Refused, match="receipt_invalid"):
        verify_receipt(network, dataclasses.replace(receipt, bundle=broken))


async def test_it_is_told_before_the_rules_are_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = chain_with_people()
    enact(chain, ChangeRules(UNKNOWN))
    end_epoch(chain)
    chain.seal()
    async with StandInNode(chain) as node, open_desk(chain, tmp_path, node) as desk:
        await desk.account()
    assert re.search(f"(règles|rules) {UNKNOWN}", capsys.readouterr().err)
