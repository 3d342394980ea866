"""The light client: what it believes, and every way of lying to it that we thought of."""

import dataclasses
import json
from pathlib import Path

import pytest

from consensus.certificates import Certificate
from consensus.votes import NOTARIZE
from ledger.objects import ACCOUNT, tree_key
from primitives.errors import Refused
from tests.wallet.chain import Chain
from tests.wallet.people import PEOPLE, Person, chain_with_people, other_chain, paid
from wallet.header_store import HeaderStore
from wallet.light.balances import verify_account
from wallet.light.bundles import HeaderBundle, bundle_from_json
from wallet.light.memory import HeaderConflict, HeaderMemory
from wallet.light.receipts import (
    LogPlace,
    Receipt,
    receipt_from_json,
    verify_inclusion,
    verify_receipt,
)
from wallet.light.trust import TrustedNetwork


@pytest.fixture
def chain() -> Chain:
    return chain_with_people()


@pytest.fixture
def network(chain: Chain) -> TrustedNetwork:
    return TrustedNetwork(chain.genesis)


def _bundle(chain: Chain, height: int) -> HeaderBundle:
    return bundle_from_json(chain.bundle(height))


def test_a_header_with_a_quorum_is_final(chain: Chain, network: TrustedNetwork) -> None:
    final = network.verify_final(_bundle(chain, 1))
    assert (final.height, final.vouched_by, final.members) == (1, 3, 4)


def test_a_certificate_is_checked_once(chain: Chain, network: TrustedNetwork) -> None:
    for _ in range(3):
        network.verify_final(_bundle(chain, 1))
    assert network.certificates_verified == 1


def test_a_descendants_certificate_suffices(chain: Chain, network: TrustedNetwork) -> None:
    headers = [block.header.encode() for block in chain.blocks[:3]]
    certificate = chain.blocks[2].certificate.encode()
    bundle = HeaderBundle(headers[0], certificate, tuple(headers[1:]))
    assert network.verify_final(bundle).height == 1


@pytest.mark.parametrize("skipped", [1, 2])
def test_a_gap_on_the_way_to_the_certificate_is_noticed(
    chain: Chain, network: TrustedNetwork, skipped: int
) -> None:
    headers = [block.header.encode() for block in chain.blocks[:3]]
    del headers[skipped]
    bundle = HeaderBundle(headers[0], chain.blocks[2].certificate.encode(), tuple(headers[1:]))
    with pytest.raises(Refused) as caught:
        network.verify_final(bundle)
    assert caught.value.code == "certificate_invalid"


def _changed(certificate: Certificate, **changes: object) -> bytes:
    return dataclasses.replace(certificate, **changes).encode()  # type: ignore[arg-type]


def test_certificates_that_prove_nothing(chain: Chain, network: TrustedNetwork) -> None:
    block = chain.blocks[0]
    good = block.certificate
    chain.signers = 2
    too_few = chain.certify(block.header).encode()
    chain.signers = 3
    forged = (good.signatures[0], good.signatures[0], good.signatures[2])
    bad = [
        too_few,
        chain.certify(block.header, kind=NOTARIZE).encode(),
        chain.blocks[1].certificate.encode(),
        _changed(good, signatures=forged),
        _changed(good, bitmap=b"\x0e"),
        _changed(good, bitmap=b"\x17"),
        _changed(good, bitmap=b"\x07\x00"),
        _changed(good, epoch=1),
        _changed(good, view=2),
        b"",
        b"\x90",
    ]
    for certificate in bad:
        with pytest.raises(Refused) as caught:
            network.verify_final(HeaderBundle(block.header.encode(), certificate))
        assert caught.value.code == "certificate_invalid"


def test_a_changed_header_is_not_the_certified_one(chain: Chain, network: TrustedNetwork) -> None:
    block = chain.blocks[0]
    header = dataclasses.replace(block.header, state_root=bytes(32))
    with pytest.raises(Refused):
        network.verify_final(HeaderBundle(header.encode(), block.certificate.encode()))


def test_another_network_is_named(network: TrustedNetwork) -> None:
    other = other_chain()
    with pytest.raises(Refused) as caught:
        network.verify_final(_bundle(other, 1))
    assert caught.value.code == "node_of_other_network"


def test_two_headers_at_one_height_raise_the_alarm(
    chain: Chain, network: TrustedNetwork, tmp_path: Path
) -> None:
    memory = HeaderMemory()
    first = _bundle(chain, 2)
    memory.remember(network.verify_final(first), first)
    header = dataclasses.replace(chain.blocks[1].header, time_ms=chain.blocks[1].header.time_ms + 1)
    second = HeaderBundle(header.encode(), chain.certify(header).encode())
    with pytest.raises(HeaderConflict) as caught:
        memory.remember(network.verify_final(second), second)
    file = HeaderStore(tmp_path / "headers.json", network).keep_evidence(caught.value)
    evidence = json.loads(file.read_text())
    for side in ("first", "second"):
        assert network.verify_final(bundle_from_json(evidence[side])).height == 2


def test_a_header_that_does_not_descend_raises_the_alarm(
    chain: Chain, network: TrustedNetwork
) -> None:
    header = dataclasses.replace(chain.blocks[1].header, parent_digest=bytes(32))
    stray = HeaderBundle(header.encode(), chain.certify(header).encode())
    for known in (1, 3):
        memory = HeaderMemory()
        bundle = _bundle(chain, known)
        memory.remember(network.verify_final(bundle), bundle)
        with pytest.raises(HeaderConflict):
            memory.remember(network.verify_final(stray), stray)


def test_the_memory_survives_on_disk_and_never_forgets_the_newest(
    chain: Chain, network: TrustedNetwork, tmp_path: Path
) -> None:
    store = HeaderStore(tmp_path / "headers.json", network)
    memory = HeaderMemory()
    for height in (3, 1, 2):
        bundle = _bundle(chain, height)
        memory.remember(network.verify_final(bundle), bundle)
    store.save(memory)
    store.save(HeaderMemory())
    again = HeaderMemory()
    HeaderStore(tmp_path / "headers.json", TrustedNetwork(chain.genesis)).load(again)
    assert again.newest_height == 3


def test_a_balance_is_proved(chain: Chain, network: TrustedNetwork) -> None:
    person = PEOPLE[0]
    answer = chain.object_answer(tree_key(ACCOUNT, person.account_id), None)
    final = network.verify_final(_bundle(chain, chain.height))
    raw, proof = bytes.fromhex(str(answer["object"])), bytes.fromhex(str(answer["proof"]))
    account = verify_account(final, person.account_id, raw, proof)
    assert account is not None
    assert account.balance_minor == 100_000
    richer = account._replace(balance_minor=200_000).encode()
    earlier = network.verify_final(_bundle(chain, 1))
    for bad_final, id, object_raw, bad_proof in [
        (final, person.account_id, richer, proof),
        (earlier, person.account_id, raw, proof),
        (final, PEOPLE[1].account_id, raw, proof),
        (final, person.account_id, None, proof),
        (final, person.account_id, raw, proof[:-1]),
        (final, person.account_id, raw, proof[:-1] + bytes([proof[-1] ^ 1])),
    ]:
        with pytest.raises(Refused):
            verify_account(bad_final, id, object_raw, bad_proof)


def test_an_absence_is_proved(chain: Chain, network: TrustedNetwork) -> None:
    stranger = Person.named("stranger")
    answer = chain.object_answer(tree_key(ACCOUNT, stranger.account_id), None)
    final = network.verify_final(_bundle(chain, chain.height))
    proof = bytes.fromhex(str(answer["proof"]))
    assert verify_account(final, stranger.account_id, None, proof) is None
    with pytest.raises(Refused):
        verify_account(final, PEOPLE[0].account_id, None, proof)


def _receipt(chain: Chain, *, place: bool = True) -> Receipt:
    transaction = paid(chain, PEOPLE[0], PEOPLE[1], 250, note="pain")
    chain.seal()
    answer = chain.transaction_answer(transaction.id)
    found = None
    if place:
        found = LogPlace(
            int(str(answer["number"])),
            bytes.fromhex(str(answer["receipt"])),
            _bundle(chain, int(str(answer["receipt_height"]))),
        )
    return Receipt(
        network_id=chain.network_id,
        raw=transaction.raw,
        bundle=_bundle(chain, int(str(answer["height"]))),
        inclusion=bytes.fromhex(str(answer["inclusion"])),
        place=found,
        note="pain",
        note_salt=bytes(32),
    )


@pytest.mark.parametrize("place", [True, False])
def test_a_receipt_proves_a_payment(chain: Chain, network: TrustedNetwork, place: bool) -> None:
    receipt = _receipt(chain, place=place)
    again = receipt_from_json(json.loads(json.dumps(receipt.to_json())))
    assert again == receipt
    verified = verify_receipt(network, again)
    assert verified.note == "pain"
    assert (verified.number is not None) == place


def test_a_receipt_that_was_changed_proves_nothing(chain: Chain, network: TrustedNetwork) -> None:
    receipt = _receipt(chain)
    other = _receipt(chain)
    assert receipt.place is not None
    assert other.place is not None
    wrong = [
        dataclasses.replace(receipt, raw=other.raw),
        dataclasses.replace(receipt, inclusion=other.inclusion[:-1] + b"\x00"),
        dataclasses.replace(receipt, bundle=other.bundle),
        dataclasses.replace(receipt, note="gateau"),
        dataclasses.replace(receipt, note_salt=bytes(31) + b"\x01"),
        dataclasses.replace(receipt, place=other.place),
        dataclasses.replace(
            receipt, place=dataclasses.replace(receipt.place, number=receipt.place.number + 1)
        ),
        dataclasses.replace(receipt, raw=receipt.raw[:-1] + bytes([receipt.raw[-1] ^ 1])),
    ]
    for bad in wrong:
        with pytest.raises(Refused) as caught:
            verify_receipt(network, bad)
        assert caught.value.code == "receipt_invalid"
    with pytest.raises(Refused) as caught:
        verify_receipt(network, dataclasses.replace(receipt, network_id=bytes(32)))
    assert caught.value.code == "network_mismatch"


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"}, {"version": 2}, {"header": None}, {"header": {"header": "zz"}},
        {"inclusion": 5}, {"log": {"number": -1}}, {"note": "x" * 141},
        {"note": "pain »\n1000.00 ARD", "note_salt": "00" * 32}, {"transaction": "0"},
    ],
)  # fmt: skip
def test_a_malformed_receipt_is_named(chain: Chain, change: dict[str, object]) -> None:
    content = {**_receipt(chain).to_json(), **change}
    with pytest.raises(Refused) as caught:
        receipt_from_json(content)
    assert caught.value.code in ("receipt_malformed", "version_unknown")


def test_inclusion_under_another_block_is_none(chain: Chain, network: TrustedNetwork) -> None:
    transaction = paid(chain, PEOPLE[0], PEOPLE[1], 1)
    answer = chain.transaction_answer(transaction.id)
    inclusion = bytes.fromhex(str(answer["inclusion"]))
    height = int(str(answer["height"]))
    verify_inclusion(network.verify_final(_bundle(chain, height)), transaction.id, inclusion)
    for final in (network.verify_final(_bundle(chain, one)) for one in range(1, height)):
        with pytest.raises(Refused):
            verify_inclusion(final, transaction.id, inclusion)
