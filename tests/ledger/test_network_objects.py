"""What the state says of the network is read back exactly, and nothing else is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.changes import (
    AddMember,
    Change,
    ChangeParameter,
    ChangeRules,
    PauseMember,
    RemoveMember,
    ReplaceKeys,
    ResumeMember,
)
from ledger.network_objects import (
    BALLOT_TREE_KEY,
    NETWORK_TREE_KEY,
    PROPOSAL,
    BallotRecord,
    MemberKeyRecord,
    NetworkMember,
    NetworkRecord,
    NetworkTerms,
    OpenProposal,
    ProposalRecord,
    member_key_tree_key,
)
from ledger.objects import StateObject, decode_object, tree_key
from ledger.rules import PARAMETER_NAMES, Parameters
from primitives.encoding import decode, encode
from primitives.errors import Refused
from primitives.hashing import hash_items
from tests.ledger.council import town

COUNTS = st.integers(0, 2**53 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = st.binary(min_size=32, max_size=32)
PROPOSAL_IDS = st.binary(min_size=16, max_size=16)
PREFIXES = st.lists(TEXTS, max_size=3).map(tuple)
MEMBERS = st.builds(
    NetworkMember,
    TEXTS,
    KEYS,
    KEYS,
    st.binary(max_size=9),
    TEXTS,
    TEXTS,
    st.none() | KEYS,
    st.booleans(),
)
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.builds(RemoveMember, TEXTS),
    st.builds(PauseMember, TEXTS),
    st.builds(ResumeMember, TEXTS),
    st.builds(ChangeRules, COUNTS),
    st.builds(ChangeParameter, st.sampled_from(PARAMETER_NAMES), COUNTS),
    st.builds(
        ReplaceKeys, TEXTS, st.none(), st.binary(min_size=1, max_size=9), st.none(), st.none()
    ),
    st.builds(AddMember, st.sampled_from([town("eden"), town("fagne")])),
)
NETWORK_OBJECTS: st.SearchStrategy[StateObject] = st.one_of(
    st.builds(
        NetworkRecord,
        st.just(NETWORK_TREE_KEY),
        st.builds(
            NetworkTerms, st.lists(MEMBERS, max_size=3).map(tuple), st.just(Parameters()), COUNTS
        ),
        COUNTS,
    ),
    st.builds(
        BallotRecord,
        st.just(BALLOT_TREE_KEY),
        st.lists(st.builds(OpenProposal, PROPOSAL_IDS, TEXTS, COUNTS), max_size=3).map(tuple),
        st.lists(PROPOSAL_IDS, max_size=3).map(tuple),
    ),
    st.builds(
        lambda identity, *rest: ProposalRecord(tree_key(PROPOSAL, identity), identity, *rest),
        PROPOSAL_IDS,
        TEXTS,
        CHANGES,
        KEYS,
        COUNTS,
        PREFIXES,
        PREFIXES,
        COUNTS,
    ),
    st.builds(
        lambda use, key, prefix: MemberKeyRecord(member_key_tree_key(use, key), use, key, prefix),
        st.integers(1, 3),
        KEYS,
        TEXTS,
    ),
)


@given(NETWORK_OBJECTS)
def test_what_is_stored_is_read_back(item: StateObject) -> None:
    raw = item.encode()
    assert decode_object(raw) == item
    assert type(decode_object(raw)) is type(item)
    identity: str | bytes = ""
    if isinstance(item, MemberKeyRecord):
        identity = bytes([item.use]) + item.key
    elif isinstance(item, ProposalRecord):
        identity = item.id
    assert item.tree_key == hash_items("key", [decode(raw)[0], identity])  # type: ignore[index]


@given(NETWORK_OBJECTS, st.data())
def test_a_value_of_another_type_is_refused(item: StateObject, data: st.DataObject) -> None:
    value: list[Any] = list(decode(item.encode()))  # type: ignore[arg-type]
    place = data.draw(st.integers(2, len(value) - 1))
    wrong: list[Any] = [None, True, -1, 2**53, [[1]]]
    if isinstance(value[place], bytes):
        wrong += [value[place] + b"x", value[place][1:], "x"]
    value[place] = data.draw(st.sampled_from(wrong))
    with pytest.raises(Refused) as caught:
        decode_object(encode(value))
    assert caught.value.code in ("encoding_not_canonical", "genesis_malformed")


@given(
    st.builds(NetworkTerms, st.lists(MEMBERS, max_size=3).map(tuple), st.just(Parameters()), COUNTS)
)
def test_terms_are_read_back(terms: NetworkTerms) -> None:
    assert NetworkTerms.decode(decode(encode(terms.value()))) == terms
