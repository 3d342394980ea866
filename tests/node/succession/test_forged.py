"""What a new genesis may not be: every way of taking over a network without the right to it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.certificates import Certificate
from ledger.account_kinds import RESIDENT
from ledger.envelope import assemble, build_body
from ledger.fields import PAYMENT_PAY
from ledger.genesis import DRAFT_KIND, Genesis
from ledger.objects import Account, decode_object
from ledger.payments import pay_fields
from ledger.succession import Endorsement, FormerMember, Succession, endorse
from node.chain import Chain
from node.chain_records import BODY, number_key
from node.genesis_file import engine_file, read_genesis, write_genesis
from node.peers.certificates import make_authority
from node.store import open_store
from node.succession.taking_over import take_over
from node.succession.words import succession_data, succession_lines
from primitives.encoding import encode
from primitives.errors import Refused
from tests.node.succession.ruin import Ruin, endorsed
from tests.node.town import key_of


def code_of(work: Callable[[], object]) -> str | None:
    """What it is refused with."""
    try:
        work()
    except Refused as refusal:
        return refusal.code
    return None


def read_back(genesis: Genesis, folder: Path) -> str | None:
    """What reading this genesis is refused with."""
    file = folder / "forged.json"
    file.write_text(genesis.to_json())
    return code_of(lambda: read_genesis(file))


def named(genesis: Genesis) -> Succession:
    """What it takes over; it takes over something."""
    if genesis.succession is None:
        raise AssertionError
    return genesis.succession


def changed(draft: Genesis, **fields: object) -> Genesis:
    """A draft that says another thing of its predecessor."""
    return replace(draft, succession=replace(named(draft), **fields))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def draft(once: Ruin) -> Genesis:
    return once.draft(once.highest(*range(4)))


def test_more_than_half_is_enough_and_half_is_not(draft: Genesis, tmp_path: Path) -> None:
    assert read_back(endorsed(draft, 0, 1, 3), tmp_path) is None
    assert read_back(endorsed(draft, 0, 1), tmp_path) == "endorsements_insufficient"
    assert read_back(draft, tmp_path) == "endorsements_insufficient"


def test_the_id_is_the_drafts_whoever_endorsed_it(draft: Genesis) -> None:
    assert endorsed(draft, 0, 1, 2).network_id == endorsed(draft, 1, 2, 3).network_id
    assert endorsed(draft, 0, 1, 2).endorsed_by() == ("town0", "town1", "town2")


def test_a_key_counts_once(draft: Genesis, tmp_path: Path) -> None:
    genesis = endorsed(draft, 0, 1)
    twice = replace(genesis, endorsements=(*genesis.endorsements, genesis.endorsements[0]))
    assert read_back(twice, tmp_path) == "endorsement_invalid"


@pytest.mark.parametrize("name", ["stranger", "town2 voting", "town2 issuer", "town2 staff"])
def test_only_recovery_keys_of_the_last_set_count(
    draft: Genesis, tmp_path: Path, name: str
) -> None:
    genesis = endorsed(draft, 0, 1)
    other = endorse(key_of(name), draft.network_id, encode(draft.value()))
    forged = replace(genesis, endorsements=(*genesis.endorsements, other))
    assert read_back(forged, tmp_path) == "endorsement_invalid"


def test_nothing_may_change_after_endorsement(draft: Genesis, tmp_path: Path) -> None:
    genesis = endorsed(draft, 0, 1, 2)
    alterations = [
        replace(genesis, time_ms=genesis.time_ms + 1),
        replace(genesis, territories=genesis.territories[:3]),
        changed(genesis, state_root=bytes(32)),
    ]
    for altered in alterations:
        assert read_back(altered, tmp_path) == "endorsement_invalid"


def test_an_endorsement_of_another_draft_is_none(draft: Genesis, tmp_path: Path) -> None:
    other = endorsed(replace(draft, time_ms=draft.time_ms + 1), 0, 1, 2)
    forged = replace(draft, endorsements=other.endorsements)
    assert read_back(forged, tmp_path) == "endorsement_invalid"
    # Nor is one whose bytes were changed.
    first, *rest = endorsed(draft, 0, 1, 2).endorsements
    bent = Endorsement(first.recovery_key, bytes([first.signature[0] ^ 1]) + first.signature[1:])
    assert read_back(replace(draft, endorsements=(bent, *rest)), tmp_path) == "endorsement_invalid"


def test_the_last_block_must_be_proved_final(draft: Genesis, tmp_path: Path) -> None:
    succession = named(draft)
    certificate = Certificate.decode(succession.certificate)
    signatures = certificate.signatures
    few = replace(certificate, bitmap=bytes([0b0011]), signatures=signatures[:2])
    kinds = replace(certificate, kind=1)
    forged = [
        changed(draft, certificate=few.encode()),
        changed(draft, certificate=kinds.encode()),
        changed(draft, certificate=b"\x00"),
        changed(draft, header=succession.header[:-1]),
        changed(draft, height=succession.height + 1),
        changed(draft, epoch=succession.epoch + 1),
        changed(draft, predecessor=bytes(32)),
        changed(draft, signers=succession.members),
        changed(draft, between=(succession.header,)),
    ]
    for one in forged:
        assert read_back(endorsed(one, 0, 1, 2), tmp_path) == "succession_unproved"


def test_it_begins_just_after_what_it_goes_on_from(draft: Genesis, tmp_path: Path) -> None:
    """One that begins next year stands still until then."""
    for time_ms in (draft.time_ms - 1, draft.time_ms + 1, draft.time_ms + 31_536_000_000):
        forged = replace(draft, time_ms=time_ms)
        assert read_back(endorsed(forged, 0, 1, 2), tmp_path) == "succession_unproved"


def test_a_set_of_ones_own_does_not_endorse(draft: Genesis, tmp_path: Path) -> None:
    """Whoever makes up the last set would need a certificate by it."""
    keys = [key_of(f"town{index} recovery") for index in range(4)]
    rows = [
        FormerMember(key_of(f"liar{index}").public_key, key.public_key, f"town{index}")
        for index, key in enumerate(keys)
    ]
    forged = changed(draft, members=tuple(sorted(rows)))
    assert read_back(endorsed(forged, 0, 1, 2), tmp_path) == "succession_unproved"
    # Only the recovery keys are made up: then no set hash and no wallet knows them, and a node
    # that holds the chain refuses.
    stolen = tuple(
        row._replace(recovery_key=key_of(f"liar {row.prefix}").public_key)
        for row in named(draft).members
    )
    liars = [key_of(f"liar town{index}") for index in range(3)]
    taken = changed(draft, members=stolen)
    content = encode(taken.value())
    made = tuple(sorted(endorse(key, taken.network_id, content) for key in liars))
    assert read_back(replace(taken, endorsements=made), tmp_path) is None


def test_recovery_keys_that_were_never_registered_take_over_no_node(
    draft: Genesis, copied: Callable[[], Ruin]
) -> None:
    ruin = copied()
    stolen = tuple(
        row._replace(recovery_key=key_of(f"liar {row.prefix}").public_key)
        for row in named(draft).members
    )
    taken = changed(draft, members=stolen)
    content = encode(taken.value())
    made = [endorse(key_of(f"liar town{i}"), taken.network_id, content) for i in range(3)]
    write_genesis(ruin.new_file, replace(taken, endorsements=tuple(sorted(made))), "simplex")
    source = ruin.highest(*range(4))
    assert code_of(lambda: take_over(ruin.plan(source))) == "succession_differs"


def test_a_draft_is_no_genesis(draft: Genesis, tmp_path: Path) -> None:
    file = tmp_path / "draft.json"
    file.write_text(endorsed(draft, 0, 1, 2).to_json(DRAFT_KIND))
    assert code_of(lambda: read_genesis(file)) == "genesis_malformed"


def test_a_genesis_file_of_no_successor_has_no_predecessor(draft: Genesis, tmp_path: Path) -> None:
    content = json.loads(endorsed(draft, 0, 1, 2).to_json())
    file = tmp_path / "cut.json"
    for version in (1, 2, 3):
        cut = {name: value for name, value in content.items() if name != "succession"}
        file.write_text(json.dumps({**cut, "version": version}))
        assert code_of(lambda: read_genesis(file)) in (
            "genesis_invalid",
            "genesis_malformed",
            "version_unknown",
        )


def test_a_node_takes_over_only_the_state_it_holds(
    draft: Genesis, copied: Callable[[], Ruin]
) -> None:
    """Whatever more than half endorse, a node goes on from its own state or not at all."""
    quota = replace(draft.parameters, refund_days_max=61)
    renamed = replace(draft.territories[1], name="Other")
    cases = {
        "state_root_differs": [changed(draft, state_root=bytes(32))],
        "succession_differs": [
            replace(draft, parameters=quota),
            replace(draft, rule_version=1),
            replace(draft, demo=not draft.demo),
            replace(draft, territories=draft.territories[:3]),
            replace(draft, territories=(draft.territories[0], renamed, *draft.territories[2:])),
        ],
    }
    ruin = copied()
    source = ruin.highest(*range(4))
    for code, forged in cases.items():
        for one in forged:
            for file in (ruin.new_file, engine_file(ruin.new_file)):
                file.unlink(missing_ok=True)
            ruin.agree(one, 0, 1, 2)
            assert code_of(lambda: take_over(ruin.plan(source))) == code
    # The old network's data is as it was.
    assert ruin.height(source) == draft.height


def test_a_last_block_that_nobody_signed_is_drafted_by_nobody(
    draft: Genesis, copied: Callable[[], Ruin]
) -> None:
    """No header names the state after the last block: whoever holds it alone, and writes a payment
    of their own into its place, would have it endorsed and given to all others."""
    ruin = copied()
    source = ruin.highest(*range(4))
    other = next(index for index in range(4) if index != source)
    _forge_last_block(ruin, source)
    assert code_of(lambda: ruin.draft(source)) == "store_corrupt"
    ruin.agree(draft, 0, 1, 2)
    ruin.lose(other)
    plan = ruin.plan(other, ruin.town.store(source))
    assert code_of(lambda: take_over(plan)) == "store_corrupt"


def _forge_last_block(ruin: Ruin, index: int) -> None:
    """Put a payment by somebody who has money, with a signature of zeroes, into the last body."""
    store = open_store(ruin.town.store(index), ruin.town.store_kind)
    try:
        chain = Chain(store)
        newest = chain.newest
        assert newest is not None
        accounts = [decode_object(raw) for _, raw in chain.newest_objects()]
        payer, payee = sorted(
            [one for one in accounts if isinstance(one, Account) and one.kind == RESIDENT],
            key=lambda one: -one.balance_minor,
        )[:2]
        assert payer.balance_minor > 0
        device = payer.devices[0]
        body = build_body(
            PAYMENT_PAY,
            ruin.old.network_id,
            created_ms=newest.header.time_ms,
            valid_until_ms=newest.header.time_ms + 60_000,
            account=payer.id,
            device=device.key,
            number=device.high + 1,
            fields=pay_fields(payee.id, payer.currency, payer.balance_minor, None),
        )
        forged = encode(("body", 1, (assemble(body, bytes(64), ()),)))
        store.write([(number_key(BODY, chain.height), forged)], sync=True)
    finally:
        store.close()


def test_who_endorses_sees_where_members_are_and_which_keys_are_new(draft: Genesis) -> None:
    """Whoever drafts could name a node of their own as another's: it would stand in its place."""
    honest, kept = draft.territories[1], draft.territories[2]
    key = key_of("liar voting")
    taken = replace(honest, voting_key=key.public_key, authority_der=make_authority(key))
    moved = replace(kept, http="liar.example:443")
    forged = replace(draft, territories=(draft.territories[0], taken, moved, draft.territories[3]))
    shown = succession_lines(forged)
    for said in (key.public_key.hex(), "liar.example:443", honest.recovery_key.hex()):
        assert said in shown and (said not in succession_lines(draft))
    places = succession_data(forged)["places"]
    assert isinstance(places, dict) and places[kept.prefix]["http"] == "liar.example:443"


def test_the_same_draft_is_the_same_network(draft: Genesis, copied: Callable[[], Ruin]) -> None:
    """Two town halls that draft from the same block need not choose between their drafts."""
    ruin = copied()
    source = ruin.highest(*range(4))
    assert ruin.draft(source).network_id == draft.network_id
    assert ruin.draft(source, without=["town3"]).network_id != draft.network_id
