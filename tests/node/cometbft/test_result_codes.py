"""Refusals have numbers of their own, which never change."""

import re

from node.engines.cometbft.result_codes import CODES, OTHER, number_of
from tests.architecture.sources import ROOT

RAISED = re.compile(r'Refused\(\s*"([a-z][a-z0-9_]+)"')
OF_FILES = {
    "checkpoint_malformed",
    "endorsement_invalid",
    "endorsements_insufficient",
    "genesis_invalid",
    "genesis_malformed",
    "succession_differs",
    "succession_without_state",
    "version_not_kept",
}
"""What no transaction is refused with."""


def test_every_rule_refuses_with_a_number_of_its_own() -> None:
    raised = {
        code
        for path in (ROOT / "ledger").rglob("*.py")
        for code in RAISED.findall(path.read_text("utf-8"))
    }
    assert raised - OF_FILES <= set(CODES)
    assert len(set(CODES)) == len(CODES)
    numbers = [number_of(code) for code in CODES]
    assert len(set(numbers)) == len(CODES) and 0 not in numbers and OTHER not in numbers
    assert number_of("a_code_of_tomorrow") == OTHER


def test_numbers_stay_what_they_are() -> None:
    known = {"account_exists": 10, "balance_insufficient": 18, "number_used": 51}
    known |= {"signature_invalid": 76, "wage_share_above_cap": 86}
    assert {code: number_of(code) for code in known} == known
