"""The running node's keys and their files: an epoch may begin before new ones were read."""

from pathlib import Path

import pytest

from node import key_watch
from node.data_folder import DataFolder
from node.key_files import KeyFiles
from node.key_renewal import change_passphrase, renew_voting
from node.key_watch import KeyWatch
from tests.node.founding import PASSPHRASE, make_card, make_sealing_fast

OTHER = bytes(32)
"""A member that is somebody else."""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFiles:
    make_sealing_fast(monkeypatch)
    make_card(tmp_path, "arden")
    return KeyFiles(DataFolder(tmp_path / "arden" / "data"))


def renewed(files: KeyFiles, name: str) -> bytes:
    """A new voting key, prepared beside the one in use; its public half."""
    root = files.folder.root
    card = renew_voting(root, root.parent / name, PASSPHRASE, again=True)
    return card.territory.voting_key


def test_a_key_prepared_a_moment_before_its_epoch_is_taken(files: KeyFiles) -> None:
    watch = KeyWatch(files, PASSPHRASE)
    old, new = watch.ring.current.voting_key, renewed(files, "new.card")
    assert not watch.ring.take([OTHER, old]) and watch.ring.pending is None
    assert watch.ring.take([OTHER, new])
    assert (watch.ring.current.voting_key, watch.ring.pending) == (new, None)


def test_the_files_of_another_key_than_the_one_that_waited_are_read(files: KeyFiles) -> None:
    thrown_away = renewed(files, "first.card")
    watch = KeyWatch(files, PASSPHRASE)
    assert watch.ring.owns(thrown_away)
    new = renewed(files, "second.card")
    assert watch.ring.take([new]) and watch.ring.current.voting_key == new
    assert not watch.ring.owns(thrown_away)


def test_files_that_were_read_are_not_read_again(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each epoch of a network that a node only watches begins without a key of its own."""
    watch = KeyWatch(files, PASSPHRASE)

    def read_again(watch: KeyWatch) -> None:
        raise AssertionError("nothing has changed")

    monkeypatch.setattr(key_watch.KeyWatch, "_read", read_again)
    assert not watch.ring.take([OTHER])


def test_an_epoch_begins_although_the_files_do_not_open(files: KeyFiles) -> None:
    watch = KeyWatch(files, PASSPHRASE)
    old, new = watch.ring.current.voting_key, renewed(files, "new.card")
    change_passphrase(files.folder.root, PASSPHRASE, "une autre phrase")
    assert not watch.ring.take([OTHER, new])
    assert watch.ring.current.voting_key == old
