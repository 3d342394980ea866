"""Epochs under CometBFT are proved from the genesis on, and by nobody's word."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.light import SignedHeader
from ledger.changes import PauseMember
from ledger.rules import Parameters
from node.engines.cometbft.epoch_proofs import (
    EpochProof,
    ProvedEpochs,
    read_proofs,
    set_of,
    write_proofs,
)
from node.engines.cometbft.network_terms import consensus_hash
from primitives.encoding import encode
from primitives.errors import Refused
from tests.consensus.cometbft_blocks import signed_by
from tests.node.cometbft.driver import Driver
from tests.node.cometbft.signed_chain import SignedChain
from tests.node.council import propose, vote
from tests.node.town import Town

STEP_MS = 700


def a_chain(folder: Path) -> SignedChain:
    """Epochs that end by time, and one by a vote that leaves three of four validators."""

    async def go() -> SignedChain:
        town = Town(folder, 4, parameters=Parameters(epoch_ms=4 * STEP_MS))
        driver, time_ms = Driver(town), town.genesis.time_ms
        proposal, raw = propose(town, 0, PauseMember("town3"))
        plan: list[list[bytes]] = [[] for _ in range(16)]
        plan[6], plan[7] = [raw], [vote(town, 1, proposal), vote(town, 2, proposal)]
        try:
            await driver.begin()
            for raws in plan:
                time_ms += STEP_MS
                await driver.decide(raws, time_ms)
            return SignedChain(driver)
        finally:
            await driver.close()

    return asyncio.run(go())


def test_they_follow_from_the_genesis(tmp_path: Path) -> None:
    chain = a_chain(tmp_path)
    assert len(chain.epochs) >= 4
    assert {len(set_of(each.terms).validators) for each in chain.epochs} == {4, 3}
    proofs = [chain.proof(number) for number in range(1, len(chain.epochs))]
    assert read_proofs(write_proofs(each.value() for each in proofs)) == tuple(proofs)
    proved = chain.proved()
    for known, own in zip(proved.epochs, chain.epochs, strict=True):
        assert (known.number, known.height, known.time_ms) == (own.number, own.height, own.time_ms)
        assert (known.terms, known.members, known.ends_ms) == (own.terms, own.members, own.ends_ms)
    for height in chain.headers:
        proved.check(chain.signed(height))
        assert set(proved.priorities(height)) == set(chain.set_at(height).by_address)
    changes = [each.set_change(set_of(each.proved.terms)) for each in proofs]
    assert [each is not None for each in changes].count(True) == 1


def test_a_header_of_an_epoch_that_was_left_out_is_refused(tmp_path: Path) -> None:
    chain = a_chain(tmp_path)
    behind = ProvedEpochs(chain.genesis)
    first = chain.epochs[1].height
    behind.check(chain.signed(first))
    for height in range(first + 1, max(chain.headers) + 1):
        with pytest.raises(Refused, match="epoch_unproved"):
            behind.check(chain.signed(height))
    with pytest.raises(Refused, match="epoch_unproved"):
        behind.take([chain.proof(2)])
    behind.take([chain.proof(1)])
    with pytest.raises(Refused, match="epoch_unproved"):
        behind.take([chain.proof(1)])
    assert behind.newest.number == 1


def resigned(chain: SignedChain, proof: EpochProof, **changes: object) -> EpochProof:
    """Another header above, which the validators signed: they would not, but who else looks?"""
    above = replace(proof.above, **changes)  # type: ignore[arg-type]
    signed = signed_by(above, set_of(chain.epochs[0].terms), chain.keys)
    return replace(proof, above=signed.header, commit=signed.commit)


def later(chain: SignedChain, proof: EpochProof) -> EpochProof:
    """A block after the boundary is told of as the one that ended the epoch."""
    boundary = chain.headers[proof.above.height]
    above = chain.signed(boundary.height + 1)
    return EpochProof(boundary, above.header, above.commit, proof.proved)


def other_boundary(chain: SignedChain, proof: EpochProof) -> EpochProof:
    bent = replace(proof.boundary, time_ns=proof.boundary.time_ns + 10**9)
    return replace(proof, boundary=bent)


LIES: list[Callable[[SignedChain, EpochProof], EpochProof]] = [
    later,
    other_boundary,
    lambda chain, proof: replace(proof, proved=chain.proof(2).proved),
    lambda chain, proof: resigned(
        chain, proof, consensus_hash=consensus_hash(chain.epochs[1].terms, 2)
    ),
    lambda chain, proof: resigned(chain, proof, version_app=proof.above.version_app + 1),
    lambda chain, proof: resigned(chain, proof, next_validators_hash=bytes(32)),
    lambda chain, proof: resigned(chain, proof, last_block_id=BlockId(bytes(32), 1, bytes(32))),
    lambda chain, proof: resigned(chain, proof, chain_id="democite-" + "00" * 20),
    lambda chain, proof: replace(
        proof,
        commit=signed_by(
            proof.above, set_of(chain.epochs[0].terms), chain.keys[:2]
        ).commit,
    ),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(LIES)))
def test_what_is_bent_proves_nothing(tmp_path: Path, number: int) -> None:
    chain = a_chain(tmp_path)
    proved = ProvedEpochs(chain.genesis)
    bent = LIES[number](chain, chain.proof(1))
    with pytest.raises(Refused, match=r"epoch_unproved|certificate_invalid"):
        proved.take([bent])
    assert proved.newest.number == 0
    proved.take([chain.proof(1)])


def test_a_header_with_too_few_signatures_is_not_final(tmp_path: Path) -> None:
    chain = a_chain(tmp_path)
    proved = chain.proved()
    height = max(chain.headers)
    few = signed_by(chain.headers[height], chain.set_at(height), chain.keys[:2])
    with pytest.raises(Refused, match="certificate_invalid"):
        proved.check(SignedHeader(few.header, few.commit))


@pytest.mark.parametrize("raw", [b"", b"\xc1", encode(7), encode((1,)), encode(((b"", b""),))])
def test_what_is_no_answer_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match="node_answer_malformed"):
        read_proofs(raw)
