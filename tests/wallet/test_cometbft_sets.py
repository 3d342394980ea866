"""A wallet follows CometBFT's validator sets, each for the word of the one before."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.certified import SetChange
from consensus.cometbft.light import SignedHeader
from primitives.encoding import encode
from primitives.errors import Refused
from tests.consensus.cometbft_blocks import set_of
from tests.wallet.cometbft_chain import (
    FOUNDERS,
    CometBftChain,
    bundle_at,
    bundle_for,
    changing_chain,
    cometbft_chain_with_people,
    keys_of,
    returning_chain,
)
from tests.wallet.people import genesis
from wallet.header_store import HeaderStore
from wallet.light.bundles import HeaderBundle
from wallet.light.memory import HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.set_store import SetStore


def refused(network: TrustedNetwork, bundle: HeaderBundle) -> str:
    with pytest.raises(Refused) as caught:
        network.verify_final(bundle)
    return caught.value.code


@pytest.fixture
def chain() -> CometBftChain:
    return cometbft_chain_with_people()


@pytest.fixture
def network(chain: CometBftChain) -> TrustedNetwork:
    return TrustedNetwork(chain.genesis)


@pytest.fixture
def changing() -> CometBftChain:
    return changing_chain()


def test_each_set_is_believed_for_the_word_of_the_one_before(changing: CometBftChain) -> None:
    network = TrustedNetwork(changing.genesis)
    assert refused(network, bundle_at(changing, changing.changes[0].header.height + 1)) == (
        "epoch_unknown"
    )
    network.sets.follow(changing.changes)
    counts = []
    for height in range(1, changing.height + 1):
        final = network.verify_final(bundle_at(changing, height))
        counts.append(final.members)
        assert final.vouched_by == final.members - (height < changing.changes[0].header.height)
    assert sorted(set(counts)) == [3, 4]


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_a_change_that_was_left_out_does_not_fit(changing: CometBftChain, left_out: int) -> None:
    network = TrustedNetwork(changing.genesis)
    changes = [one for place, one in enumerate(changing.changes) if place != left_out]
    if left_out == 2:
        network.sets.follow(changes)
        assert refused(network, bundle_at(changing, changing.height)) == "epoch_unknown"
    else:
        with pytest.raises(Refused, match="certificate_invalid"):
            network.sets.follow(changes)
        assert network.sets.changes == ()


def test_a_window_that_was_hidden_is_put_between_later() -> None:
    chain = returning_chain()
    network = TrustedNetwork(chain.genesis)
    network.sets.follow(chain.changes[2:])  # the set before it is the founders', as in the genesis
    inside = bundle_at(chain, chain.changes[0].header.height + 1)
    assert refused(network, inside) == "epoch_unknown"
    network.sets.follow(chain.changes[:2])
    assert network.verify_final(inside).members == 3
    assert network.verify_final(bundle_at(chain, chain.height)).height == chain.height
    half = TrustedNetwork(chain.genesis)
    half.sets.follow(chain.changes[2:])
    with pytest.raises(Refused, match="certificate_invalid"):
        half.sets.follow(chain.changes[:1])


def test_who_is_to_be_believed_does_not_vouch_for_itself(chain: CometBftChain) -> None:
    thieves = keys_of("evrol", "fenil", "givry", "hesse")
    header = dataclasses.replace(chain.signed[-1].header, next_validators_hash=set_of(thieves).hash)
    for keys in (thieves, [*thieves[:3], chain.keys[0]]):
        signed = chain.sign(header, keys)
        change = SetChange(header, signed.commit, set_of(thieves))
        with pytest.raises(Refused, match="certificate_invalid"):
            TrustedNetwork(chain.genesis).sets.follow([change])
    # Nor does a later header, signed by the thieves, make their change final.
    last = BlockId(header.hash, 1, header.hash)
    upper = dataclasses.replace(
        header,
        height=header.height + 1,
        time_ns=header.time_ns + 1,
        last_block_id=last,
        validators_hash=set_of(thieves).hash,
    )
    commit = chain.sign(upper, thieves).commit.encode()
    forged = dataclasses.replace(
        bundle_for(SignedHeader(header, chain.sign(header).commit)),
        certificate=commit,
        headers=(upper.encode(),),
    )
    assert refused(TrustedNetwork(chain.genesis), forged) == "epoch_unknown"


def test_old_keys_make_nothing_of_today() -> None:
    """Somebody has the keys of the founders, whom three others replaced."""
    chain = cometbft_chain_with_people()
    chain.absent = ()
    founders = chain.keys
    change = chain.change_set(*keys_of("evrol", "fenil", "givry"))
    chain.seal()
    chain.seal()
    network = TrustedNetwork(chain.genesis)
    network.sets.follow(chain.changes)
    newest = chain.signed[-1].header
    old = set_of(founders).hash
    lies: list[tuple[dict[str, Any], str]] = [
        ({}, "epoch_unknown"),
        ({"height": newest.height + 1_000}, "epoch_unknown"),
        ({"height": change.header.height - 1}, "certificate_invalid"),  # the time of today
        ({"height": change.header.height + 1, "time_ns": change.header.time_ns},
         "certificate_invalid"),
    ]  # fmt: skip
    for changes, code in lies:
        header = dataclasses.replace(newest, validators_hash=old, **changes)
        assert refused(network, bundle_for(chain.sign(header, founders))) == code
    # A second change at the same height, or one that leads past the known one.
    thieves = keys_of("thief", "rogue", "crook")
    for height in (change.header.height, change.header.height - 1, newest.height):
        header = dataclasses.replace(
            change.header, height=height, next_validators_hash=set_of(thieves).hash
        )
        forged = SetChange(header, chain.sign(header, founders).commit, set_of(thieves))
        with pytest.raises(Refused, match="certificate_invalid"):
            network.sets.follow([forged])
    assert network.sets.changes == tuple(chain.changes)


def test_changes_are_of_this_network_and_in_order(changing: CometBftChain) -> None:
    other = cometbft_chain_with_people(" of another network")
    other.absent = ()
    other.change_set(*keys_of("evrol"))
    with pytest.raises(Refused, match="node_of_other_network"):
        TrustedNetwork(changing.genesis).sets.follow(other.changes)
    first, second = changing.changes[:2]
    early = dataclasses.replace(second.header, time_ns=first.header.time_ns)
    signed = changing.sign(early, keys_of(*FOUNDERS[:3]))
    backwards = SetChange(early, signed.commit, second.following)
    with pytest.raises(Refused, match="certificate_invalid"):
        TrustedNetwork(changing.genesis).sets.follow([first, backwards])


def test_what_was_followed_is_kept(changing: CometBftChain, tmp_path: Path) -> None:
    network, memory = TrustedNetwork(changing.genesis), HeaderMemory()
    network.sets.follow(changing.changes)
    for height in (2, changing.height):
        bundle = bundle_at(changing, height)
        memory.remember(network.verify_final(bundle), bundle)
    HeaderStore(tmp_path / "headers.json", network).save(memory)
    again, remembered = TrustedNetwork(changing.genesis), HeaderMemory()
    HeaderStore(tmp_path / "headers.json", again).load(remembered)
    assert again.sets.changes == tuple(changing.changes)
    assert remembered.newest_height == changing.height
    assert again.engine == "cometbft"


@pytest.mark.parametrize("content", [b"", b"\xc1", b"{}", encode(("known_sets", 2, ()))])
def test_a_file_of_sets_that_cannot_be_read_is_as_none(
    changing: CometBftChain, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "sets.bin").write_bytes(content)
    network = TrustedNetwork(changing.genesis, "cometbft")
    SetStore(tmp_path, network).load()
    assert network.sets.changes == ()
    network.sets.follow(changing.changes)
    SetStore(tmp_path, network).save()
    again = TrustedNetwork(changing.genesis)
    SetStore(tmp_path, again).load()
    assert again.sets.changes == tuple(changing.changes)
    stranger = TrustedNetwork(genesis(" of another network"))
    SetStore(tmp_path, stranger).load()
    assert stranger.sets.changes == ()


def test_a_network_has_no_header_at_or_below_its_genesis(chain: CometBftChain) -> None:
    """One that takes another's place begins above that one's last height."""
    network = TrustedNetwork(chain.genesis)
    network.sets.first_height = 2
    assert [refused(network, bundle_at(chain, height)) for height in (1, 2)] == [
        "certificate_invalid",
        "certificate_invalid",
    ]
    assert network.verify_final(bundle_at(chain, 3)).height == 3
