"""Balances, inclusion and receipts under CometBFT's headers."""

import dataclasses
import json
from typing import Any

import pytest

from consensus.cometbft.inclusion import TransactionProof
from ledger.objects import ACCOUNT, tree_key
from primitives.errors import Refused
from tests.wallet.chain import Json
from tests.wallet.cometbft_chain import (
    CometBftChain,
    bundle_at,
    changing_chain,
    cometbft_chain_with_people,
)
from tests.wallet.people import PEOPLE, chain_with_people, paid
from wallet.light.balances import verify_account
from wallet.light.receipts import (
    LogPlace,
    Receipt,
    changes_to,
    inclusion_kept,
    receipt_from_json,
    verify_inclusion,
    verify_receipt,
)
from wallet.light.trust import TrustedNetwork


@pytest.fixture
def chain() -> CometBftChain:
    return cometbft_chain_with_people()


@pytest.fixture
def network(chain: CometBftChain) -> TrustedNetwork:
    return TrustedNetwork(chain.genesis)


@pytest.fixture
def changing() -> CometBftChain:
    return changing_chain()


def test_a_balance_is_proved(chain: CometBftChain, network: TrustedNetwork) -> None:
    person = PEOPLE[0]
    answer = chain.object_answer(tree_key(ACCOUNT, person.account_id), None)
    final = network.verify_final(bundle_at(chain, chain.height))
    raw, proof = bytes.fromhex(str(answer["object"])), bytes.fromhex(str(answer["proof"]))
    account = verify_account(final, person.account_id, raw, proof)
    assert account is not None
    assert account.balance_minor == 100_000
    richer = account._replace(balance_minor=200_000).encode()
    earlier = network.verify_final(bundle_at(chain, 1))
    for header, shown in ((final, richer), (earlier, raw), (final, None)):
        with pytest.raises(Refused, match="proof_invalid"):
            verify_account(header, person.account_id, shown, proof)


def test_inclusion_under_another_block_is_none(
    chain: CometBftChain, network: TrustedNetwork
) -> None:
    transaction, other = [paid(chain, PEOPLE[0], PEOPLE[1], amount) for amount in (1, 2)]
    answer = chain.transaction_answer(transaction.id)
    inclusion = bytes.fromhex(str(answer["inclusion"]))
    height = int(str(answer["height"]))
    final = network.verify_final(bundle_at(chain, height))
    verify_inclusion(final, transaction.id, inclusion)
    path = inclusion_kept(bundle_at(chain, height), inclusion)
    assert len(path) < len(inclusion) - len(transaction.raw)
    verify_inclusion(final, transaction.id, path, transaction.raw)
    proof = TransactionProof.decode(inclusion)
    swapped = dataclasses.replace(proof, transaction=other.raw).encode()
    for id, shown, raw in (
        (transaction.id, path, None),
        (transaction.id, path, other.raw),
        (other.id, inclusion, None),
        (other.id, swapped, None),
        (transaction.id, b"", None),
        (transaction.id, bytes.fromhex(str(_simplex_answer()["inclusion"])), None),
    ):
        with pytest.raises(Refused, match="proof_invalid"):
            verify_inclusion(final, id, shown, raw)
    for one in range(1, chain.height + 1):
        if one != height:
            with pytest.raises(Refused, match="proof_invalid"):
                verify_inclusion(
                    network.verify_final(bundle_at(chain, one)), transaction.id, inclusion
                )


def _simplex_answer() -> Json:
    other = chain_with_people()
    return other.transaction_answer(paid(other, PEOPLE[0], PEOPLE[1], 1).id)


def receipt_of(chain: CometBftChain, network: TrustedNetwork, **changes: Any) -> Receipt:
    """A receipt of a payment with its place, as `wallet receipt` gathers it."""
    transaction = paid(chain, PEOPLE[0], PEOPLE[1], 250, note="pain")
    chain.seal()
    answer = chain.transaction_answer(transaction.id)
    bundle = bundle_at(chain, int(str(answer["height"])))
    above = bundle_at(chain, int(str(answer["receipt_height"])))
    receipt = Receipt(
        network_id=chain.network_id,
        raw=transaction.raw,
        bundle=bundle,
        inclusion=inclusion_kept(bundle, bytes.fromhex(str(answer["inclusion"]))),
        place=LogPlace(int(str(answer["number"])), bytes.fromhex(str(answer["receipt"])), above),
        note="pain",
        note_salt=bytes(32),
        changes=changes_to(network, bundle, above),
    )
    return dataclasses.replace(receipt, **changes)


@pytest.mark.parametrize("shown", ["both", "block", "place"])
def test_a_receipt_proves_a_payment(
    chain: CometBftChain, network: TrustedNetwork, shown: str
) -> None:
    receipt = receipt_of(chain, network)
    if shown == "block":
        receipt = dataclasses.replace(receipt, place=None)
    elif shown == "place":
        receipt = dataclasses.replace(receipt, bundle=None, inclusion=b"")
    content = json.loads(json.dumps(receipt.to_json()))
    assert content["version"] == 3
    again = receipt_from_json(content)
    assert again == receipt
    verified = verify_receipt(TrustedNetwork(chain.genesis), again)
    assert verified.note == "pain"
    assert (verified.number is not None, verified.by_place_alone) == (
        shown != "block", shown == "place",
    )  # fmt: skip


def test_a_receipt_after_a_change_of_the_set_needs_the_genesis_and_nothing_else(
    changing: CometBftChain,
) -> None:
    network = TrustedNetwork(changing.genesis)
    network.sets.follow(changing.changes)
    receipt = receipt_of(changing, network)
    assert receipt.changes == tuple(changing.changes)
    again = receipt_from_json(json.loads(json.dumps(receipt.to_json())))
    stranger = TrustedNetwork(changing.genesis)
    assert verify_receipt(stranger, again).final.members == 4
    assert stranger.sets.changes == ()  # a receipt teaches nothing
    short = dataclasses.replace(again, changes=again.changes[:1])
    with pytest.raises(Refused, match="receipt_invalid"):
        verify_receipt(stranger, short)
    assert verify_receipt(network, short).final.members == 4


def test_a_receipt_that_was_changed_proves_nothing(
    chain: CometBftChain, network: TrustedNetwork
) -> None:
    receipt, other = receipt_of(chain, network), receipt_of(chain, network)
    assert receipt.place is not None
    moved = dataclasses.replace(receipt.place, number=receipt.place.number + 1)
    wrong = [
        dataclasses.replace(receipt, raw=other.raw),
        dataclasses.replace(receipt, inclusion=other.inclusion[:-1] + b"\x00"),
        dataclasses.replace(receipt, bundle=other.bundle),
        dataclasses.replace(receipt, bundle=receipt.place.bundle),
        dataclasses.replace(receipt, note="gateau"),
        dataclasses.replace(receipt, place=other.place),
        dataclasses.replace(receipt, place=moved),
        dataclasses.replace(receipt, raw=receipt.raw[:-1] + bytes([receipt.raw[-1] ^ 1])),
    ]
    for bad in wrong:
        with pytest.raises(Refused) as caught:
            verify_receipt(network, bad)
        assert caught.value.code == "receipt_invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"version": 1}, {"version": 2}, {"version": 4}, {"version": True}, {"header": None},
        {"header": {"engine": "other"}}, {"inclusion": 5}, {"sets": "zz"}, {"sets": "9190"},
        {"sets": 7}, {"log": None, "header": None},
    ],
)  # fmt: skip
def test_a_malformed_receipt_is_named(
    chain: CometBftChain, network: TrustedNetwork, change: dict[str, object]
) -> None:
    content = {**receipt_of(chain, network).to_json(), **change}
    with pytest.raises(Refused) as caught:
        receipt_from_json(content)
    assert caught.value.code in ("receipt_malformed", "version_unknown")


def test_a_receipt_of_the_other_engine_is_refused_where_the_engine_is_known(
    chain: CometBftChain, network: TrustedNetwork
) -> None:
    receipt = receipt_of(chain, network)
    for engine, code in (("simplex", "receipt_invalid"), ("cometbft", None), (None, None)):
        known = TrustedNetwork(chain.genesis, engine)
        if code is None:
            assert verify_receipt(known, receipt).final.vouched_by == 3
        else:
            with pytest.raises(Refused, match=code):
                verify_receipt(known, receipt)
