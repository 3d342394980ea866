"""`node succeed` is cut off at every step, and goes on: the folder is of one of two networks."""

import os
import shutil
from collections.abc import Callable

import pytest

from node.chain import Chain
from node.data_folder import DataFolder
from node.store import open_store
from node.succession import successor_store, taking_over
from node.succession.taking_over import take_over
from primitives.errors import Refused
from tests.node.succession.ruin import Ruin

STEPS = (
    (taking_over, "create_journal"),
    (taking_over, "open_store"),
    (taking_over, "build"),
    (successor_store, "load_ledger"),
    (taking_over, "write_new_file"),
    (taking_over, "sync_folder"),
    (os, "rename"),
    (shutil, "rmtree"),
    (DataFolder, "write"),
)
CUTS_MAX = 60


class Cut(BaseException):
    """The power went."""


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Before the call of this number of anything that touches the disk, everything ends."""
    calls = 0

    def counted(work: Callable[..., object]) -> Callable[..., object]:
        def call(*words: object, **more: object) -> object:
            nonlocal calls
            calls += 1
            if calls == number:
                raise Cut
            return work(*words, **more)

        return call

    for place, name in STEPS:
        monkeypatch.setattr(place, name, counted(getattr(place, name)))


def test_it_goes_on_from_every_step(
    copied: Callable[[], Ruin], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = copied()
    source = first.highest(*range(4))
    genesis = first.agree(first.draft(source), 0, 1, 2)
    cuts = 0
    for number in range(1, CUTS_MAX):
        ruin = first.at(first.town.folder.with_name(f"cut{number}"))
        shutil.copytree(first.town.folder, ruin.town.folder)
        with monkeypatch.context() as patched:
            cut_at(patched, number)
            try:
                take_over(ruin.plan(source))
                break
            except Cut:
                cuts += 1
        folder = DataFolder(ruin.root(source))
        content = folder.read()
        if content.network_id == ruin.old.network_id.hex() and not folder.succeeding.exists():
            assert ruin.height(source) == genesis.height  # as if nothing had been
            folder.check(ruin.old.network_id, "simplex")
        elif folder.succeeding.exists():
            with pytest.raises(Refused, match="succession_unfinished"):
                folder.check(genesis.network_id, "simplex")
        ruin.over(source)
        check_done(ruin, source, genesis.network_id)
        shutil.rmtree(ruin.town.folder)
    assert cuts > 12


def check_done(ruin: Ruin, index: int, network_id: bytes) -> None:
    """The folder is the new network's, and the old data stands beside it, whole."""
    root = ruin.root(index)
    folder = DataFolder(root)
    folder.check(network_id, "simplex")
    assert not [name for name in os.listdir(root) if "succeeding" in name]
    kept = root / f"predecessor-{ruin.old.network_id.hex()[:16]}"
    for place, wanted in ((root, network_id), (kept, ruin.old.network_id)):
        assert (place / "journal" / "MARK").exists()
        store = open_store(place / "store", ruin.town.store_kind)
        try:
            chain = Chain(store)
            assert chain.meta.network_id == wanted
            mark = (place / "journal" / "MARK").read_text("ascii").split()[-1]
            assert chain.meta.journal_id.hex() == mark
        finally:
            store.close()
    assert DataFolder(kept).read().network_id == ruin.old.network_id.hex()
