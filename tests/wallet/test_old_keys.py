"""Somebody has the keys of a set that was replaced. Nothing of today can be made of them."""

import dataclasses

import pytest

from consensus.certificates import Certificate
from consensus.header import Header
from primitives.errors import Refused
from tests.wallet.chain import Chain
from tests.wallet.people import PEOPLE, chain_with_people, paid
from tests.wallet.standin import StandInNode
from tests.wallet.test_epochs import FOUNDERS, changing_chain, end_epoch, set_of
from wallet.light.bundles import HeaderBundle, bundle_from_json
from wallet.light.memory import HeaderConflict, HeaderMemory
from wallet.light.receipts import Receipt, verify_receipt
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient
from wallet.reader import Reader


@pytest.fixture
def chain() -> Chain:
    return changing_chain()


@pytest.fixture
def network(chain: Chain) -> TrustedNetwork:
    network = TrustedNetwork(chain.genesis)
    network.adopt(network.follow(chain.starts))
    return network


def signed_by_founders(chain: Chain, **changes: object) -> HeaderBundle:
    """The newest header with `changes`, under F of the first epoch's whole set."""
    before = (chain.members, chain.voting_keys, chain.signers)
    members, keys = set_of(*FOUNDERS)
    by_key = {key.public_key: key for key in keys}
    chain.members = members
    chain.voting_keys = [by_key[one.voting_key] for one in members.members]
    chain.signers = members.quorum
    header = dataclasses.replace(chain.blocks[-1].header, epoch=0, **changes)  # type: ignore[arg-type]
    certificate: Certificate = chain.certify(header)
    chain.members, chain.voting_keys, chain.signers = before
    return HeaderBundle(header.encode(), certificate.encode())


def test_an_epoch_that_ended_has_no_header_after_its_boundary(
    chain: Chain, network: TrustedNetwork
) -> None:
    ended = chain.starts[0].boundary
    for changes in (
        {},
        {"height": chain.height + 1_000},
        {"height": ended.height - 1},  # the time of today
        {"height": ended.height + 1, "time_ms": ended.time_ms},
    ):
        forged = signed_by_founders(chain, **changes)
        with pytest.raises(Refused, match="certificate_invalid"):
            network.verify_final(forged)


def test_an_epoch_has_no_header_before_it_began(chain: Chain, network: TrustedNetwork) -> None:
    began = chain.starts[1].boundary
    newest = chain.blocks[-1].header
    for changed in (
        dataclasses.replace(newest, height=began.height),
        dataclasses.replace(newest, time_ms=began.time_ms),
    ):
        forged = HeaderBundle(changed.encode(), chain.certify(changed).encode())
        with pytest.raises(Refused, match="certificate_invalid"):
            network.verify_final(forged)


async def test_a_node_with_old_keys_takes_no_wallet_along(chain: Chain) -> None:
    """It shows a height far above all others: the wallet would read nothing but its word."""
    async with (
        StandInNode(chain) as node,
        NodeClient([node.url], chain.network_id) as client,
    ):
        reader = Reader(client, TrustedNetwork(chain.genesis), HeaderMemory())
        await reader.header()
        forged = signed_by_founders(chain, height=chain.height + 1_000)
        with pytest.raises(Refused, match="certificate_invalid"):
            await reader.accept_from(node.url, forged)
        assert reader.memory.newest_height == chain.height


def test_headers_far_apart_contradict_each_other_too() -> None:
    """A quorum that lies about a height nobody saw is found out by the time it gives."""
    chain = chain_with_people()
    for _ in range(4):
        chain.seal()
    network, memory = TrustedNetwork(chain.genesis), HeaderMemory()
    for height in (1, chain.height):
        bundle = bundle_from_json(chain.bundle(height))
        memory.remember(network.verify_final(bundle), bundle)
    middle = chain.blocks[2].header
    for time_ms in (chain.blocks[0].header.time_ms, chain.blocks[-1].header.time_ms):
        changed = dataclasses.replace(middle, time_ms=time_ms)
        forged = HeaderBundle(changed.encode(), chain.certify(changed).encode())
        with pytest.raises(HeaderConflict):
            memory.remember(network.verify_final(forged), forged)
    bundle = bundle_from_json(chain.bundle(middle.height))
    memory.remember(network.verify_final(bundle), bundle)


def test_a_boundary_below_what_was_final_in_its_epoch_is_an_alarm() -> None:
    chain = chain_with_people()
    other = chain_with_people()
    start = end_epoch(other, *FOUNDERS)
    for _ in range(4):
        chain.seal()
    network, memory = TrustedNetwork(chain.genesis), HeaderMemory()
    bundle = bundle_from_json(chain.bundle(chain.height))
    memory.remember(network.verify_final(bundle), bundle)
    boundary = bundle_from_json(other.bundle(start.boundary.height))
    with pytest.raises(HeaderConflict):
        memory.remember(network.verify_final(boundary), boundary)


def test_memory_forgets_the_oldest_and_keeps_its_order() -> None:
    chain = chain_with_people()
    network, memory = TrustedNetwork(chain.genesis), HeaderMemory()
    bundle = bundle_from_json(chain.bundle(1))
    final = network.verify_final(bundle)
    first = final.header
    assert isinstance(first, Header)
    for height in range(1, 1_100):
        header = dataclasses.replace(
            first,
            height=2 * height,
            time_ms=final.time_ms + height,
        )
        memory.remember(dataclasses.replace(final, header=header), bundle)
    assert len(memory.bundles()) == 32
    assert memory.newest_height == 2 * 1_099
    again = dataclasses.replace(first, height=3, time_ms=final.time_ms)
    memory.remember(dataclasses.replace(final, header=again), bundle)


async def test_a_checkpoint_is_held_against_a_network_that_is_followed_every_day(
    chain: Chain,
) -> None:
    newest = chain.starts[-1]
    async with (
        StandInNode(chain) as node,
        NodeClient([node.url], chain.network_id) as client,
    ):
        network = TrustedNetwork(chain.genesis)
        reader = Reader(client, network, HeaderMemory())
        reader.epochs.checkpoint = (newest.epoch, bytes(32))
        with pytest.raises(Refused, match="checkpoint_differs"):
            await reader.header()
        assert network.newest_epoch == 0
        reader.epochs.checkpoint = (newest.epoch, newest.boundary.digest)
        await reader.header()
        assert network.newest_epoch == 2
        # And against what was believed before it was told.
        for epoch in (1, 2):
            reader.epochs.checkpoint = (epoch, bytes(32))
            with pytest.raises(Refused, match="checkpoint_differs"):
                await reader.header()
        reader.epochs.checkpoint = (3, bytes(32))
        await reader.header()


def test_a_receipt_stands_in_a_block_of_its_own_time() -> None:
    """Whoever got old keys signs a block of long ago that holds a payment of today."""
    chain = chain_with_people()
    network = TrustedNetwork(chain.genesis)
    transaction = paid(chain, PEOPLE[0], PEOPLE[1], 250)
    block = chain.blocks[-1]
    answer = chain.transaction_answer(transaction.id)
    good = Receipt(
        chain.network_id,
        transaction.raw,
        bundle_from_json(chain.bundle(block.header.height)),
        bytes.fromhex(str(answer["inclusion"])),
    )
    for time_ms, holds in (
        (transaction.created_ms - 120_001, False),
        (transaction.created_ms - 120_000, True),
        (transaction.valid_until_ms, True),
        (transaction.valid_until_ms + 1, False),
    ):
        header = dataclasses.replace(block.header, time_ms=time_ms)
        bundle = HeaderBundle(header.encode(), chain.certify(header).encode())
        receipt = dataclasses.replace(good, bundle=bundle)
        if holds:
            assert verify_receipt(network, receipt).transaction.id == transaction.id
        else:
            with pytest.raises(Refused, match="receipt_invalid"):
                verify_receipt(network, receipt)
