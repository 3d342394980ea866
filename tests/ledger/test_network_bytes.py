"""The bytes of proposals, votes and moves: read as written, refused otherwise, and bounded."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ledger.changes import (
    COST_MAX,
    AddMember,
    ChangeParameter,
    ChangeRules,
    PauseMember,
    RemoveMember,
    ReplaceKeys,
    ResumeMember,
    change_of,
    cost_of,
)
from ledger.envelope import COSIGNERS_MAX, sign_transaction
from ledger.families import RULE_VERSIONS, count_work
from ledger.fields import NETWORK_MOVE, NETWORK_PROPOSE, NETWORK_VOTE
from ledger.figures import FIGURES, TRANSACTION_BYTES_FLOOR, check_figures
from ledger.founders import GenesisCurrency, Territory
from ledger.rules import BLOCK_WORK_FLOOR, PARAMETER_NAMES, RULE_VERSION, Parameters
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from tests.ledger.council import Council, proposal_id, town
from tests.ledger.world import key, refusal_of

LINES = ChangeParameter("lines_max", 100)
NEW_KEY = key("new").public_key


@pytest.fixture
def world() -> Council:
    return Council()


def refused_bytes(world: Council, kind: str, fields: Sequence[Value]) -> str | None:
    body = world.body(kind, town("aube").account_id, key("aube staff"), fields)
    return refusal_of(world, sign_transaction(body, world.network_id, key("aube staff")))


ID = proposal_id("lines")
SHAPE = "encoding_not_canonical"
EDEN = town("eden").value()
WRONG_POINT = bytes(32)


def eden(**changes: object) -> Value:
    """The encoded territory with other values at some places."""
    names = [field.name for field in dataclasses.fields(Territory)]
    if not isinstance(EDEN, tuple):
        raise TypeError
    return tuple([changes.get(name, value) for name, value in zip(names, EDEN, strict=True)])  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        (NETWORK_PROPOSE, (ID,), SHAPE),
        (NETWORK_PROPOSE, (ID[:15], LINES.value()), SHAPE),
        (NETWORK_PROPOSE, (ID, LINES.value(), 1), SHAPE),
        (NETWORK_PROPOSE, (ID, ()), SHAPE),
        (NETWORK_PROPOSE, (ID, (1,)), SHAPE),
        (NETWORK_PROPOSE, (ID, ("dissolve",)), "change_unknown"),
        (NETWORK_PROPOSE, (ID, ("remove",)), SHAPE),
        (NETWORK_PROPOSE, (ID, ("remove", "aube", 1)), SHAPE),
        (NETWORK_PROPOSE, (ID, ("remove", b"aube")), SHAPE),
        (NETWORK_PROPOSE, (ID, ("pause", 1)), SHAPE),
        (NETWORK_PROPOSE, (ID, ("resume", None)), SHAPE),
        (NETWORK_PROPOSE, (ID, ("keys", "aube", None, None, None)), SHAPE),
        (NETWORK_PROPOSE, (ID, ("keys", "aube", None, None, None, None)), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("keys", "aube", NEW_KEY, None, None, None)), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("keys", "aube", None, b"", None, None)), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("keys", "aube", None, bytes(2_049), None, None)), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("keys", "aube", None, 1, None, None)), SHAPE),
        (
            NETWORK_PROPOSE,
            (ID, ("keys", "aube", NEW_KEY[1:], b"x", None, None)),
            SHAPE,
        ),
        (NETWORK_PROPOSE, (ID, ("keys", "aube", None, None, WRONG_POINT, None)), "key_invalid"),
        (NETWORK_PROPOSE, (ID, ("keys", "aube", None, None, None, WRONG_POINT)), "key_invalid"),
        (NETWORK_PROPOSE, (ID, ("parameter", "lines_max", "1")), SHAPE),
        (NETWORK_PROPOSE, (ID, ("parameter", "lines_max", -1)), SHAPE),
        (NETWORK_PROPOSE, (ID, ("parameter", "lines", 1)), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("rules", "2")), SHAPE),
        (NETWORK_PROPOSE, (ID, ("add", EDEN[:-1])), SHAPE),  # type: ignore[index]
        (NETWORK_PROPOSE, (ID, ("add", eden(prefix="E"))), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("add", eden(peer=""))), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("add", eden(authority_der=bytes(2_049)))), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("add", eden(authority_der="x"))), SHAPE),
        (NETWORK_PROPOSE, (ID, ("add", eden(voting_key=WRONG_POINT))), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("add", eden(voting_key=b""))), SHAPE),
        (NETWORK_PROPOSE, (ID, ("add", eden(signing_keys=()))), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("add", eden(signing_keys=(NEW_KEY,) * 16))), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("add", eden(signing_threshold=True))), SHAPE),
        (NETWORK_PROPOSE, (ID, ("add", eden(issuer_threshold=2))), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("add", eden(currencies=()))), "change_invalid"),
        (NETWORK_PROPOSE, (ID, ("add", eden(currencies=((1,),)))), SHAPE),
        (NETWORK_PROPOSE, (ID, ("add", eden(wage_cap_bps=1_001))), "change_invalid"),
        (NETWORK_VOTE, (ID,), SHAPE),
        (NETWORK_VOTE, (ID, 1), SHAPE),
        (NETWORK_VOTE, (b"", True), SHAPE),
        (NETWORK_MOVE, ("a:1",), SHAPE),
        (NETWORK_MOVE, ("a:1", 2), SHAPE),
        (NETWORK_MOVE, ("a:1", ""), "change_invalid"),
        (NETWORK_MOVE, ("a\n", "b:1"), "change_invalid"),
        (NETWORK_MOVE, ("a" * 201, "b:1"), "change_invalid"),
    ],
)
def test_bytes_that_say_no_change(
    world: Council, kind: str, fields: Sequence[Value], code: str
) -> None:
    assert refused_bytes(world, kind, fields) == code


def test_changes_are_read_as_they_were_written() -> None:
    for change in (
        AddMember(town("eden")),
        AddMember(replace(town("eden"), cometbft_key=NEW_KEY)),
        RemoveMember("aube"),
        PauseMember("aube"),
        ResumeMember("aube"),
        ReplaceKeys("aube", NEW_KEY, b"x", NEW_KEY, NEW_KEY),
        ReplaceKeys("aube", cometbft_key=NEW_KEY),
        LINES,
        ChangeRules(3),
    ):
        assert change_of(decode(encode(change.value()))) == change


def test_a_vote_is_counted_as_the_largest_change_it_may_enact() -> None:
    """Nor can any proposal outgrow half of the smallest block."""
    keys = [key(f"many {number}").public_key for number in range(28)]
    largest = replace(
        town("eden"),
        currencies=tuple([GenesisCurrency(f"E{number}") for number in range(8)]),
        signing_keys=tuple(keys[:14]),
        issuer_keys=tuple(keys[14:]),
        cometbft_key=NEW_KEY,
    )
    assert cost_of(AddMember(largest)) == COST_MAX
    families = RULE_VERSIONS[RULE_VERSION]
    signers = 1 + COSIGNERS_MAX
    world = Council()
    proposal = world.propose("aube", "largest", AddMember(largest))
    assert proposal.work == count_work(families[NETWORK_PROPOSE], 2, proposal.fields)
    vote = world.vote("aube", "largest")
    assert vote.work == proposal.work
    assert count_work(families[NETWORK_PROPOSE], signers, proposal.fields) <= BLOCK_WORK_FLOOR // 2
    block = world.block(proposal)
    world.block(world.vote("brume", "largest"))
    enacting = world.block(world.vote("cendre", "largest"))
    assert len(block.changes if not block.committed else block.replaced) == 3
    assert len(enacting.replaced) == 4 + COST_MAX.objects


def test_the_largest_proposal_fits_under_any_voted_bound() -> None:
    keys = [key(f"many {number}").public_key for number in range(28)]
    text = "€" * 200
    largest = replace(
        town("eden"),
        prefix="abcdefghijkl",
        name=text,
        peer=text,
        http=text,
        authority_der=bytes(2_048),
        currencies=tuple(
            [
                GenesisCurrency(
                    f"ABCDEF{number}",
                    redeem_kinds=("commons", "employer", "resident", "service"),
                )
                for number in range(8)
            ]
        ),
        signing_keys=tuple(keys[:14]),
        issuer_keys=tuple(keys[14:]),
        cometbft_key=NEW_KEY,
        two_signers_above_minor=2**53 - 1,
    )
    world = Council()
    proposal = world.propose("aube", "largest", AddMember(largest))
    cosignatures = 14 * (32 + 64 + 8)
    assert len(proposal.raw) + cosignatures < TRANSACTION_BYTES_FLOOR


@pytest.mark.parametrize("name", PARAMETER_NAMES)
def test_every_parameter_has_bounds_that_hold_its_first_value(name: str) -> None:
    least, most = FIGURES[name]
    assert least <= getattr(Parameters(), name) <= most
    for figure in (least - 1, most + 1):
        with pytest.raises(Refused):
            check_figures(replace(Parameters(), **{name: figure}), name)
