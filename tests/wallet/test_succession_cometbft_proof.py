"""The end of a network that CometBFT ordered, as the genesis of its successor proves it."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.cometbft.headers import Header
from consensus.cometbft.succession import check_end
from consensus.cometbft.validators import ValidatorSet
from consensus.succession import begins_ms, check_last
from ledger.genesis import DRAFT_KIND, PROVED_SUCCESSOR_VERSION, SUCCESSOR_VERSION, Genesis
from ledger.network_objects import NETWORK_TREE_KEY, NetworkRecord
from ledger.succession import ProvedNetwork, Succession
from node.genesis_file import read_genesis_alone
from primitives.errors import Refused
from primitives.signatures import verify
from tests.wallet.cometbft_chain import CometBftChain, cometbft_chain_with_people
from tests.wallet.cometbft_successors import end_of, founded_on, successor_at
from tests.wallet.people import key_of
from tests.wallet.test_succession import code_of
from wallet.folder import checked_genesis
from wallet.light.succession import check_successor
from wallet.light.trust import FinalHeader, TrustedNetwork


def seen_at(chain: CometBftChain, height: int) -> FinalHeader:
    """What a wallet saw."""
    return FinalHeader(chain.signed[height - 1].header, 3, 4)


def judged(network: TrustedNetwork, seen: FinalHeader | None, genesis: Genesis) -> str | None:
    """What a successor is refused with, read from a file and judged."""
    return code_of(lambda: check_successor(network, seen, checked_genesis(genesis.to_json())))


def named(genesis: Genesis) -> Succession:
    """What it takes over; it takes over something."""
    assert genesis.succession is not None
    return genesis.succession


def proof_of(end: Succession) -> ProvedNetwork:
    """Who signed and who the members are; it is proved."""
    assert end.proved is not None
    return end.proved


@pytest.fixture(scope="module")
def chain() -> CometBftChain:
    """Four towns with people; nobody changes it."""
    return cometbft_chain_with_people()


@pytest.fixture(scope="module")
def end(chain: CometBftChain) -> Succession:
    return end_of(chain)


# -- the document itself -----------------------------------------------------------------------


def test_the_members_of_the_proved_object_endorse(chain: CometBftChain) -> None:
    genesis = founded_on(chain, end_of(chain), without=["dune"])
    found = check_successor(TrustedNetwork(chain.genesis), seen_at(chain, 2), genesis)
    assert found.endorsed_by == ("arden", "brume", "cassis") and found.gone == ("dune",)
    assert found.last == chain.signed[-1].header
    rows = named(genesis).members
    assert sorted(row.prefix for row in rows) == ["arden", "brume", "cassis", "dune"]
    assert {row.recovery_key for row in rows} == {
        key_of(f"{row.prefix} recovery").public_key for row in rows
    }


def test_it_is_read_as_it_was_written(chain: CometBftChain) -> None:
    genesis = successor_at(chain)
    assert genesis.version == PROVED_SUCCESSOR_VERSION
    again = checked_genesis(genesis.to_json())
    assert again == genesis and again.network_id == genesis.network_id
    content = json.loads(genesis.to_json())
    # What follows from something else does not stand there beside it.
    assert not {"members", "signers", "between"} & set(content["succession"])
    assert begins_ms(named(genesis)) == genesis.time_ms
    # Who does not know this version says so, and so does who would read it as another.
    content["version"] = SUCCESSOR_VERSION
    assert code_of(lambda: Genesis.from_json(json.dumps(content))) == "genesis_malformed"
    content["version"] = PROVED_SUCCESSOR_VERSION + 1
    assert code_of(lambda: Genesis.from_json(json.dumps(content))) == "version_unknown"


def test_too_few_of_the_proved_members_are_not_enough(chain: CometBftChain) -> None:
    end = end_of(chain)
    two = founded_on(chain, end, keys=[key_of("arden recovery"), key_of("brume recovery")])
    assert code_of(two.endorsed_by) == "endorsements_insufficient"
    voting = [key_of(f"{name} cometbft") for name in ("arden", "brume", "cassis")]
    assert code_of(founded_on(chain, end, keys=voting).endorsed_by) == "endorsement_invalid"


def test_every_broken_step_is_refused(chain: CometBftChain, end: Succession) -> None:
    """The commit, its set, the place, the network, the object and its proof: each must hold."""
    proved, signed = proof_of(end), chain.signed[-1]
    below = chain.signed[-2]
    two = chain.sign(signed.header, chain.keys[:2])
    elsewhere = chain.sign(replace(signed.header, chain_id="democite-" + "00" * 20))
    rootless = chain.sign(replace(signed.header, app_hash=b"\1" * 20))
    strangers = [key_of(f"stranger {number}") for number in range(4)]
    their_set = ValidatorSet.of_members([key.public_key for key in strangers])
    theirs = chain.sign(replace(signed.header, validators_hash=their_set.hash), strangers)
    earlier = chain.object_answer(NETWORK_TREE_KEY, 1)
    broken = {
        "two of four signed": replace(end, certificate=two.commit.encode()),
        "the commit of another block": replace(end, certificate=below.commit.encode()),
        "another block under this commit": replace(end, header=below.header.encode()),
        "another height": replace(end, height=end.height + 1),
        "another network": replace(end, predecessor=bytes(32)),
        "a header of another chain": replace(
            end, header=elsewhere.header.encode(), certificate=elsewhere.commit.encode()
        ),
        "no state root": replace(
            end, header=rootless.header.encode(), certificate=rootless.commit.encode()
        ),
        "a set that did not sign": replace(
            end, proved=proved._replace(validators=tuple(sorted(their_set_keys(their_set))))
        ),
        "a header that names another set": replace(
            end, header=theirs.header.encode(), certificate=theirs.commit.encode()
        ),
        "a validator left out": replace(
            end, proved=proved._replace(validators=proved.validators[1:])
        ),
        "the proof of another root": replace(
            end, proved=proved._replace(proof=bytes.fromhex(str(earlier["proof"])))
        ),
        "no header": replace(end, header=b"\0"),
        "no commit": replace(end, certificate=b"\0"),
        "no proof": replace(end, proved=proved._replace(proof=b"\0")),
    }
    assert check_last(end, verify) == signed.header
    for what, one in broken.items():
        assert code_of(partial(check_last, one, verify)) == "succession_unproved", what


def their_set_keys(validators: ValidatorSet) -> list[bytes]:
    """The keys of a set."""
    return [one.public_key for one in validators.validators]


def test_recovery_keys_of_ones_own_are_not_proved(chain: CometBftChain, end: Succession) -> None:
    """Whoever holds a network's last header can't name other members under it."""
    proved = proof_of(end)
    record = NetworkRecord.decode(proved.network)
    liars = [key_of(f"liar {one.prefix}") for one in record.terms.members]
    stolen = tuple(
        [
            one._replace(recovery_key=liar.public_key)
            for one, liar in zip(record.terms.members, liars, strict=True)
        ]
    )
    forged_raw = record._replace(terms=record.terms._replace(members=stolen)).encode()
    forged = proved._replace(network=forged_raw)
    # The members are those of the object, so they can't be named beside it either.
    assert code_of(lambda: replace(end, proved=forged)) == "genesis_invalid"
    assert code_of(lambda: replace(end, members=forged.members)) == "genesis_invalid"
    lie = replace(end, proved=forged, members=forged.members)
    genesis = founded_on(chain, lie, keys=liars)
    assert len(genesis.endorsed_by()) == 4
    assert code_of(lambda: check_last(lie, verify)) == "succession_unproved"
    assert code_of(lambda: checked_genesis(genesis.to_json())) == "succession_unproved"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_byte_may_be_another(chain: CometBftChain, end: Succession, data: st.DataObject) -> None:
    """Header, commit, set, object and proof: whatever byte is changed, it is refused. Of four three
    signed, so no signature is to spare."""
    proved = proof_of(end)
    name = data.draw(st.sampled_from(["header", "certificate", "validator", "network", "proof"]))
    raw = {
        "header": end.header,
        "certificate": end.certificate,
        "validator": proved.validators[0],
        "network": proved.network,
        "proof": proved.proof,
    }[name]
    place = data.draw(st.integers(0, len(raw) - 1))
    bent = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]

    def told() -> Header:
        fields = {"network": bent} if name == "network" else {"proof": bent}
        if name == "validator":
            fields = {"validators": tuple(sorted([bent, *proved.validators[1:]]))}  # type: ignore[dict-item]
        if name in ("header", "certificate"):
            return checked(replace(end, **{name: bent}))  # type: ignore[arg-type]
        other = proved._replace(**fields)  # type: ignore[arg-type]
        return checked(replace(end, proved=other, members=other.members))

    def checked(one: Succession) -> Header:
        return check_end(one, proof_of(one), verify)

    with pytest.raises(Refused):
        told()


@pytest.mark.parametrize(
    "changes",
    [
        {"validators": ()},
        {"validators": (b"\1" * 31,)},
        {"validators": (b"\2" * 32, b"\1" * 32)},
        {"validators": (b"\1" * 32, b"\1" * 32)},
        {"proof": bytes(1 << 20)},
    ],
)
def test_bounds_come_first(end: Succession, changes: dict[str, object]) -> None:
    other = proof_of(end)._replace(**changes)  # type: ignore[arg-type]
    assert code_of(lambda: replace(end, proved=other)) == "genesis_invalid"


def test_nothing_else_stands_beside_a_commit(end: Succession) -> None:
    """A commit for a later header would make that block final too, and it would be lost."""
    assert code_of(lambda: replace(end, between=(end.header,))) == "genesis_invalid"
    assert code_of(lambda: replace(end, signers=end.members)) == "genesis_invalid"
    assert code_of(lambda: replace(end, header=bytes(627))) == "genesis_invalid"
    huge = proof_of(end)._replace(network=bytes((1 << 20) + 1))
    assert code_of(lambda: huge.members) == "genesis_invalid"


def test_it_begins_just_after_what_it_goes_on_from(chain: CometBftChain, tmp_path: Path) -> None:
    genesis = successor_at(chain)
    for time_ms in (genesis.time_ms - 1, genesis.time_ms, genesis.time_ms + 31_536_000_000):
        file = tmp_path / f"{time_ms}.json"
        file.write_text(replace(genesis, time_ms=time_ms, endorsements=()).to_json(DRAFT_KIND))
        wanted = None if time_ms == genesis.time_ms else "succession_unproved"
        assert code_of(partial(read_genesis_alone, file, DRAFT_KIND)) == wanted
