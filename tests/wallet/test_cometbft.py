"""The light client under CometBFT: what it believes, and every way of lying to it that we know."""

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.light import SignedHeader
from primitives.errors import Refused
from tests.consensus.cometbft_blocks import set_of
from tests.wallet.cometbft_chain import (
    CometBftChain,
    bundle_at,
    bundle_for,
    cometbft_chain_with_people,
    keys_of,
)
from tests.wallet.people import chain_with_people, genesis
from wallet.header_store import HeaderStore
from wallet.light.bundles import HeaderBundle, bundle_from_json
from wallet.light.memory import HeaderConflict, HeaderMemory
from wallet.light.trust import KnownTerms, TrustedNetwork


@pytest.fixture
def chain() -> CometBftChain:
    return cometbft_chain_with_people()


@pytest.fixture
def network(chain: CometBftChain) -> TrustedNetwork:
    return TrustedNetwork(chain.genesis)


def refused(network: TrustedNetwork, bundle: HeaderBundle) -> str:
    with pytest.raises(Refused) as caught:
        network.verify_final(bundle)
    return caught.value.code


def test_a_header_with_more_than_two_thirds_is_final(
    chain: CometBftChain, network: TrustedNetwork
) -> None:
    final = network.verify_final(bundle_at(chain, 1))
    assert (final.height, final.vouched_by, final.members) == (1, 3, 4)
    block = chain.blocks[0].header
    assert (final.time_ms, final.header.rule_version) == (block.time_ms, block.rule_version)
    assert final.header.state_root == block.state_root


def test_a_commit_is_checked_once(chain: CometBftChain, network: TrustedNetwork) -> None:
    for _ in range(3):
        network.verify_final(bundle_at(chain, 1))
    assert network.sets.commits_verified == network.certificates_verified == 1


def test_a_descendants_commit_suffices(chain: CometBftChain, network: TrustedNetwork) -> None:
    low, middle, high = chain.signed[:3]
    between = (middle.header.encode(), high.header.encode())
    good = dataclasses.replace(bundle_for(low), certificate=high.commit.encode(), headers=between)
    assert network.verify_final(good).height == 1
    for headers in (between[1:], between[:1], between[::-1], (b"",), (b"\xff",) * 65):
        bad = dataclasses.replace(good, headers=headers)
        assert refused(network, bad) in ("certificate_invalid", "epoch_unknown")


def test_commits_that_prove_nothing(chain: CometBftChain, network: TrustedNetwork) -> None:
    header = chain.signed[0].header
    chain.absent = tuple([key.public_key for key in chain.keys[:2]])
    too_few = chain.sign(header)
    chain.absent = ()
    richer = dataclasses.replace(header, app_hash=bytes(32))
    bad = [
        too_few,
        SignedHeader(richer, chain.signed[0].commit),
        SignedHeader(header, chain.signed[1].commit),
        chain.sign(dataclasses.replace(header, version_block=10)),
        chain.sign(dataclasses.replace(header, app_hash=bytes(20))),
    ]
    assert {refused(network, bundle_for(one)) for one in bad} == {"certificate_invalid"}
    strangers = keys_of("evrol", "fenil", "givry", "hesse")
    strange = dataclasses.replace(header, validators_hash=set_of(strangers).hash)
    assert refused(network, bundle_for(chain.sign(strange, strangers))) == "epoch_unknown"
    assert refused(network, bundle_for(chain.sign(header, strangers))) == "certificate_invalid"
    for name in ("header", "certificate"):
        for raw in (b"", b"\x90", b"\xff" * 40):
            parts: dict[str, Any] = {name: raw}
            broken = dataclasses.replace(bundle_at(chain, 1), **parts)
            assert refused(network, broken) == "certificate_invalid"


def test_another_network_is_named(network: TrustedNetwork) -> None:
    other = cometbft_chain_with_people(" of another network")
    assert refused(network, bundle_at(other, 1)) == "node_of_other_network"


# -- one engine --------------------------------------------------------------------------------


def test_the_first_header_that_holds_says_the_engine_and_the_other_is_refused(
    chain: CometBftChain,
) -> None:
    simplex = chain_with_people()
    assert simplex.network_id == chain.network_id
    theirs, ours = bundle_from_json(simplex.bundle(1)), bundle_at(chain, 1)
    for first, second in ((theirs, ours), (ours, theirs)):
        network = TrustedNetwork(chain.genesis)
        wrong = dataclasses.replace(second, certificate=b"\x90")
        assert refused(network, wrong) == "certificate_invalid"
        assert network.engine is None
        network.verify_final(first)
        assert network.engine == first.engine
        assert refused(network, second) == "engine_differs"
        assert refused(TrustedNetwork(chain.genesis, first.engine), second) == "engine_differs"


def test_a_form_under_another_name_is_refused(chain: CometBftChain) -> None:
    content = chain.bundle(1)
    for engine in ("simplex", None):
        changed = {**content, "engine": engine}
        if engine is None:
            del changed["engine"]
        bundle = bundle_from_json(changed)
        assert refused(TrustedNetwork(chain.genesis), bundle) == "certificate_invalid"
    for other in ("tendermint", 7, ""):
        with pytest.raises(Refused, match="node_answer_malformed"):
            bundle_from_json({**content, "engine": other})


def test_a_genesis_without_the_engines_keys_is_ordered_by_the_other(chain: CometBftChain) -> None:
    made = genesis()
    keyless = tuple([dataclasses.replace(one, cometbft_key=None) for one in made.territories[:1]])
    network = TrustedNetwork(dataclasses.replace(made, territories=keyless + made.territories[1:]))
    assert refused(network, bundle_at(chain, 1)) == "engine_keys_missing"


# -- alarms ------------------------------------------------------------------------------------


def test_two_headers_at_one_height_raise_the_alarm(
    chain: CometBftChain, network: TrustedNetwork, tmp_path: Path
) -> None:
    memory = HeaderMemory()
    first = bundle_at(chain, 2)
    memory.remember(network.verify_final(first), first)
    header = chain.signed[1].header
    second = bundle_for(chain.sign(dataclasses.replace(header, time_ns=header.time_ns + 1)))
    with pytest.raises(HeaderConflict) as caught:
        memory.remember(network.verify_final(second), second)
    file = HeaderStore(tmp_path / "headers.json", network).keep_evidence(caught.value)
    evidence = json.loads(file.read_text())
    for side in ("first", "second"):
        assert network.verify_final(bundle_from_json(evidence[side])).height == 2


def test_a_header_that_does_not_descend_raises_the_alarm(
    chain: CometBftChain, network: TrustedNetwork
) -> None:
    header, first = chain.signed[1].header, chain.signed[0].header
    stray = [
        dataclasses.replace(header, last_block_id=BlockId(bytes(32), 1, bytes(32))),
        dataclasses.replace(header, time_ns=first.time_ns),
        dataclasses.replace(header, time_ns=chain.signed[2].header.time_ns),
    ]
    for known, changed in ((1, stray[0]), (3, stray[0]), (1, stray[1]), (3, stray[2])):
        memory = HeaderMemory()
        bundle = bundle_at(chain, known)
        memory.remember(network.verify_final(bundle), bundle)
        forged = bundle_for(chain.sign(changed))
        with pytest.raises(HeaderConflict):
            memory.remember(network.verify_final(forged), forged)


def test_neighbours_that_name_different_sets_raise_the_alarm(
    chain: CometBftChain, network: TrustedNetwork
) -> None:
    """A change of the set that the header above it knows nothing of."""
    strange = set_of(keys_of("evrol", "fenil", "givry", "hesse")).hash
    lower = dataclasses.replace(chain.signed[1].header, next_validators_hash=strange)
    last = BlockId(lower.hash, 1, bytes(32))
    upper = dataclasses.replace(chain.signed[2].header, last_block_id=last)
    for first, second in ((lower, upper), (upper, lower)):
        memory = HeaderMemory()
        known, other = bundle_for(chain.sign(first)), bundle_for(chain.sign(second))
        memory.remember(network.verify_final(known), known)
        with pytest.raises(HeaderConflict):
            memory.remember(network.verify_final(other), other)


def test_terms_are_heard_once_a_day(chain: CometBftChain, network: TrustedNetwork) -> None:
    """CometBFT's headers name no epoch that a vote could be in force from."""
    day_ms = 86_400_000
    first_ms = (chain.blocks[-1].header.time_ms // day_ms + 1) * day_ms
    terms = chain.state.network().terms
    for at_ms, is_old in (
        (first_ms, True),
        (first_ms + day_ms - 5, False),
        (first_ms + day_ms, True),
    ):
        chain.clock_ms = partial(int, at_ms)
        chain.seal()
        final = network.verify_final(bundle_at(chain, chain.height))
        assert network.are_terms_old is is_old
        network.learn_terms(KnownTerms(terms, final.epoch, final.height))
        assert not network.are_terms_old
