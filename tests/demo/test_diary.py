"""What ended is remembered, also when the file's last line was cut."""

from pathlib import Path

import pytest

from clients.demo.diary import Diary


def test_what_ended_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "steps.txt"
    with Diary(file, 10) as diary:
        assert diary.ended == {}
        diary.note(3, 12.4)
        diary.note(9, 0.2)
        assert file.read_text() == "3 12\n9 0\n"
    with Diary(file, 10) as diary:
        assert diary.ended == {3: 12.0, 9: 0.0}


@pytest.mark.parametrize("rest", ["4", "4 1", "4 x\n", "99 1\n", "-1 5\n", "\n", "4 1 1\n"])
def test_a_line_that_was_cut_is_written_anew(tmp_path: Path, rest: str) -> None:
    file = tmp_path / "steps.txt"
    file.write_text("3 12\n" + rest)
    with Diary(file, 10) as diary:
        assert diary.ended == {3: 12.0}
        diary.note(5, 7.0)
    assert file.read_text() == "3 12\n5 7\n"
