"""The demonstration's folder, its ports, its figures."""

import json
import socket
from pathlib import Path

import pytest

from clients.demo.folder import OPENED, PAID, DemoFolder, Progress
from clients.demo.places import PLACES
from clients.demo.ports import HOST, check_free, choose_base
from clients.demo.summary import percentile
from primitives.errors import Refused
from terminal.errors import CommandError


def test_progress_is_kept(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path / "demo")
    folder.prepare()
    assert folder.read_progress() is None
    progress = Progress(7, 30_000, stage=OPENED, refusals={"number_used": 3})
    folder.write_progress(progress)
    again = folder.read_progress()
    assert again == progress
    assert again is not None
    assert again.reached(OPENED)
    assert not again.reached(PAID)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "file_unreadable"),
        ('{"kind": "other"}', "file_unreadable"),
        ('{"kind": "demo", "version": 3}', "data_of_newer_version"),
        ('{"kind": "demo", "version": 1, "seed": 1, "port_base": 2000}', "file_unreadable"),
        ('{"kind": "demo", "version": 2, "more": 1}', "file_unreadable"),
    ],
)
def test_progress_that_cannot_be_read(tmp_path: Path, content: str, code: str) -> None:
    folder = DemoFolder(tmp_path)
    folder.progress_file.write_text(content)
    with pytest.raises(CommandError) as caught:
        folder.read_progress()
    assert caught.value.code == code


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(CommandError) as caught:
        DemoFolder(tmp_path).prepare()
    assert caught.value.code == "file_exists"
    with pytest.raises(CommandError):
        DemoFolder(tmp_path / "letters.txt").prepare()


def test_each_town_hall_has_its_own_passphrase(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    folder.make_parts(PLACES)
    files = [folder.passphrase_file(place) for place in PLACES]
    assert len({file.read_text() for file in files}) == len(PLACES)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_what_an_interrupted_making_left_is_removed(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path / "demo")
    folder.prepare()
    folder.make_parts(PLACES)
    left = (
        folder.card(PLACES[0]),
        folder.recovery_file(PLACES[1]),
        folder.genesis_file,
        folder.genesis_file.with_name("genesis.json.engine"),
        folder.month_file,
    )
    for file in left:
        file.write_text("left")
    folder.remove_unfinished(PLACES)
    assert not any(file.exists() for file in left)
    folder.remove_unfinished(PLACES)
    folder.make_parts(PLACES)


def test_ports_that_are_taken() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refused) as caught:
            check_free(port, 1)
        assert caught.value.code == "port_in_use"
        assert caught.value.detail == f"{HOST}:{port}"
        with pytest.raises(Refused):
            choose_base(port, 4)
    assert choose_base(None, 4) >= 1_024


def test_percentiles() -> None:
    assert percentile([], 0.5) == 0
    assert percentile([5.0], 0.99) == 5
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2
    assert percentile([float(value) for value in range(1, 101)], 0.99) == 99


def test_the_four_places_have_what_addresses_need() -> None:
    assert len({place.prefix for place in PLACES}) == 4
    assert json.dumps([place.name for place in PLACES])
