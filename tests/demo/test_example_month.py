"""The example month: what the tool makes is what stands in the tree, and what it promises."""

import csv
import subprocess
import sys
from pathlib import Path

from clients.demo.places import PLACES, names_of

EXAMPLES = Path(__file__).parents[2] / "examples"
MONTH = EXAMPLES / "four-territories"


def _rows(prefix: str, name: str) -> list[dict[str, str]]:
    """The mended file where there is one."""
    file = MONTH / prefix / "corrected" / name
    if not file.exists():
        file = MONTH / prefix / name
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=";"))


def test_the_tool_gives_the_files_byte_for_byte(tmp_path: Path) -> None:
    tool = EXAMPLES / "make_month.py"
    subprocess.run([sys.executable, str(tool), "--out", str(tmp_path)], check=True, timeout=60)
    made = {file.relative_to(tmp_path): file for file in tmp_path.rglob("*") if file.is_file()}
    kept = {file.relative_to(MONTH): file for file in MONTH.rglob("*") if file.is_file()}
    assert made.keys() == kept.keys()
    different = [
        str(name) for name, file in made.items() if kept[name].read_bytes() != file.read_bytes()
    ]
    assert different == []


def test_the_month_is_as_large_as_promised() -> None:
    counts = dict.fromkeys(("residents.csv", "services.csv", "employers.csv", "purchases.csv"), 0)
    payrolls = 0
    for place in PLACES:
        for name in counts:
            counts[name] += len(_rows(place.prefix, name))
        files = sorted((MONTH / place.prefix / "payroll").glob("*.csv"))
        employers = [row["code"] for row in _rows(place.prefix, "employers.csv")]
        assert [file.name for file in files] == [f"{code}-2025-02.csv" for code in employers]
        payrolls += len(files)
    assert counts["residents.csv"] >= 2_000
    assert counts["services.csv"] >= 150
    assert counts["employers.csv"] == payrolls >= 60
    assert counts["purchases.csv"] >= 10_000


def test_nobody_stands_twice() -> None:
    for place in PLACES:
        for name, column in (
            ("residents.csv", "person"),
            ("services.csv", "code"),
            ("services.csv", "name"),
            ("employers.csv", "code"),
            ("programmes.csv", "programme"),
            ("levels.csv", "level"),
        ):
            found = [row[column] for row in _rows(place.prefix, name)]
            assert len(set(found)) == len(found)


def test_people_have_names_of_their_country() -> None:
    for place in PLACES:
        names = names_of(place.country)
        assert len(names.first_names) == 40
        assert len(set(names.family_names)) == len(names.family_names) >= 35
        for row in _rows(place.prefix, "residents.csv"):
            assert row["first_name"] in names.first_names
            assert row["name"] in names.family_names
        for row in _rows(place.prefix, "services.csv"):
            assert "{" not in row["name"]


def test_some_files_carry_the_habits_of_spreadsheets() -> None:
    marked = [
        place.prefix
        for place in PLACES
        if (MONTH / place.prefix / "levels.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    ]
    assert marked == ["valmont", "brenta"]
    assert b"\r\n" in (MONTH / "valmont" / "levels.csv").read_bytes()
    assert "6,00" in (MONTH / "valmont" / "levels.csv").read_text(encoding="utf-8-sig")
