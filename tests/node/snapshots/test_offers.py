"""Offers of snapshots, whatever bytes they are; Hypothesis bends valid ones."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.header import Header
from node.epochs import Epoch
from node.peers.groups import pack_group
from node.snapshots.manifest import Manifest
from node.snapshots.offers import (
    Offer,
    check_offer,
    is_of_known_epoch,
    pack_part_asked,
    read_height_asked,
    read_offer,
    read_part_asked,
)
from node.snapshots.parts import SlotEntry, objects_root, pack_entry, pack_objects, read_objects
from primitives.encoding import encode
from primitives.errors import Refused
from primitives.merkle import EMPTY_LEAF
from primitives.tree_proofs import KEY_MAX, KEY_MIN
from tests.consensus.test_codec import HEADER, certificate_of
from tests.node.town import found

SENTINEL = SlotEntry(0, KEY_MIN, KEY_MAX, b"")
ROOT = objects_root([SENTINEL], 0, 1, 12)
MANIFEST = Manifest(HEADER, 1, 12, (ROOT,), 0, (), EMPTY_LEAF)
CHUNK = pack_objects([pack_entry(SENTINEL)])
GENESIS = found(4, [1, 2, 3, 4])
MEMBERS = Epoch.first(GENESIS).members


def offer_of(header: Header) -> Offer:
    return Offer(replace(MANIFEST, header=header), certificate_of([0, 1, 2]), ())


def test_of_a_later_epoch_is_no_lie_and_of_no_use() -> None:
    set_of = {0: MEMBERS}.get
    now = replace(HEADER, epoch=0, next_set_hash=None, closing=False)
    end = replace(now, next_set_hash=bytes(32))

    def is_known(header: Header, begun: dict[int, bytes]) -> bool:
        return is_of_known_epoch(offer_of(header), set_of, begun.get)

    assert is_known(now, {})
    assert not is_known(replace(now, epoch=3), {})
    # The end of an epoch is of use where it is known what it begins, and as that very block.
    assert not is_known(end, {})
    assert not is_known(end, {1: now.digest})
    assert is_known(end, {1: end.digest})


def test_nothing_uncertified_is_believed() -> None:
    with pytest.raises(Refused):
        check_offer(offer_of(replace(HEADER, epoch=0)), HEADER.network_id, {0: MEMBERS}.get)


def test_one_form_alone() -> None:
    raw = MANIFEST.encode()
    assert Manifest.decode(raw) == MANIFEST
    for at in (1, 3):
        fields = ["snapshot", 1, HEADER.encode(), 1, 12, ROOT, 0, b"", EMPTY_LEAF]
        fields[at] = True
        with pytest.raises(Refused):
            Manifest.decode(encode(tuple(fields)))  # type: ignore[arg-type]


def form_of_offer(offer: Offer | None) -> bytes:
    if offer is None:
        return pack_group([])
    headers = [header.encode() for header in offer.between]
    return pack_group([offer.manifest.encode(), offer.certificate.encode(), *headers])


def form_of_chunk(entries: list[SlotEntry]) -> bytes:
    return pack_objects([pack_entry(entry) for entry in entries])


FORMS: list[tuple[Callable[[bytes], Any], Callable[[Any], bytes], bytes]] = [
    (read_offer, form_of_offer, form_of_offer(offer_of(HEADER))),
    (Manifest.decode, Manifest.encode, MANIFEST.encode()),
    (read_part_asked, lambda asked: pack_part_asked(*asked), pack_part_asked(7, 3)),
    (lambda raw: read_objects(raw, 0, 1, 12), form_of_chunk, CHUNK),
]


def judged(read: Callable[[bytes], Any], form: Callable[[Any], bytes], raw: bytes) -> bool:
    """Whether `raw` is taken; then there must be no other form of it."""
    try:
        found = read(raw)
    except Refused as refusal:
        assert refusal.code
        return False
    assert form(found) == raw, "two forms of one thing"
    return True


def test_valid_forms_are_taken() -> None:
    assert all(judged(read, form, valid) for read, form, valid in FORMS)


@given(st.sampled_from(FORMS), st.integers(0, 400), st.integers(1, 255), st.binary(max_size=200))
def test_bent_bytes_are_refused_or_of_one_form(
    target: tuple[Callable[[bytes], Any], Callable[[Any], bytes], bytes],
    at: int,
    change: int,
    noise: bytes,
) -> None:
    read, form, valid = target
    bent = bytearray(valid)
    bent[at % len(bent)] ^= change
    for raw in (bytes(bent), valid[: at % len(valid)], valid + noise[:1] * 2, noise):
        judged(read, form, raw)


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_bent_chunk_has_another_root(at: int, change: int) -> None:
    bent = bytearray(CHUNK)
    bent[at % len(bent)] ^= change
    try:
        entries = read_objects(bytes(bent), 0, 1, 12)
    except Refused:
        return
    assert objects_root(entries, 0, 1, 12) != ROOT


@pytest.mark.parametrize("length", [1, 7, 9, 200])
def test_a_height_is_whole_or_nothing(length: int) -> None:
    assert read_height_asked(b"") == 0
    assert read_height_asked((5).to_bytes(8, "big")) == 5
    with pytest.raises(Refused, match="peer_malformed"):
        read_height_asked(bytes(length))
