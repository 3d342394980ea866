"""Offers of snapshots, whatever bytes they are; Hypothesis bends valid ones."""

from dataclasses import replace

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
    assert is_of_known_epoch(offer_of(now), set_of)
    assert not is_of_known_epoch(offer_of(replace(now, epoch=3)), set_of)
    assert not is_of_known_epoch(offer_of(replace(now, next_set_hash=bytes(32))), set_of)


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


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_bent_bytes_are_refused_or_read(noise: bytes, at: int, byte: int) -> None:
    items = [MANIFEST.encode(), b"", b""]
    offer = bytearray(pack_group(items[:2]))
    offer[at % len(offer)] ^= byte
    chunk = bytearray(CHUNK)
    chunk[at % len(chunk)] ^= byte
    readers = (
        (read_offer, bytes(offer)),
        (read_offer, noise),
        (Manifest.decode, noise),
        (read_part_asked, noise),
        (read_height_asked, noise),
        (lambda raw: read_objects(raw, 0, 1, 12), bytes(chunk)),
        (lambda raw: read_objects(raw, 0, 1, 12), noise),
    )
    for read, raw in readers:
        try:
            read(raw)
        except Refused:
            continue
