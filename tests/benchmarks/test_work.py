"""All sides of the comparison carry the same payments."""

import json
import shutil
import subprocess

import pytest

from benchmarks import work
from clients.demo.places import PLACES
from primitives.signatures import SigningKey
from tests.architecture.sources import ROOT

PEER = ROOT / "benchmarks" / "peers" / "cometbft"
GO_SECONDS_MAX = 600


def test_payments_are_those_of_the_peers() -> None:
    vectors = json.loads((PEER / "testdata" / "payments.json").read_text("utf-8"))
    accounts = vectors["accounts"]
    assert vectors["payments"] and vectors["keys"]
    for one in vectors["payments"]:
        payment = one["payment"]
        assert work.payer_of(payment, accounts) == one["payer"]
        assert work.payee_of(payment, accounts, len(PLACES)) == one["payee"]
        assert work.amount_minor_of(payment) == one["amount"]
        assert work.lane_number_of(payment, accounts) == one["lane_number"]
    for one in vectors["keys"]:
        key = SigningKey.from_seed(work.account_seed(one["account"]))
        assert key.public_key.hex() == one["public_key"]


def test_a_payment_stays_within_a_currency_and_goes_to_another() -> None:
    for currencies in (1, 4, 7):
        accounts = 6 * currencies
        for payment in range(4 * accounts):
            payer = work.payer_of(payment, accounts)
            payee = work.payee_of(payment, accounts, currencies)
            assert payer != payee and payer % currencies == payee % currencies


def test_too_few_accounts_are_refused() -> None:
    with pytest.raises(ValueError):
        work.payee_of(0, 4, 4)
    with pytest.raises(ValueError):
        work.towns_of(PLACES, 6)


def test_accounts_have_the_keys_of_their_numbers() -> None:
    towns = work.towns_of(PLACES, 12)
    for number in range(12):
        person = towns[number % 4].people[number // 4]
        assert person.key_seed == work.account_seed(number)
        assert person.limit_minor is None


@pytest.mark.skipif(shutil.which("gofmt") is None, reason="there is no gofmt here")
def test_go_sources_are_formatted() -> None:
    done = subprocess.run(
        ["gofmt", "-l", str(PEER)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""


@pytest.mark.process
@pytest.mark.skipif(shutil.which("go") is None, reason="there is no go here")
def test_the_peer_passes_its_own_tests() -> None:
    # With -trimpath, what scripts/install-cometbft compiled is not compiled again.
    done = subprocess.run(
        ["go", "test", "-trimpath", "."],
        cwd=PEER,
        capture_output=True,
        text=True,
        timeout=GO_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_locked_modules_are_names_and_hashes_alone() -> None:
    for line in (PEER / "go.sum").read_text("utf-8").splitlines():
        _, version, digest = line.split()
        assert version.startswith("v") and digest.startswith("h1:")
