"""From epoch to epoch: what a wallet follows, and what it does not."""

import dataclasses
import time
from functools import partial
from pathlib import Path

import pytest

from consensus.certificates import Certificate
from consensus.epoch_starts import EpochStart, read_epoch, read_epochs
from consensus.members import Member, MemberSet
from consensus.votes import NOTARIZE
from primitives.encoding import encode
from primitives.errors import Refused
from primitives.signatures import SigningKey
from tests.wallet.chain import Chain
from tests.wallet.people import PEOPLE, chain_with_people, empty_chain, key_of, paid
from tests.wallet.standin import StandInNode
from wallet.epoch_store import EpochStore
from wallet.header_store import HeaderStore
from wallet.light.bundles import bundle_from_json
from wallet.light.memory import HeaderConflict, HeaderMemory
from wallet.light.receipts import (
    LogPlace,
    Receipt,
    epochs_to,
    receipt_from_json,
    verify_receipt,
)
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient
from wallet.reader import Reader

FOUNDERS = ("arden", "brume", "cassis", "dune")
YEAR_MS = 366 * 86_400_000


def voting(name: str) -> SigningKey:
    return key_of(f"{name} voting")


def set_of(*names: str) -> tuple[MemberSet, list[SigningKey]]:
    """The set of these territories, and their keys."""
    keys = [voting(name) for name in names]
    return MemberSet.of(
        Member(key.public_key, key_of(f"{name.removesuffix('+')} recovery").public_key, name)
        for name, key in zip(names, keys, strict=True)
    ), keys


def end_epoch(chain: Chain, *names: str, closings: int = 0) -> EpochStart:
    return chain.end_epoch(*set_of(*names), closings=closings)


def changing_chain() -> Chain:
    """Three epochs: a fifth territory joins, then one leaves; the second end is closed late."""
    chain = chain_with_people()
    end_epoch(chain, *FOUNDERS, "erable")
    chain.seal()
    end_epoch(chain, "arden", "brume", "cassis", "erable", closings=2)
    chain.seal()
    return chain


@pytest.fixture
def chain() -> Chain:
    return changing_chain()


@pytest.fixture
def network(chain: Chain) -> TrustedNetwork:
    return TrustedNetwork(chain.genesis)


def test_each_epoch_is_believed_for_the_word_of_the_one_before(
    chain: Chain, network: TrustedNetwork
) -> None:
    network.adopt(network.follow(chain.starts))
    assert network.newest_epoch == 2
    assert [len(network.members_of(epoch).members) for epoch in range(3)] == [4, 5, 4]
    for height in range(1, chain.height + 1):
        final = network.verify_final(bundle_from_json(chain.bundle(height)))
        assert final.height == height
        assert final.members == len(network.members_of(final.epoch).members)


def test_a_header_of_an_epoch_not_followed_to_is_unknown(
    chain: Chain, network: TrustedNetwork
) -> None:
    with pytest.raises(Refused, match="epoch_unknown"):
        network.verify_final(bundle_from_json(chain.bundle(chain.height)))


def test_what_is_followed_is_not_believed_before_it_is_adopted(
    chain: Chain, network: TrustedNetwork
) -> None:
    network.follow(chain.starts)
    assert network.newest_epoch == 0


def _bent(chain: Chain) -> dict[str, EpochStart]:
    first, second = chain.starts
    strangers, _ = set_of("arden", "brume", "cassis", "mallory")
    certificate = second.certificate
    return {
        "another set": dataclasses.replace(second, members=strangers),
        "the set left out": dataclasses.replace(second, members=None),
        "a closing left out": dataclasses.replace(second, closing=second.closing[1:]),
        "no closings": dataclasses.replace(second, closing=()),
        "an epoch left out": dataclasses.replace(second, epoch=3),
        "an epoch twice": first,
        "no boundary": dataclasses.replace(
            second, boundary=dataclasses.replace(second.boundary, next_set_hash=None)
        ),
        "a certificate of another epoch": dataclasses.replace(
            second, certificate=dataclasses.replace(certificate, epoch=0)
        ),
        "a notarization": dataclasses.replace(
            second, certificate=dataclasses.replace(certificate, kind=NOTARIZE)
        ),
        "the certificate of the other boundary": dataclasses.replace(
            second, certificate=first.certificate
        ),
    }


@pytest.mark.parametrize("what", list(_bent(changing_chain())))
def test_what_does_not_follow_is_not_believed(
    what: str, chain: Chain, network: TrustedNetwork
) -> None:
    first = chain.starts[0]
    with pytest.raises(Refused, match="certificate_invalid"):
        network.follow([first, _bent(chain)[what]])


def test_members_who_left_do_not_make_the_quorum(chain: Chain, network: TrustedNetwork) -> None:
    """Dune and two who stayed sign as the founders did: three of the old set, two of the new."""
    network.adopt(network.follow(chain.starts))
    block = chain.blocks[-1]
    founders, keys = set_of(*FOUNDERS)
    chain.members, chain.signers = founders, 3
    by_key = {key.public_key: key for key in keys}
    chain.voting_keys = [by_key[one.voting_key] for one in founders.members]
    forged = chain.certify(block.header)
    bundle = dataclasses.replace(
        bundle_from_json(chain.bundle(chain.height)), certificate=forged.encode()
    )
    with pytest.raises(Refused, match="certificate_invalid"):
        network.verify_final(bundle)


def test_a_closing_header_is_no_block(chain: Chain, network: TrustedNetwork) -> None:
    network.adopt(network.follow(chain.starts))
    start = chain.starts[1]
    bundle = bundle_from_json(
        {
            "header": start.closing[-1].encode().hex(),
            "certificate": start.certificate.encode().hex(),
        }
    )
    with pytest.raises(Refused, match="certificate_invalid"):
        network.verify_final(bundle)


def test_the_form_on_the_wire(chain: Chain) -> None:
    assert read_epochs(chain.epochs_answer(1)) == tuple(chain.starts)
    assert [read_epoch(start.value()) for start in chain.starts] == chain.starts
    for raw in (b"", b"\xc0", encode(((1, b"", (), b"", None),)), encode((("x",),))):
        with pytest.raises(Refused, match="node_answer_malformed"):
            read_epochs(raw)


# -- over HTTP --------------------------------------------------------------------------------


async def _read(chain: Chain, node: StandInNode, network: TrustedNetwork) -> Reader:
    """A reader of `network` that asked one node for its newest header."""
    async with NodeClient([node.url], network.network_id) as client:
        reader = Reader(client, network, HeaderMemory())
        final = await reader.header()
        assert final.height == chain.height
        return reader


async def test_a_wallet_follows_by_itself(chain: Chain, network: TrustedNetwork) -> None:
    async with StandInNode(chain) as node:
        reader = await _read(chain, node, network)
    assert network.newest_epoch == 2
    assert reader.memory.newest_height == chain.height


async def test_what_was_followed_is_kept(
    chain: Chain, network: TrustedNetwork, tmp_path: Path
) -> None:
    async with StandInNode(chain) as node:
        reader = await _read(chain, node, network)
    HeaderStore(tmp_path / "headers.json", network).save(reader.memory)
    again = TrustedNetwork(chain.genesis)
    memory = HeaderMemory()
    HeaderStore(tmp_path / "headers.json", again).load(memory)
    assert again.newest_epoch == 2
    assert memory.newest_height == chain.height
    assert again.members_of(2) == network.members_of(2)


@pytest.mark.parametrize("content", [b"", b"\xc1", b"{}", encode(("known_epochs", 2, ()))])
def test_a_file_of_epochs_that_cannot_be_read_is_as_none(
    chain: Chain, network: TrustedNetwork, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "epochs.bin").write_bytes(content)
    EpochStore(tmp_path / "epochs.bin", network).load()
    assert network.newest_epoch == 0
    network.adopt(network.follow(chain.starts))
    EpochStore(tmp_path / "epochs.bin", network).save()
    again = TrustedNetwork(chain.genesis)
    EpochStore(tmp_path / "epochs.bin", again).load()
    assert again.newest_epoch == 2


async def test_a_boundary_that_contradicts_what_was_final_is_an_alarm(chain: Chain) -> None:
    """A quorum of the first set signed two ends of one epoch."""
    other = chain_with_people()
    network = TrustedNetwork(chain.genesis)
    async with (
        StandInNode(chain) as node,
        StandInNode(other) as liar,
        NodeClient([node.url], network.network_id) as client,
    ):
        reader = Reader(client, network, HeaderMemory())
        await reader.final_header(node.url, chain.starts[0].boundary.height)
        end_epoch(other, "arden", "brume", "cassis")
        other.seal()
        with pytest.raises(HeaderConflict) as caught:
            await reader.final_header(liar.url, other.height)
        assert network.newest_epoch == 0
    for side in (caught.value.first, caught.value.second):
        assert network.verify_final(side).height == chain.starts[0].boundary.height


# -- after a long absence ---------------------------------------------------------------------


def old_chain(*, http: list[str]) -> Chain:
    """Founded a year ago; every epoch since is younger than that, the newest a minute old."""
    began_ms = time.time_ns() // 1_000_000 - YEAR_MS
    chain = empty_chain(time_ms=began_ms, http=http)
    for month in range(1, 13):
        chain.clock_ms = partial(int, began_ms + month * 30 * 86_400_000)
        end_epoch(chain, *FOUNDERS)
    chain.clock_ms = lambda: time.time_ns() // 1_000_000 - 60_000
    chain.seal()
    return chain


async def test_a_year_away_needs_f_plus_1_territories(tmp_path: Path) -> None:
    async with StandInNode(empty_chain()) as first, StandInNode(empty_chain()) as second:
        hosts = [node.url.removeprefix("http://") for node in (first, second)]
        chain = old_chain(http=[*hosts, "127.0.0.1:9", "127.0.0.1:9"])
        first.chain = second.chain = chain
        async with StandInNode(chain) as stranger:
            await _read(chain, stranger, TrustedNetwork(chain.genesis))
            second.faults.down = True
            with pytest.raises(Refused, match="trust_expired") as caught:
                await _read(chain, stranger, TrustedNetwork(chain.genesis))
            assert caught.value.detail == "1 of 2"


async def test_old_keys_alone_convince_nobody_who_was_away() -> None:
    """Whoever got the founders' old keys makes a header of today in the first epoch; the
    territories themselves are elsewhere by now."""
    async with StandInNode(empty_chain()) as first, StandInNode(empty_chain()) as second:
        hosts = [node.url.removeprefix("http://") for node in (first, second)]
        chain = old_chain(http=[*hosts, "127.0.0.1:9", "127.0.0.1:9"])
        first.chain = second.chain = chain
        forged = Chain(chain.genesis, [voting(name) for name in FOUNDERS])
        forged.seal()
        async with StandInNode(forged) as liar:
            with pytest.raises(Refused, match="trust_expired"):
                await _read(forged, liar, TrustedNetwork(chain.genesis))


async def test_a_checkpoint_is_as_good() -> None:
    chain = old_chain(http=["127.0.0.1:9"] * 4)
    newest = chain.starts[-1]
    async with StandInNode(chain) as node:
        for digest, code in ((newest.boundary.digest, ""), (bytes(32), "checkpoint_differs")):
            network = TrustedNetwork(chain.genesis)
            async with NodeClient([node.url], network.network_id) as client:
                reader = Reader(client, network, HeaderMemory())
                reader.epochs.checkpoint = (newest.epoch, digest)
                if code:
                    with pytest.raises(Refused, match=code):
                        await reader.header()
                    assert network.newest_epoch == 0
                else:
                    assert (await reader.header()).height == chain.height


def test_a_certificate_is_needed(chain: Chain, network: TrustedNetwork) -> None:
    start = chain.starts[0]
    few = Certificate.from_votes(
        0, start.boundary.view, 3, start.boundary.digest, {0: start.certificate.signatures[0]}, 4
    )
    with pytest.raises(Refused, match="certificate_invalid"):
        network.follow([dataclasses.replace(start, certificate=few)])


# -- receipts ---------------------------------------------------------------------------------


def receipt_in_newest_epoch(chain: Chain, network: TrustedNetwork) -> Receipt:
    """Of a payment in the newest epoch, with its place in the log under a later header."""
    transaction = paid(chain, PEOPLE[0], PEOPLE[1], 250)
    block = chain.blocks[-1]
    chain.seal()
    answer = chain.transaction_answer(transaction.id)
    bundle = bundle_from_json(chain.bundle(block.header.height))
    later = bundle_from_json(chain.bundle(chain.height))
    place = LogPlace(int(str(answer["number"])), bytes.fromhex(str(answer["receipt"])), later)
    return Receipt(
        chain.network_id,
        transaction.raw,
        bundle,
        bytes.fromhex(str(answer["inclusion"])),
        place,
        epochs=epochs_to(network, bundle, later),
    )


def test_a_receipt_of_a_later_epoch_needs_the_genesis_and_nothing_else(
    chain: Chain, network: TrustedNetwork
) -> None:
    network.adopt(network.follow(chain.starts))
    receipt = receipt_from_json(receipt_in_newest_epoch(chain, network).to_json())
    stranger = TrustedNetwork(chain.genesis)
    assert verify_receipt(stranger, receipt).final.epoch == 2
    assert stranger.newest_epoch == 0
    for epochs in ((), receipt.epochs[:1], receipt.epochs[1:]):
        with pytest.raises(Refused, match="receipt_invalid"):
            verify_receipt(stranger, dataclasses.replace(receipt, epochs=epochs))
