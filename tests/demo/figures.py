"""What the figures of a whole demonstration must be, whichever engine orders its network."""

from typing import Any

from clients.demo.example_files import expected_refusals
from clients.demo.plan import make_plan


def check_figures(summary: dict[str, Any]) -> None:
    """The month of seed 1, one node killed, all of it proved."""
    plan = make_plan(1)
    assert summary["payments"] == plan.payments
    assert summary["refunds"] == plan.refunds
    assert summary["refusals"] == expected_refusals()
    assert summary["bulletins"] == plan.bulletins
    assert {**summary["wages"], "refused_lines": 0} == {**plan.wages, "refused_lines": 0}
    assert summary["wages"]["refused_lines"] > 0
    assert summary["problems"] == []
    assert summary["members"] == 4
    assert summary["restarts"] == 1
    for code, figures in summary["currencies"].items():
        assert set(figures.values()) == {plan.supplies_minor[code]}
    # Everyone's account, those of programmes, and those of town hall, issuer and commons.
    people = sum(len(town.people) for town in plan.towns)
    programmes = sum(len(month.budgets_minor) for month in plan.months)
    assert summary["accounts"] == people + programmes + 4 * 3
    assert summary["light_client"]["proofs_verified"] == summary["accounts"] + 4
    assert summary["light_client"]["certificates_verified"] > 0
