"""Objects of the newest block answer in front of the store, one at a time and together."""

from pathlib import Path

from node.chain import Chain
from node.chain_beginnings import mark_store
from node.store import open_store


def test_the_newest_blocks_objects_answer_in_front_of_the_stored_ones(tmp_path: Path) -> None:
    store = open_store(tmp_path, "leveldb")
    mark_store(store, bytes(16))
    chain = Chain(store)
    stood, changed, came, absent = (bytes([number]) * 32 for number in range(1, 5))
    chain.begin(bytes(32), [(stood, b"stood"), (changed, b"before")])
    chain.restore_newest({changed: b"after", came: b"came"}, frozenset([came]))
    keys = [came, absent, stood, changed, came]
    assert chain.objects_of(keys) == [b"came", None, b"stood", b"after", b"came"]
    assert chain.objects_of(keys) == [chain.object(key) for key in keys]
    assert chain.objects_of([]) == []
    store.close()
