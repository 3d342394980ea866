"""What a wallet believes of a chain that real `cometbft` processes made: headers, commits, sets."""

import asyncio
import base64
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from consensus.cometbft.certified import CertifiedHeader, SetChange, verify_certified
from consensus.cometbft.commits import FOR_BLOCK
from consensus.cometbft.headers import Header
from consensus.cometbft.inclusion import TransactionProof, data_hash, prove
from consensus.cometbft.light import SignedHeader, Trusted, Trusting, verify
from consensus.cometbft.rpc_json import signed_header_from_json, validators_from_json
from consensus.cometbft.timestamps import NS_PER_SECOND
from consensus.cometbft.validators import ValidatorSet
from primitives import signatures
from tests.node.cometbft.network import CHAIN_ID, Place, living, new_places, until, voting_key
from tests.node.cometbft.test_network import NAMES, heard, until_height

DAY_NS = 86_400 * NS_PER_SECOND

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("cometbft")]


async def signed_at(place: Place, height: int) -> SignedHeader:
    await until_height(place, height + 1)  # then its commit is the one that the next block holds
    return signed_header_from_json((await place.rpc.commit(height))["signed_header"])


async def transactions_at(place: Place, height: int) -> list[bytes]:
    block: Any = (await place.rpc.block(height))["block"]
    return [base64.b64decode(one) for one in block["data"]["txs"] or ()]


def following(
    chain: list[SignedHeader], validators: ValidatorSet, after: ValidatorSet
) -> tuple[dict[int, ValidatorSet], list[SetChange]]:
    """The set at each height, by the headers alone, and the changes among them."""
    sets, changes = {1: validators}, []
    for signed in chain:
        header = signed.header
        if header.next_validators_hash != header.validators_hash:
            changes.append(SetChange(header, signed.commit, after))
            assert changes[-1].verify(validators, signatures.verify) >= 3
            validators = after
        sets[header.height + 1] = validators
    return sets, changes


def test_a_chain_of_four_is_verified_from_its_genesis(tmp_path: Path) -> None:
    async def go() -> None:
        places = new_places(tmp_path, NAMES)
        first = places[0]
        keys = [voting_key(name).public_key for name in NAMES]
        async with living(places):
            for n, place in enumerate(places):
                await place.say(f"word-{n}")
            await heard("word-3", places)
            await places[3].stop()  # its place in commits is empty from now on
            await first.say("three are enough")
            await heard("three are enough", places[:3])
            leave = f"leave:{keys[3].hex()}"
            await first.say(leave)
            await heard(leave, places[:3])
            await first.say("among three")
            await heard("among three", places[:3])
            last = first.words.height + 2
            await first.say("later")
            await until(lambda: first.words.height > last)
            chain = [await signed_at(first, height) for height in range(1, last + 1)]
            told = validators_from_json((await first.rpc.validators(last))["validators"])
            blocks = [await transactions_at(first, height) for height in range(1, last + 1)]

        four, three = ValidatorSet.of_members(keys), ValidatorSet.of_members(keys[:3])
        assert told == three
        sets, changes = following(chain, four, three)
        assert len(changes) == 1
        _check_chain(chain, sets)
        absent = [one for each in chain for one in each.commit.signatures if one.flag != FOR_BLOCK]
        assert absent
        for signed, block in zip(chain, blocks, strict=True):
            assert data_hash(block) == signed.header.data_hash
            for index, raw in enumerate(block):
                proof = TransactionProof.decode(prove(block, index).encode())
                assert proof.verify(signed.header.data_hash, raw)
        assert sum(map(len, blocks)) >= 7

    asyncio.run(go())


def _check_chain(chain: list[SignedHeader], sets: dict[int, ValidatorSet]) -> None:
    for signed in chain:
        header, commit = signed.header, signed.commit
        assert Header.decode(header.encode()) == header and header.chain_id == CHAIN_ID
        certified = CertifiedHeader.decode(CertifiedHeader(header, commit).encode())
        assert verify_certified(certified, sets[header.height], signatures.verify) >= 3
    for below, signed in pairwise(chain):
        assert signed.header.last_block_id == below.commit.block_id
        between = CertifiedHeader(below.header, signed.commit, (signed.header,))
        assert verify_certified(between, sets[signed.header.height], signatures.verify) >= 3
    now = Trusting(chain[-1].header.time_ns + NS_PER_SECOND, DAY_NS, level=(2, 3))
    trusted = Trusted(chain[1].header, sets[3])  # the first has the time of the genesis
    for signed in (chain[2], chain[3], chain[-1]):
        own = sets[signed.header.height]
        assert verify(trusted, signed, own, now, signatures.verify) >= 3
    hashes = [below.commit.hash() for below in chain]
    assert [signed.header.last_commit_hash for signed in chain[1:]] == hashes[:-1]
