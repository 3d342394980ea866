"""Public conformance vectors, run wherever they lie beside the repository."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from primitives.encoding import decode
from primitives.errors import Refused
from primitives.signatures import is_registrable

REPOSITORY = Path(__file__).resolve().parents[2]
VECTORS = REPOSITORY.parent / "shared" / "vectors"

pytestmark = pytest.mark.skipif(
    not VECTORS.is_dir(), reason=f"the public vectors are not in {VECTORS}"
)


def run_checker(folder: str, *arguments: str) -> dict[str, object]:
    """What the checker of `folder` reports; a mismatch fails the test with that report."""
    done = subprocess.run(
        [sys.executable, str(VECTORS / folder / "check.py"), *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


def test_ed25519() -> None:
    report = run_checker("ed25519", "--verify", "primitives.signatures:verify")
    assert report["cases"] == 1279
    assert report["raised"] == {}


def test_ed25519_keys_that_can_be_registered() -> None:
    cases = json.loads((VECTORS / "ed25519" / "expected.json").read_text())
    registrable = 0
    for case in cases:
        facts = case["facts"]
        if not facts["lengths_ok"]:
            continue  # nothing is known of the key then
        expected = facts["a_decodes"] and facts["a_canonical"]
        expected = expected and not facts["a_small"] and not facts["a_torsion"]
        assert is_registrable(bytes.fromhex(case["public_key"])) is expected, case["id"]
        registrable += expected
    assert registrable > 100


def test_bech32m() -> None:
    report = run_checker(
        "bech32m",
        *("--decode", "primitives.bech32m:decode"),
        *("--encode", "primitives.bech32m:encode"),
        *("--decode-5bit", "primitives.bech32m:decode_groups"),
    )
    assert report["cases"] == 352


def test_msgpack() -> None:
    codec = "tests.primitives.codec_of_depth_16"
    report = run_checker("msgpack", "--decode", f"{codec}:decode", "--encode", f"{codec}:encode")
    assert report["cases"] == 458
    assert report["slow"] == []


def test_msgpack_as_the_rule_has_it_differs_in_depth_alone() -> None:
    differing = 0
    for case in json.loads((VECTORS / "msgpack" / "strict.json").read_text()):
        if case["expect"] != "accept" or not set(case["type"]) <= {
            *("nil", "bool", "int", "str", "bin", "array")
        }:
            continue
        parts = case.get("parts") or [[case["hex"], 1]]
        raw = b"".join(bytes.fromhex(unit) * times for unit, times in parts)
        try:
            decode(raw)
        except Refused as refusal:
            assert refusal.detail == "nested too deeply", case["why"]
            differing += 1
    assert differing == 1
