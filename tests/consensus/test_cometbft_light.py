"""Light verification of CometBFT's headers, and every way of lying to it that we thought of."""

import dataclasses
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.commits import FOR_BLOCK, FOR_NIL, Commit, CommitSignature
from consensus.cometbft.light import SignedHeader, Trusted, Trusting, verify, verify_commit
from consensus.cometbft.timestamps import NS_PER_SECOND
from consensus.cometbft.validators import Validator, ValidatorSet
from primitives import signatures
from primitives.errors import Refused
from primitives.signatures import SigningKey
from tests.consensus.cometbft_blocks import (
    CHAIN_ID,
    GENESIS_NS,
    header_at,
    keys_named,
    set_of,
    signed_by,
)

KEYS = keys_named("arden", "bussy", "corve", "dampi")
OTHERS = keys_named("evrol", "fenil", "givry", "hesse")
SET = set_of(KEYS)
TRUSTED = Trusted(header_at(3, SET), SET)
PERIOD_NS = 90 * 86_400 * NS_PER_SECOND
NOW = Trusting(GENESIS_NS + 3_600 * NS_PER_SECOND, PERIOD_NS)


def refusal(call: Callable[[], object]) -> str:
    """The code of the refusal that this must end in."""
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


def judged(
    signed: SignedHeader, validators: ValidatorSet = SET, trusting: Trusting = NOW
) -> str | int:
    """How many signed, or the code of the refusal."""
    try:
        return verify(TRUSTED, signed, validators, trusting, signatures.verify)
    except Refused as refused:
        return refused.code


def test_the_next_header_follows() -> None:
    assert judged(signed_by(header_at(4, SET), SET, KEYS)) == 4
    three = signed_by(header_at(4, SET), SET, KEYS, absent=[KEYS[2].public_key], round=7)
    assert judged(three) == 3


def test_two_of_four_are_not_more_than_two_thirds() -> None:
    two = [key.public_key for key in KEYS[:2]]
    for height in (4, 9):
        signed = signed_by(header_at(height, SET), SET, KEYS, absent=two)
        assert judged(signed) == "certificate_invalid"


def test_power_counts_and_not_heads() -> None:
    powers = (10, 1, 1, 1)
    mighty = ValidatorSet(
        tuple([Validator(key.public_key, power) for key, power in zip(KEYS, powers, strict=True)])
    )
    header = header_at(4, mighty)
    weak = signed_by(header, mighty, KEYS[1:])
    strong = signed_by(header, mighty, KEYS[:1])
    assert refusal(lambda: verify_commit(weak, mighty, signatures.verify)) == "certificate_invalid"
    assert verify_commit(strong, mighty, signatures.verify) == 1


def test_heights_are_skipped_while_enough_of_the_known_set_signed() -> None:
    for kept, by_level in ((1, "trust_insufficient"), (2, 4), (3, 4), (4, 4)):
        keys = [*KEYS[:kept], *OTHERS[kept:]]
        validators = set_of(keys)
        signed = signed_by(header_at(40, validators), validators, keys)
        assert judged(signed, validators) == by_level
    two_thirds = dataclasses.replace(NOW, level=(2, 3))
    for kept, by_level in ((2, "trust_insufficient"), (3, 4)):
        keys = [*KEYS[:kept], *OTHERS[kept:]]
        validators = set_of(keys)
        signed = signed_by(header_at(40, validators), validators, keys)
        assert judged(signed, validators, two_thirds) == by_level


def test_all_of_a_set_cannot_be_exceeded() -> None:
    every = dataclasses.replace(NOW, level=(1, 1))
    assert judged(signed_by(header_at(9, SET), SET, KEYS), SET, every) == "trust_insufficient"


@pytest.mark.parametrize("level", [(1, 4), (0, 1), (4, 3), (1, 0), (-1, -3), (0, 0)])
def test_a_share_that_is_none_is_refused(level: tuple[int, int]) -> None:
    assert refusal(lambda: Trusting(0, 0, 0, level)) == "trust_level_invalid"


def test_a_stranger_set_is_not_believed_however_it_signs() -> None:
    strange = set_of(OTHERS)
    for height, code in ((4, "certificate_invalid"), (5, "trust_insufficient")):
        signed = signed_by(header_at(height, strange), strange, OTHERS)
        assert judged(signed, strange) == code


def test_trust_ends_with_its_period() -> None:
    signed = signed_by(header_at(4, SET), SET, KEYS)
    last = TRUSTED.header.time_ns + PERIOD_NS
    assert judged(signed, trusting=Trusting(last - 1, PERIOD_NS)) == 4
    assert judged(signed, trusting=Trusting(last, PERIOD_NS)) == "trust_expired"


def test_a_block_of_the_future_waits_for_the_clock() -> None:
    header = header_at(4, SET)
    signed = signed_by(header, SET, KEYS)
    assert judged(signed, trusting=Trusting(header.time_ns, PERIOD_NS)) == "header_time_ahead"
    assert judged(signed, trusting=Trusting(header.time_ns, PERIOD_NS, 1)) == 4


def test_what_does_not_stand_above_the_trusted_header_is_refused() -> None:
    lower = [header_at(3, SET), header_at(2, SET)]
    earlier = header_at(4, SET, time_ns=TRUSTED.header.time_ns)
    elsewhere = header_at(4, SET, chain_id="democite-" + "00" * 20)
    older_protocol = header_at(4, SET, version_block=10)
    for header in (*lower, earlier, elsewhere, older_protocol):
        assert judged(signed_by(header, SET, KEYS)) == "certificate_invalid"


def test_the_next_set_must_be_the_one_that_was_named() -> None:
    assert refusal(lambda: Trusted(header_at(3, SET), set_of(OTHERS))) == "certificate_invalid"


def _changed(signed: SignedHeader, **changes: object) -> SignedHeader:
    commit = dataclasses.replace(signed.commit, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(signed, commit=commit)


def test_a_commit_of_something_else_proves_nothing() -> None:
    good = signed_by(header_at(4, SET), SET, KEYS)
    other = signed_by(header_at(4, SET, app_hash=bytes(32)), SET, KEYS)
    places = good.commit.signatures
    nil = tuple([dataclasses.replace(one, flag=FOR_NIL) for one in places])
    wrong = [
        SignedHeader(good.header, other.commit),
        SignedHeader(other.header, good.commit),
        _changed(other, block_id=good.commit.block_id),
        _changed(good, height=5),
        _changed(good, round=1),
        _changed(good, signatures=nil),
        _changed(good, signatures=places[:-1]),
        _changed(good, signatures=(*places, places[0])),
        _changed(good, signatures=(places[0],) * 4),
        _changed(good, signatures=(places[1], places[0], *places[2:])),
        _changed(good, signatures=(places[0], places[0], *places[2:])),
        _changed(good, signatures=(dataclasses.replace(places[0], address=bytes(20)), *places[1:])),
        _changed(good, signatures=(dataclasses.replace(places[0], flag=9), *places[1:])),
        _changed(
            good, block_id=dataclasses.replace(good.commit.block_id, parts_hash=bytes([9]) * 32)
        ),
        _changed(good, block_id=dataclasses.replace(good.commit.block_id, parts_total=0)),
        *[
            _changed(
                good, signatures=tuple([dataclasses.replace(one, time_ns=0) for one in places])
            )
        ],
    ]
    for signed in wrong:
        assert judged(signed) == "certificate_invalid"
        assert (
            refusal(lambda one=signed: verify_commit(one, SET, signatures.verify))  # type: ignore[misc]
            == "certificate_invalid"
        )


def test_what_is_signed_for_another_height_or_half_a_block_is_no_commit() -> None:
    """Whole sets that sign such things are more than f faulty; the form says no all the same."""
    good = signed_by(header_at(4, SET), SET, KEYS)
    half = BlockId(good.header.hash, 0, b"")
    for commit in (
        dataclasses.replace(good.commit, height=5),
        dataclasses.replace(good.commit, block_id=half),
    ):
        assert judged(SignedHeader(good.header, resigned(commit, KEYS))) == "certificate_invalid"
    assert judged(SignedHeader(good.header, resigned(good.commit, KEYS))) == 4


def resigned(commit: Commit, keys: list[SigningKey]) -> Commit:
    """The commit with every signature made anew, over what it says now."""
    by_address = {sha256(key.public_key).digest()[:20]: key for key in keys}
    places = [
        dataclasses.replace(
            one, signature=by_address[one.address].sign(commit.sign_bytes(CHAIN_ID, place))
        )
        for place, one in enumerate(commit.signatures)
    ]
    return dataclasses.replace(commit, signatures=tuple(places))


def test_one_signature_that_we_refuse_does_not_hide_a_block() -> None:
    """CometBFT's equation lets a faulty validator sign for its peers and not for us."""
    good = signed_by(header_at(4, SET), SET, KEYS)
    places = good.commit.signatures
    spoilt = dataclasses.replace(places[1], signature=bytes(64))
    one_bad = _changed(good, signatures=(places[0], spoilt, *places[2:]))
    assert judged(one_bad) == 3
    two_bad = _changed(good, signatures=(spoilt_at(places[0]), spoilt, *places[2:]))
    assert judged(two_bad) == "certificate_invalid"


def spoilt_at(place: CommitSignature) -> CommitSignature:
    """The same place with a signature that does not hold."""
    return dataclasses.replace(place, signature=bytes(64))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(["signs", "absent", "nil", "forged"]), min_size=7, max_size=7),
    st.integers(4, 30),
)
def test_only_what_more_than_two_thirds_signed_is_final(acts: list[str], height: int) -> None:
    keys = keys_named(*[f"member {number}" for number in range(7)])
    validators = set_of(keys)
    acts_of = dict(zip([one.address for one in validators.validators], acts, strict=True))
    absent = [one.public_key for one in validators.validators if acts_of[one.address] == "absent"]
    signed = signed_by(header_at(height, validators), validators, keys, absent=absent)
    places = list(signed.commit.signatures)
    for number, one in enumerate(places):
        act = acts_of.get(one.address)
        if act == "nil":
            places[number] = dataclasses.replace(one, flag=FOR_NIL)
        elif act == "forged":
            places[number] = spoilt_at(one)
    signed = _changed(signed, signatures=tuple(places))
    trusted = Trusted(header_at(3, validators), validators)
    count = sum([one.flag == FOR_BLOCK and acts_of[one.address] == "signs" for one in places])
    try:
        found = verify(trusted, signed, validators, NOW, signatures.verify)
    except Refused as refused:
        assert count <= 4
        assert refused.code in ("certificate_invalid", "trust_insufficient")
    else:
        assert found == count >= 5
