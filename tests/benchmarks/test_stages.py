"""Every place that a stage is known by is there, and the innermost one counts."""

from benchmarks.stages.__main__ import has_phases, microseconds, table
from benchmarks.stages.places import _FILES, _FUNCTIONS, STAGES, stage_of
from tests.architecture.sources import ROOT


def test_places_are_there() -> None:
    of_others = "aiohttp/"
    for file in _FILES:
        assert file.startswith(of_others) or (ROOT / file).is_file(), file
    for file, function in _FUNCTIONS:
        assert f"def {function}(" in (ROOT / file).read_text("utf-8"), (file, function)
    assert {*_FILES.values(), *_FUNCTIONS.values()} <= set(STAGES)


def test_the_innermost_place_counts() -> None:
    loop = ("/usr/lib/asyncio/runners.py", "run")
    intake = ("/home/x/node/intake.py", "_work")
    decode = ("/home/x/ledger/transaction.py", "decode_transaction")
    msgpack = ("/usr/lib/msgpack/__init__.py", "packb")
    assert stage_of([msgpack, decode, intake, loop]) == "decode"
    assert stage_of([msgpack, intake, loop]) == "pool"
    assert stage_of([("/home/x/node/peers/connection.py", "_flush"), loop]) == "gossip"
    assert stage_of([("/home/x/node/peers/connection.py", "data_received"), loop]) == "receive"
    assert stage_of([loop]) is None


def test_the_table_has_what_was_before_beside_it() -> None:
    def run(microseconds: float) -> dict[str, object]:
        by_stage = dict.fromkeys(STAGES, microseconds)
        return {"phases": [{"rate": 0, "microseconds": by_stage}]}

    lines = table(run(10), run(20)).splitlines()
    assert lines[0] == "| | saturation before | saturation after |"
    assert lines[2] == "| receive | 20 | 10 |"
    assert lines[-1] == f"| **all** | {20 * len(STAGES)} | {10 * len(STAGES)} |"
    assert table(run(10), None).splitlines()[0] == "| | saturation |"


def test_the_stores_thread_is_taken_off_what_all_others_seemed_to_take() -> None:
    took = microseconds({"decode": 30, "tree": 10}, 100.0, 0.2)
    assert took == {**dict.fromkeys(STAGES, 0.0), "decode": 60.0, "tree": 20.0, "merge": 20.0}
    assert sum(microseconds({}, 100.0, 0.0).values()) == 0


def test_networks_of_several_sizes_stand_beside_each_other() -> None:
    phases = [
        {"accounts": accounts, "rate": 0, "microseconds": dict.fromkeys(STAGES, accounts / 1_000)}
        for accounts in (1_000, 2_000)
    ]
    lines = table({"phases": phases}, None).splitlines()
    assert lines[0] == "| | 1,000 accounts, saturation | 2,000 accounts, saturation |"
    assert lines[2] == "| receive | 1 | 2 |"
    assert has_phases({"phases": phases}, [0], [2_000, 1_000])
    assert not has_phases({"phases": phases}, [0, 100], [1_000])
    assert not has_phases({"phases": phases}, [0], [3_000])
    assert not has_phases({"phases": phases}, [0], [1_000], nodes=16)
    assert has_phases({"nodes": 16, "phases": phases}, [0], [1_000], nodes=16)
