"""The arithmetic of docs/scale.md: it holds where something was measured or can be counted."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.scale import limits, sizes
from benchmarks.scale.__main__ import PARTS, filled
from benchmarks.scale.costs import COSTS_FILE, Cost, read_costs
from benchmarks.scale.model import MS, Assumptions, Network
from benchmarks.scale.tables import MEMBERS, MEMBERS_ALONE, RESIDENTS, exact, number
from benchmarks.targets.table import ENGLISH, FRENCH
from consensus.certificates import MEMBERS_MAX
from consensus.members import Member, MemberSet
from consensus.messages import CertificateMessage, Message, VoteMessage
from consensus.simulation.run import run
from consensus.simulation.world import World
from ledger.founders import TERRITORIES_MAX
from tests.architecture.sources import ROOT
from tests.consensus.test_quiet import faultless

COSTS = read_costs()
DOCUMENT = ROOT / "docs" / "scale.md"
WALLET_KILOBYTES = 122
"""What `benchmarks.life wallet` read for 40 territories and a year."""
BLOCK_BYTES_OF_FOUR = 3_316
"""What `benchmarks.scale.blocks` counted with four nodes, TLS included."""


def costing(**changed: float) -> dict[str, Cost]:
    return {
        name: replace(cost, value=changed.get(name, cost.value)) for name, cost in COSTS.items()
    }


def scale(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.scale", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_the_document_has_exactly_these_tables() -> None:
    document = DOCUMENT.read_text("utf-8")
    assert filled(document, COSTS) == document
    assert filled(document, costing(payment_ms=0.5)) != document


def test_the_command_checks_and_writes(tmp_path: Path) -> None:
    assert scale("--check", DOCUMENT).returncode == 0
    copy, costs = tmp_path / "scale.md", tmp_path / "costs.json"
    table = "<!-- scale:people:en -->\n"
    altered = DOCUMENT.read_text("utf-8").replace(table, table + "| another row |\n")
    copy.write_text(altered, "utf-8")
    found = scale("--check", copy)
    assert found.returncode == 1 and "--write" in found.stderr
    assert scale("--write", copy).returncode == 0
    assert copy.read_bytes() == DOCUMENT.read_bytes()
    entries = json.loads(COSTS_FILE.read_text("utf-8"))
    entries["payment_ms"]["value"] = -1
    costs.write_text(json.dumps(entries), "utf-8")
    refused = scale("--costs", costs)
    assert refused.returncode == 2 and "payment_ms" in refused.stderr and not refused.stdout


def test_a_document_without_a_place_for_each_is_refused() -> None:
    document = DOCUMENT.read_text("utf-8")
    for wrong in (document.replace("scale:both:en", "scale:bath:en"), document + document, ""):
        with pytest.raises(ValueError):
            filled(wrong, COSTS)


@pytest.mark.parametrize("language", [FRENCH, ENGLISH])
def test_every_table_has_as_many_cells_in_each_line(language: str) -> None:
    for name, part in PARTS.items():
        lines = [line for line in part(COSTS, language).splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) == (0 if name == "assumptions" else 1)


@pytest.mark.parametrize("members", [10, 16])
def test_members_say_what_is_counted(members: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Votes and certificates of real replicas, per block and member."""
    said: Counter[type[Message]] = Counter()
    transmit = World.transmit

    def count(world: World, sender: bytes, receiver: bytes, message: Message) -> None:
        said[type(message)] += 1
        transmit(world, sender, receiver, message)

    monkeypatch.setattr(World, "transmit", count)
    outcome = run(replace(faultless(members), payments=20))
    assert outcome.violation is None
    each = 1 / outcome.height / members
    one = Network(members, 1, COSTS)
    # The leader's NOTARIZE is in its proposal.
    assert said[VoteMessage] * each == pytest.approx(one.votes_received, rel=0.1)
    assert said[CertificateMessage] * each == pytest.approx(one.certificates_sent, rel=0.15)


def test_measures_agree_with_what_is_computed() -> None:
    forty = Network(40, 1, COSTS)
    assert forty.wallet_year_bytes / 1_000 == pytest.approx(WALLET_KILOBYTES, rel=0.03)
    assert Network(4, 1, COSTS).block_bytes_sent == pytest.approx(BLOCK_BYTES_OF_FOUR, rel=0.15)


def test_quorums_and_bounds_are_the_codes_own() -> None:
    for size in (1, 2, 3, 4, 5, 7, 10, 100, 1_000):
        rows = [Member(n.to_bytes(32, "big"), bytes(32), f"t{n}") for n in range(size)]
        assert sizes.quorum(size) == MemberSet.of(rows).quorum
        assert len(sizes.certificate(size).signers(size)) == sizes.quorum(size)
    assert MEMBERS_MAX == TERRITORIES_MAX


def test_payments_add_up_over_the_day() -> None:
    one = Network(10, 100_000, COSTS)
    peak, other = one.payments_per_second_at_peak, one.payments_per_second_else
    hours = Assumptions().open_hours - 1
    assert 3_600 * (peak + hours * other) == pytest.approx(one.payments_a_day)
    assert peak * 3_600 == pytest.approx(0.15 * 100_000)


def test_what_is_shown_is_carried() -> None:
    for members in MEMBERS:
        for residents in RESIDENTS:
            one = Network(members, residents, COSTS)
            rate = one.payments_per_second_at_peak
            assert rate <= one.payments_per_second_max
            assert one.payments_per_block_at_peak <= one.payments_per_block_max
            assert one.processors_at_peak <= 1
            assert one.bits_per_second_at_peak <= one.assumed.line_bits_per_second * 1.02


def test_a_chain_that_is_full_is_full() -> None:
    one = Network(10, 1, COSTS)
    most = one.payments_per_second_max
    assert one.block_interval_ms(most) / MS * most == pytest.approx(one.payments_per_block_max)
    assert one.block_interval_ms(MS / COSTS["payment_ms"].value) == float("inf")
    residents = limits.residents_by_payments(COSTS)
    for more, carried in ((0, True), (1_000, False)):
        one = Network(10, residents + more, COSTS)
        assert (one.payments_per_second_at_peak <= one.payments_per_second_max) is carried


def test_a_payment_costs_what_was_measured_with_few_accounts_and_with_a_million() -> None:
    costs = costing(payment_ms=0.16, payment_tenfold_ms=0.048)
    for residents in (1, 10_000):
        assert Network(4, residents, costs).payment_ms == 0.16
    assert Network(4, 10**6, costs).payment_ms == pytest.approx(0.256)


def test_more_members_cost_more_of_everything() -> None:
    before, *others = (Network(members, 10**5, COSTS) for members in MEMBERS_ALONE)
    for one in others:
        assert one.block_ms > before.block_ms
        assert one.block_bytes_sent > before.block_bytes_sent
        assert one.wallet_year_bytes > before.wallet_year_bytes
        assert one.block_interval_ms(0) > before.block_interval_ms(0)
        before = one


def test_limits_are_where_a_bound_is_passed() -> None:
    members = limits.members_by_line(COSTS)
    assert not Network(members, 1, COSTS).is_bound_by_line
    assert Network(members + 1, 1, COSTS).is_bound_by_line
    residents = limits.residents_by_memory(COSTS)
    assert Network(10, residents, COSTS).memory_bytes <= limits.MEMORY_BYTES
    assert Network(10, residents + 1, COSTS).memory_bytes > limits.MEMORY_BYTES
    assert limits.members_by_line(costing(certificates_per_member=2.2)) < members
    with pytest.raises(ValueError):
        limits.residents_by_memory(costing(node_memory_bytes=1e12))


def test_figures_are_rounded_to_two_digits_and_never_to_nothing() -> None:
    shown = {0.0: "0", 0.00004: "< 0.001", 0.0456: "0.046", 4.17: "4.2", 41.7: "42", 417: "420",
             1_999: "2,000", 12_345_678: "12,000,000"}  # fmt: skip
    assert {value: number(value, ENGLISH) for value in shown} == shown
    assert number(4.17, FRENCH) == "4,2"
    assert exact(44_210, ENGLISH) == "44,210" and exact(0.0005, FRENCH) == "0,0005"
