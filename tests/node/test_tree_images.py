"""A start that takes over what an earlier one hashed gives the same tree, and believes nothing."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node import start, tree_images, tree_loading
from node.chain import Chain
from node.chain_records import OBJECT, SLOT_BYTES
from node.start import load_ledger
from node.store import Store, open_store
from node.tree_images import TreeImage, TreeImages
from node.tree_loading import LoadedTree, load_tree
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey
from tests.node.town import Town

OWNER = SigningKey.from_seed(bytes(32))
NETWORK = b"n" * 32
KEYS = [hash_bytes("test_key", bytes([number])) for number in range(120)]
Objects = dict[bytes, tuple[int, bytes]]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (start, tree_images):
        monkeypatch.setattr(module, "OBJECTS_MIN", 0)
    monkeypatch.setattr(tree_loading, "GROUP_OBJECTS", 3)


def loaded(objects: Objects, image: TreeImage | None = None) -> LoadedTree:
    """A tree of these, by key as (slot, object)."""
    stored = [
        (OBJECT + key, slot.to_bytes(SLOT_BYTES, "big") + value)
        for key, (slot, value) in sorted(objects.items())
    ]
    return load_tree(stored, len(objects) + 1, image)


def same(one: LoadedTree, other: LoadedTree) -> None:
    """Down to the last hash, and in what a next image holds of it."""
    assert one.tree.root() == other.tree.root()
    assert one.tree.image == other.tree.image
    assert one.image.slots == other.image.slots
    for key in KEYS:
        assert one.tree.slot(key) == other.tree.slot(key)
        assert one.tree.prove(key) == other.tree.prove(key)


objects_before = st.lists(st.sampled_from(KEYS), unique=True, min_size=1)
rewritten = st.dictionaries(st.sampled_from(KEYS), st.binary(max_size=3))


@given(objects_before, rewritten, rewritten)
@settings(deadline=None, max_examples=200)
def test_an_image_of_any_age_gives_the_same_tree(
    keys: list[bytes], first: dict[bytes, bytes], second: dict[bytes, bytes]
) -> None:
    objects: Objects = {key: (slot, b"x") for slot, key in enumerate(keys, 1)}
    image = loaded(objects).image
    for changes in (first, second):
        for key, value in changes.items():
            slot = objects[key][0] if key in objects else len(objects) + 1
            objects[key] = (slot, value)
        resumed = loaded(objects, image)
        same(resumed, loaded(objects))
        image = resumed.image
    again = loaded(objects, image)
    same(again, loaded(objects))
    assert again.hashed == 0


def test_only_what_changed_is_hashed() -> None:
    objects: Objects = {key: (slot, b"x") for slot, key in enumerate(KEYS, 1)}
    image = loaded(objects).image
    objects[KEYS[7]] = (8, b"y")
    assert loaded(objects, image).hashed == 3


@pytest.mark.parametrize("slot", [0, 5, 8, 200])
def test_slots_that_are_not_those_of_a_tree_are_no_tree(slot: int) -> None:
    objects: Objects = {key: (slot, b"x") for slot, key in enumerate(KEYS[:20], 1)}
    image = loaded(objects).image
    objects[KEYS[3]] = (slot, b"x")
    with pytest.raises(InvariantBroken):
        loaded(objects, image)
    with pytest.raises(InvariantBroken):
        loaded(objects)


def test_what_is_missing_is_no_tree() -> None:
    objects: Objects = {key: (slot, b"x") for slot, key in enumerate(KEYS[:20], 1)}
    image = loaded(objects).image
    del objects[KEYS[3]]
    with pytest.raises(InvariantBroken):
        load_tree(
            [(OBJECT + key, bytes(7) + bytes([s]) + v) for key, (s, v) in sorted(objects.items())],
            21,
            image,
        )


def kept(folder: Path) -> tuple[TreeImages, Path]:
    """One that was written, and its file."""
    images = TreeImages(folder, NETWORK, OWNER)
    made = loaded({key: (slot, b"x") for slot, key in enumerate(KEYS, 1)})
    images.write(made.tree.root(), made.image)
    return images, folder / made.tree.root().hex()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    images, _ = kept(tmp_path / "tree")
    objects: Objects = {key: (slot, b"x") for slot, key in enumerate(KEYS, 1)}
    image = images.read(len(KEYS) + 1)
    assert image is not None
    again = loaded(objects, image)
    assert again.hashed == 0
    same(again, loaded(objects))


def test_a_newer_one_takes_its_place(tmp_path: Path) -> None:
    images, file = kept(tmp_path / "tree")
    (tmp_path / "tree" / "left.making").write_bytes(b"half")
    made = loaded({KEYS[0]: (1, b"x")})
    images.write(made.tree.root(), made.image)
    assert [each.name for each in file.parent.iterdir()] == [made.tree.root().hex()]


def test_one_byte_off_and_it_is_not_used(tmp_path: Path) -> None:
    images, file = kept(tmp_path / "tree")
    content = file.read_bytes()
    for at in range(0, len(content), 97):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert images.read(len(KEYS) + 1) is None
    for cut in (0, 3, 40, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:cut])
        assert images.read(len(KEYS) + 1) is None
    file.write_bytes(content + b"\0")
    assert images.read(len(KEYS) + 1) is None


def test_others_images_are_not_used(tmp_path: Path) -> None:
    images, _ = kept(tmp_path / "tree")
    stranger = SigningKey.from_seed(bytes([1]) * 32)
    assert TreeImages(tmp_path / "tree", NETWORK, stranger).read(len(KEYS) + 1) is None
    assert TreeImages(tmp_path / "tree", b"m" * 32, OWNER).read(len(KEYS) + 1) is None
    assert images.read(len(KEYS)) is None, "it is of a later state"


def test_a_folder_that_cant_be_written_is_only_a_warning(tmp_path: Path) -> None:
    (tmp_path / "tree").write_bytes(b"")
    images, _ = kept(tmp_path / "tree")
    assert images.read(1_000) is None


# -- a whole node --------------------------------------------------------------------------------


def ran(folder: Path) -> Town:
    """A town of one whose store has some blocks."""
    town = Town(folder, 1)

    async def run() -> None:
        await town.start()
        try:
            await town.people(30, 100)
        finally:
            await town.stop()

    asyncio.run(run())
    return town


def opened(town: Town, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], bytes]:
    """Start from the store with the image that is there; how many objects were hashed each time."""
    hashed: list[int] = []

    def counted(*words: object) -> LoadedTree:
        loaded = load_tree(*words)  # type: ignore[arg-type]
        hashed.append(loaded.hashed)
        return loaded

    monkeypatch.setattr(start, "load_tree", counted)
    store = open_store(town.store(0), town.store_kind)
    try:
        chain = Chain(store)
        ledger = load_ledger(chain, town.genesis, town.options(0).tree_images).executor
        return hashed, ledger.commitment.root_after(ledger.state.tip)
    finally:
        store.close()


def test_the_next_start_takes_it_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town = ran(tmp_path)
    hashed, root = opened(town, monkeypatch)
    assert hashed[0] > 30
    assert opened(town, monkeypatch) == ([0], root)
    for file in (tmp_path / "node0" / "tree").iterdir():
        file.write_bytes(b"damaged")
    assert opened(town, monkeypatch) == (hashed, root)
    assert opened(town, monkeypatch) == ([0], root), "a good one was written again"


def test_an_altered_object_is_noticed_beside_any_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = ran(tmp_path)
    opened(town, monkeypatch)
    store: Store = open_store(town.store(0), town.store_kind)
    key, value = next(iter(store.iterate(OBJECT, b"p")))
    store.write([(key, value[:-1] + bytes([value[-1] ^ 1]))], sync=True)
    store.close()
    with pytest.raises(Refused) as caught:
        opened(town, monkeypatch)
    assert caught.value.code == "state_root_differs"


def test_an_image_that_leads_elsewhere_keeps_nobody_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = ran(tmp_path)
    all_hashed, root = opened(town, monkeypatch)
    images = town.options(0).tree_images
    image = images.read(10_000)
    assert image is not None
    image.levels[-1][:] = bytes(32)
    images.write(bytes(32), image)
    assert opened(town, monkeypatch) == ([0, *all_hashed], root), "with it, then without"
    assert opened(town, monkeypatch) == ([0], root)
