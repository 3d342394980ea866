"""Garbage is collected again after the imports, whatever came of them."""

import asyncio
import gc
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.imports import (
    ALLOCATIONS_BETWEEN,
    FOUND_FEW_MAX,
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


def looked_at(
    monkeypatch: pytest.MonkeyPatch, megabytes: Sequence[int | None], found: Sequence[int]
) -> list[int]:
    """At which sizes garbage was looked for, where looks find so much in turn."""
    sizes, finds = iter(megabytes), iter(found)
    seen: list[int | None] = []
    looks: list[int] = []

    def resident() -> int | None:
        seen.append(next(sizes))
        return None if seen[-1] is None else seen[-1] << 20

    def collect() -> int:
        looks.append(seen[-1] or 0)
        return next(finds)

    monkeypatch.setattr("node.imports.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("node.imports.resident_bytes", resident)
    monkeypatch.setattr(gc, "collect", collect)

    async def until_all_are_seen() -> None:
        task = asyncio.ensure_future(collect_as_memory_grows())
        while len(seen) < len(megabytes):
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(until_all_are_seen())
    return looks


def test_garbage_is_looked_for_once_the_process_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    # At 154 of 90; what it had then, 110, is what it grows from next.
    sizes = [100, 163, 90, 153, 154, 110, 173, None]
    assert looked_at(monkeypatch, sizes, [FOUND_FEW_MAX + 1]) == [154]


def test_whoever_looks_in_vain_waits_for_twice_the_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    # After each look comes what the process has then.
    in_vain = [100, 164, 164, 291, 292, 292, 419, 420, 420, None]
    found = [FOUND_FEW_MAX, 0, 0]
    assert looked_at(monkeypatch, in_vain, found) == [164, 292, 420]


def test_a_find_makes_looks_as_frequent_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [100, 164, 164, 292, 100, 163, 164, 164, None]
    assert looked_at(monkeypatch, sizes, [0, FOUND_FEW_MAX + 1, 0]) == [164, 292, 164]


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
