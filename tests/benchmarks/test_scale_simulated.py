"""The simulated networks of docs/scale.md: drawn again they are the same, and the model agrees."""

import pytest

from benchmarks.scale.costs import read_costs, read_simulated
from benchmarks.scale.model import HOPS_TO_FINALITY, SYNCS_TO_FINALITY, Assumptions, Network
from benchmarks.scale.simulated import MEMBERS, main, measure
from benchmarks.scale.tables import RESIDENTS


def test_the_file_has_what_a_simulation_gives() -> None:
    networks = read_simulated()
    assert tuple(one["members"] for one in networks) == MEMBERS
    assert networks[:2] == [measure(4), measure(10)]


def test_the_model_counts_the_hops_and_syncs_that_replicas_take() -> None:
    assumed = Assumptions()
    least_ms = HOPS_TO_FINALITY * assumed.hop_ms + SYNCS_TO_FINALITY * assumed.sync_ms
    for one in read_simulated():
        assert one["complete"]["final_ms_p50"] == least_ms
        computed = Network(one["members"], RESIDENTS[0], read_costs())
        assert sum(computed.finality_parts_ms().values()) >= least_ms


def test_the_model_sends_no_less_than_replicas_do() -> None:
    for one in read_simulated():
        computed = Network(one["members"], RESIDENTS[0], read_costs())
        assert computed.block_bytes_sent >= one["complete"]["bytes_per_block_and_node"]


def test_a_member_that_is_away_costs_the_payments_that_meet_its_turn() -> None:
    for one in read_simulated()[:3]:
        assert one["one_away"]["final_ms_max"] > 2 * one["complete"]["final_ms_max"]


def test_a_part_of_the_sizes_is_not_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["simulated", "--members", "4", "--write"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "all sizes" in capsys.readouterr().err
