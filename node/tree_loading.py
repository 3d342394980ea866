"""From the stored objects to the tree, with the image of an earlier start where there is one.

Objects are read in key order, in the image's groups. A group whose stored bytes give the image's
digest is as it was; any other is hashed anew. New keys fall into the group they sort into, so the
groups around it keep their digests.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice

from node.chain_records import SLOT_BYTES
from node.tree_images import SIZES_CODE, SLOTS_CODE, TreeImage, level_bytes
from primitives.errors import InvariantBroken
from primitives.hashing import HASH_BYTES
from primitives.indexed_tree import IndexedTree
from primitives.tree_levels import CONTENT_BYTES
from primitives.tree_proofs import KEY_MAX, value_hashes_of

GROUP_OBJECTS = 16
"""So few, since one that changed has them all hashed; so many, since a digest has its price."""

_PREFIX_BYTES = 1


@dataclass(frozen=True)
class LoadedTree:
    """`hashed`: of how many objects the value was hashed, since no image had them."""

    tree: IndexedTree
    image: TreeImage
    hashed: int


def load_tree(
    stored: Iterable[tuple[bytes, bytes]], count: int, image: TreeImage | None
) -> LoadedTree:
    """`stored` are the store's keys and values of all objects, ascending; `count` its slots. The
    image is used up. Raises InvariantBroken for what can't be a tree; the caller compares the root.
    """
    reading = _Reading(stored)
    if image is None:
        reading.take_rest()
        tree = IndexedTree()
        tree.load(zip(reading.slots, reading.keys, reading.value_hashes(), strict=True), count)
    else:
        reading.follow(image)
        tree = _resumed(reading, image, count)
    contents, levels = tree.image
    made = TreeImage(contents, levels, reading.slots, reading.sizes, reading.digests)
    return LoadedTree(tree, made, len(reading.places))


class _Reading:
    """Keys and slots in order, and what is stored of them in groups; `places` in that order, with
    value hashes, are of the objects that are not as the image has them."""

    def __init__(self, stored: Iterable[tuple[bytes, bytes]]) -> None:
        self._flat = chain.from_iterable(stored)
        self._back: list[bytes] = []
        self.keys: list[bytes] = []
        self.slots: array[int] = array(SLOTS_CODE)
        self.sizes: array[int] = array(SIZES_CODE)
        self.digests = bytearray()
        self.places: array[int] = array(SLOTS_CODE)
        self._hashes = bytearray()
        self.replaced: set[int] = set()
        """Slots of the image's objects that are not known to be as they were."""

    def follow(self, image: TreeImage) -> None:
        """Read all, group by group of the image."""
        digests, sizes = bytes(image.digests), image.sizes
        at = begun = begun_at = 0
        for group, size in enumerate(sizes):
            items = self._take(2 * size)
            known = digests[group * HASH_BYTES : (group + 1) * HASH_BYTES]
            following = at + size
            if _digest(items) == known:
                self.keys += [key[_PREFIX_BYTES:] for key in items[::2]]
            else:
                self._take_over(image, begun, group, begun_at, at)
                self.replaced.update(image.slots[at:following])
                self._put(self._up_to(items, _key_at(image, following)))
                begun, begun_at = group + 1, following
            at = following
        self._take_over(image, begun, len(sizes), begun_at, at)
        self.take_rest()

    def _take_over(
        self, image: TreeImage, first: int, end: int, begin_at: int, end_at: int
    ) -> None:
        """These groups of the image, from place `begin_at` on, are as they were."""
        self.slots += image.slots[begin_at:end_at]
        self.sizes += image.sizes[first:end]
        self.digests += image.digests[first * HASH_BYTES : end * HASH_BYTES]

    def take_rest(self) -> None:
        """Read what no group of an image holds."""
        while items := self._take(2 * GROUP_OBJECTS):
            self._put(items)

    def value_hashes(self) -> Iterator[bytes]:
        """Of the objects at `places`."""
        for at in range(0, len(self._hashes), HASH_BYTES):
            yield bytes(self._hashes[at : at + HASH_BYTES])

    def _take(self, items: int) -> list[bytes]:
        if not self._back:
            return list(islice(self._flat, items))
        taken, self._back = self._back[:items], self._back[items:]
        return taken + list(islice(self._flat, items - len(taken)))

    def _up_to(self, items: list[bytes], first: bytes | None) -> list[bytes]:
        """These and those after them, up to the first key of the next group."""
        if first is None:
            return items
        while len(items) < 2 or items[-2][_PREFIX_BYTES:] < first:
            more = self._take(2)
            if not more:
                return items
            items += more
        end = len(items)
        while end and items[end - 2][_PREFIX_BYTES:] >= first:
            end -= 2
        self._back = items[end:] + self._back
        return items[:end]

    def _put(self, items: Sequence[bytes]) -> None:
        """Take these in new groups, hashed."""
        for begin in range(0, len(items), 2 * GROUP_OBJECTS):
            group = items[begin : begin + 2 * GROUP_OBJECTS]
            values, place = group[1::2], len(self.keys)
            self.places.extend(range(place, place + len(values)))
            self._hashes += b"".join(value_hashes_of([value[SLOT_BYTES:] for value in values]))
            self.keys += [key[_PREFIX_BYTES:] for key in group[::2]]
            self.slots.extend([int.from_bytes(value[:SLOT_BYTES], "big") for value in values])
            self.sizes.append(len(values))
            self.digests += _digest(group)


def _key_at(image: TreeImage, place: int) -> bytes | None:
    """The image's key at this place; None after the last."""
    if place >= len(image.slots):
        return None
    at = image.slots[place] * CONTENT_BYTES
    return bytes(image.contents[at : at + HASH_BYTES])


def _digest(items: Sequence[bytes]) -> bytes:
    lengths = array("Q", map(len, items)).tobytes()
    return sha256(lengths + b"".join(items)).digest()


def _resumed(reading: _Reading, image: TreeImage, count: int) -> IndexedTree:
    """The image's tree with the changes that were found."""
    known = len(image.contents) // CONTENT_BYTES
    free = reading.replaced | set(range(known, count))
    slots = [reading.slots[at] for at in reading.places]
    if len(reading.keys) != count - 1 or len(slots) != len(free) or free != set(slots):
        raise InvariantBroken("the stored slots are not those of a tree")
    contents = image.contents
    contents += bytes((count - known) * CONTENT_BYTES)
    changed = set(range(known, count))
    changed.update(slot for slot in _contents_put(reading, contents) if slot < known)
    for nodes, size in zip(image.levels, level_bytes(count), strict=False):
        nodes += bytes(size - len(nodes))
    tree = IndexedTree()
    tree.resume(reading.keys, reading.slots, contents, image.levels, changed)
    return tree


def _contents_put(reading: _Reading, contents: bytearray) -> Iterator[int]:
    """Put what was hashed, and the next key of what is below each; the slots that differ."""
    keys, slots = reading.keys, reading.slots
    before = -2
    for place, value_hash in zip(reading.places, reading.value_hashes(), strict=True):
        next_key = keys[place + 1] if place + 1 < len(keys) else KEY_MAX
        at = slots[place] * CONTENT_BYTES
        content = keys[place] + next_key + value_hash
        if contents[at : at + CONTENT_BYTES] != content:
            contents[at : at + CONTENT_BYTES] = content
            yield slots[place]
        if place - 1 != before:
            below = slots[place - 1] if place else 0
            at = below * CONTENT_BYTES + HASH_BYTES
            if contents[at : at + HASH_BYTES] != keys[place]:
                contents[at : at + HASH_BYTES] = keys[place]
                yield below
        before = place
