"""CometBFT's public vectors, run where they lie beside the repository, and the checker itself.

The call orders of the ABCI grammar are about the node's driver; the rest is run here.
"""

import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest

from consensus.cometbft import light
from consensus.cometbft.light import SignedHeader
from consensus.cometbft.timestamps import time_from_text
from consensus.cometbft.validators import ValidatorSet
from consensus.votes import Verifier
from primitives.errors import Refused
from tests.primitives.test_conformance import VECTORS, run_checker
from tests.vectors import cometbft_steps

CHECKS = 105
"""95 steps of the light client, six sign bytes, a header's hash, three trees."""

pytestmark = pytest.mark.skipif(
    not VECTORS.is_dir(), reason=f"the public vectors are not in {VECTORS}"
)


def test_every_vector_is_met() -> None:
    steps = "tests.vectors.cometbft_steps"
    report = run_checker(
        "cometbft",
        *("--verify", f"{steps}:verify_step"),
        *("--sign-bytes", f"{steps}:sign_bytes"),
        *("--header-hash", f"{steps}:header_hash"),
        *("--merkle", f"{steps}:tree_root"),
    )
    assert report == {"cases": CHECKS, "mismatches": []}


def test_the_checker_catches_what_it_should() -> None:
    """Its own reference meets all 677 checks, the 572 call orders among them; wrong ones do not."""
    assert run_checker("cometbft")["cases"] == 677
    assert run_checker("cometbft", "--self-test")["ok"] is True


def _checker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The checker as a module, without leaving anything beside it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(VECTORS / "cometbft"))
    spec = importlib.util.spec_from_file_location("check", VECTORS / "cometbft" / "check.py")
    if spec is None or spec.loader is None:
        pytest.fail("no checker")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _good_steps() -> Iterator[tuple[dict[str, Any], dict[str, Any], int, int]]:
    """Each step that the vectors call good: what is trusted, the block, now and the period."""
    for test in json.loads((VECTORS / "cometbft" / "light_client_single_step.json").read_text()):
        initial = test["initial"]
        header, following = initial["signed_header"]["header"], initial["next_validator_set"]
        for item in test["input"]:
            if item["verdict"] == "SUCCESS":
                trusted = {"header": header, "next_validators": following["validators"]}
                now_ns = time_from_text(item["now"])
                yield trusted, item["block"], now_ns, int(initial["trusting_period"])
                header = item["block"]["signed_header"]["header"]
                following = item["block"]["next_validator_set"]


def _believed_though_broken(checker: ModuleType) -> list[str]:
    """The checker breaks first steps alone, and none of them is a good one: here are all."""
    found = []
    for trusted, block, now_ns, period_ns in _good_steps():
        for why, broken in checker.breakages(block, trusted):
            try:
                verdict = cometbft_steps.verify_step(trusted, broken, now_ns, period_ns)
            except (Refused, LookupError):
                continue
            if verdict == "SUCCESS":
                found.append(why)
    return found


def test_no_good_step_survives_being_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _believed_though_broken(_checker(monkeypatch)) == []


def _nobody_is_asked(signed: SignedHeader, validators: ValidatorSet, verifier: Verifier) -> int:
    light.check_commit_for(signed, validators)
    return len(validators.validators)


MUTANTS: dict[str, tuple[str, object]] = {
    "no signature is verified": ("verify_commit", _nobody_is_asked),
    "the commit may be for anything": ("check_commit_for", lambda signed, validators: None),
    "nobody known need have signed": ("trusted_power", lambda signed, known, verifier: 2**62),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_light_client_of_ours_is_caught(
    mutant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker = _checker(monkeypatch)
    name, wrong = MUTANTS[mutant]
    monkeypatch.setattr(light, name, wrong)
    told = checker.run(verify=cometbft_steps.verify_step)["mismatches"]
    assert told or _believed_though_broken(checker)


def test_wrong_bytes_of_ours_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    checker = _checker(monkeypatch)

    def another_header(header: Mapping[str, Any]) -> bytes:
        return cometbft_steps.header_hash({**header, "app_hash": "00" * 32})

    def shorter(*fields: Any) -> bytes:
        return cometbft_steps.sign_bytes(*fields)[1:]

    def sorted_tree(items: list[bytes]) -> bytes:
        return cometbft_steps.tree_root([*items, b""])

    assert checker.run(header_hash=another_header)["mismatches"]
    assert checker.run(sign_bytes=shorter)["mismatches"]
    assert checker.run(merkle=sorted_tree)["mismatches"]


def test_the_vectors_are_all_there() -> None:
    """A moved or emptied file must not pass as nothing to check."""
    steps = json.loads((VECTORS / "cometbft" / "light_client_single_step.json").read_text())
    assert sum([len(test["input"]) for test in steps]) == 95
    assert len(list(_good_steps())) == 42
