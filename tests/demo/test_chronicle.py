"""Acts of the month are done once, also when the file's last line was cut."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from clients.demo.chronicle import Chronicle, Tally


def test_an_act_is_done_once_and_what_came_of_it_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "month.jsonl"
    done: list[str] = []

    async def act() -> Tally:
        done.append("x")
        return Tally().refuse(["line_duplicate", "line_duplicate"]).figure(lines=3)

    async def live(chronicle: Chronicle) -> Tally:
        return await chronicle.once("valmont/x", act)

    for _ in range(2):
        with Chronicle(file) as chronicle:
            tally = asyncio.run(live(chronicle))
            assert tally.refusals == Counter({"line_duplicate": 2})
            assert chronicle.total().figures == Counter({"lines": 3})
    assert done == ["x"]


def test_an_act_that_failed_is_not_noted(tmp_path: Path) -> None:
    async def act() -> Tally:
        raise ConnectionError

    with Chronicle(tmp_path / "month.jsonl") as chronicle:
        with pytest.raises(ConnectionError):
            asyncio.run(chronicle.once("x", act))
        assert not chronicle.has("x")


@pytest.mark.parametrize("rest", ['{"act": "b"', '{"act": "b"}\n', "3\n", "\n", "[]"])
def test_a_line_that_was_cut_is_written_anew(tmp_path: Path, rest: str) -> None:
    file = tmp_path / "month.jsonl"
    whole = '{"act": "a", "refusals": {}, "figures": {"runs": 1}}\n'
    file.write_text(whole + rest)
    with Chronicle(file) as chronicle:
        assert list(chronicle.acts) == ["a"]
    assert file.read_text() == whole
