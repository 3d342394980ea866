"""Garbage is collected again after the imports, whatever came of them."""

import gc

import pytest

from node.imports import ALLOCATIONS_BETWEEN, collect_seldom, without_collecting


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
