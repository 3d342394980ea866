"""Garbage is collected again after the imports, whatever came of them."""

import asyncio
import gc
from pathlib import Path

import pytest

from node.imports import (
    ALLOCATIONS_BETWEEN,
    collect_as_memory_grows,
    collect_seldom,
    resident_bytes,
    without_collecting,
)


def test_collecting_goes_on_after_the_imports() -> None:
    with without_collecting():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), without_collecting():
        raise ImportError
    assert gc.isenabled()


def test_who_collects_nothing_goes_on_so() -> None:
    gc.disable()
    try:
        with without_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_a_node_holds_is_not_looked_through() -> None:
    before = gc.get_threshold()
    try:
        collect_seldom()
        assert gc.get_freeze_count() > 0
        assert ALLOCATIONS_BETWEEN / 2 < gc.get_threshold()[0] <= ALLOCATIONS_BETWEEN
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_nodes_do_not_all_look_at_once() -> None:
    before = gc.get_threshold()
    found: set[int] = set()
    try:
        for _ in range(20):
            collect_seldom()
            found.add(gc.get_threshold()[0])
        assert len(found) > 1
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


@pytest.mark.parametrize(("share", "looked"), [(1.0, [5]), (0.6, [2, 4, 7])])
def test_garbage_is_looked_for_once_the_process_has_grown(
    monkeypatch: pytest.MonkeyPatch, share: float, looked: list[int]
) -> None:
    sizes = iter([100 << 20, 163 << 20, 90 << 20, 153 << 20, 154 << 20, 110 << 20, 173 << 20, None])
    seen: list[int | None] = []
    looks: list[int] = []

    def resident() -> int | None:
        seen.append(next(sizes))
        return seen[-1]

    monkeypatch.setattr("node.imports.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("random.randint", lambda _, most: int(share * most))
    monkeypatch.setattr("node.imports.resident_bytes", resident)
    monkeypatch.setattr(gc, "collect", lambda: looks.append(len(seen)))

    async def until_all_are_seen() -> None:
        task = asyncio.ensure_future(collect_as_memory_grows())
        while len(seen) < 8:
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(until_all_are_seen())
    # A node that lets 64 MiB come looks at 154 of 90; the 110 it had then is what it grows from
    # next. One that drew three fifths of that looks at other moments.
    assert looks == looked


def test_where_the_system_says_nothing_nobody_looks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("node.imports._MEMORY_FILE", tmp_path / "statm")
    assert resident_bytes() is None
    asyncio.run(asyncio.wait_for(collect_as_memory_grows(), 60.0))


def test_the_memory_of_this_process() -> None:
    before = resident_bytes()
    held = bytearray(b"x") * (64 << 20)
    after = resident_bytes()
    assert before is not None and after is not None
    assert after - before > len(held) // 2
