"""An association pays with two signatures; keys of an issuer and passphrases change; by command."""

import json
import os
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ledger import roles
from ledger.accounts import open_fields
from ledger.fields import ACCOUNT_OPEN, OpenedAccount, OpenedKey
from primitives import addresses, keystore
from primitives.errors import Refused
from tests.wallet.people import PEOPLE, STAFF_KEY, chain_with_people, signed
from tests.wallet.town import Town
from wallet.keystore_file import read_identity
from wallet.lane_owner import LaneOwner
from wallet.light.trust import TrustedNetwork
from wallet.payment_drafts import PaymentDraft
from wallet.payments import PayIntent, RedeemIntent, make_entry
from wallet.redeem_requests import RedeemRequest


@pytest.fixture
def town(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    for name in list(os.environ):
        if name.startswith("DEMOCITE_"):
            monkeypatch.delenv(name)
    cheap = partial(keystore.seal, opslimit=1, memlimit_bytes=8_192)
    monkeypatch.setattr(keystore, "seal", cheap)
    built = Town(tmp_path, capsys)
    with built.serve():
        yield built


def code_of(done: tuple[int, dict[str, object], str]) -> object:
    """A failure's code."""
    error = done[1]["error"]
    assert isinstance(error, dict), done
    return error["code"]


def association(town: Town) -> str:
    """An account of two devices that both must sign; its address."""
    new = ("init", "--territory", "arden", "--kind", "service", "--genesis", town.genesis)
    code, made, error = town.run("treasurer", *new)
    assert code == 0, error
    address = str(made["address"])
    assert town.run("chair", *new, "--account", address)[0] == 0
    keys = [
        read_identity(town.folder / f"{name}.json").device_key for name in ("treasurer", "chair")
    ]
    opened = OpenedAccount(
        "service",
        "ARD",
        secrets.token_bytes(16),
        2,
        tuple([OpenedKey(key, roles.ROLES_OPENED, None) for key in keys]),
    )
    chain = town.chain
    staff = addresses.account_id("arden", STAFF_KEY.public_key)
    chain.seal([signed(chain, ACCOUNT_OPEN, open_fields((opened,)), staff, STAFF_KEY, 1)])
    chain.seal()
    return address


def test_two_devices_sign_a_payment(town: Town) -> None:
    address = association(town)
    bob = town.make("bob")
    town.issue(address, "100")
    alone = town.run("treasurer", "pay", bob, "12,50")
    assert code_of(alone) == "signatures_insufficient"
    draft, signed_file = town.folder / "draft.json", town.folder / "signed.json"
    begun = town.run("treasurer", "pay", bob, "12,50", "--note", "loyer", "--out", draft)
    assert begun[0] == 0 and begun[1]["status"] == "incomplete", begun
    # One signature is not enough, whoever sends it, and nothing was paid.
    assert code_of(town.run("treasurer", "send", draft)) == "signatures_insufficient"
    assert code_of(town.run("treasurer", "sign", draft, "--yes")) == "signatures_insufficient"
    assert code_of(town.run("bob", "sign", draft, "--yes")) == "key_unknown"
    assert code_of(town.run("chair", "sign", draft)) == "confirmation_missing"
    assert town.run("bob", "balance")[1]["balance_minor"] == 0
    # The chair signs on another machine; either sends it.
    passed = town.run("chair", "sign", draft, "--yes", "--out", signed_file)
    assert passed[0] == 0 and passed[1]["signatures"] == 2, passed
    assert "pay 12.50 ARD" in passed[2] and "loyer" in passed[2] and bob in passed[2]
    code, done, error = town.run("treasurer", "send", signed_file)
    assert (code, done["status"]) == (0, "final"), error
    again = town.run("chair", "send", signed_file)
    assert (again[0], again[1]["id"]) == (0, done["id"])
    assert town.run("bob", "balance")[1]["balance_minor"] == 1_250
    # The treasurer's wallet sees it settled, and its next payment takes another number.
    second = town.folder / "second.json"
    assert town.run("treasurer", "pay", bob, "1", "--out", second)[0] == 0
    code, done, error = town.run("chair", "sign", second, "--yes")
    assert (code, done["status"]) == (0, "final"), error
    assert town.run("bob", "balance")[1]["balance_minor"] == 1_350


def test_the_threshold_is_asked_for_and_waits(town: Town) -> None:
    association(town)
    asked = town.run("chair", "devices", "threshold", "1")
    assert asked[0] == 0 and "due_ms" in asked[1], asked
    assert town.run("treasurer", "devices", "list")[1]["threshold"] == 2


def test_a_draft_says_what_is_signed(town: Town) -> None:
    address = association(town)
    bob, eve = town.make("bob"), town.make("eve")
    town.issue(address, "100")
    draft = town.folder / "draft.json"
    assert town.run("treasurer", "pay", bob, "5", "--note", "pain", "--out", draft)[0] == 0
    assert code_of(town.run("treasurer", "pay", bob, "5", "--out", draft)) == "file_exists"
    known = json.loads(draft.read_text())
    for change, code in (
        ({"payee": eve}, "request_malformed"),
        ({"note": "vin"}, "request_malformed"),
        ({"note": ""}, "request_malformed"),
        ({"signature": "00" * 64}, "signature_invalid"),
        ({"body": known["body"][:-2] + ("00" if known["body"][-2:] != "00" else "01")}, None),
        ({"cosignatures": [["00" * 32, "00" * 64]] * 40}, "request_malformed"),
        ({"kind": "act_draft"}, "request_malformed"),
        ({"version": 9}, "version_unknown"),
    ):
        bent = town.folder / "bent.json"
        bent.write_text(json.dumps({**known, **change}))
        failed = town.run("chair", "sign", bent, "--yes")
        assert failed[0] in (2, 4) and code in (None, code_of(failed)), (change, failed)
    assert town.run("bob", "balance")[1]["balance_minor"] == 0


def test_a_note_of_several_lines_shows_no_other_payment() -> None:
    """Whoever stole one of two devices writes the note that the owner of the other reads."""
    genesis = chain_with_people().genesis
    network, thief = TrustedNetwork(genesis), PEOPLE[0]
    owner = LaneOwner("arden", thief.account_id, thief.key)
    address, payee = PEOPLE[1].address, PEOPLE[1].account_id
    lines = ")" + "\n" * 40 + f"pay 1.00 ARD → {address} (bread"
    for note, is_read in (("bread", True), (lines, False), ("x" * 141, False)):
        pay = PayIntent(payee, "ARD", 99_900, address, note)
        redeem = RedeemIntent("ARD", 99_900, note)
        made = [
            make_entry(intent, owner, network.network_id, 1, created_ms=1, complete=False)
            for intent in (pay, redeem)
        ]
        draft = PaymentDraft.from_entry(made[0], network.network_id, thief.key)
        request = RedeemRequest.from_entry(made[1], network.network_id, thief.key)
        if is_read:
            assert draft.read(network)[1].amount_minor == 99_900
            assert request.redemption()[1].amount_minor == 99_900
            continue
        with pytest.raises(Refused, match="note_malformed"):
            draft.read(network)
        with pytest.raises(Refused, match="note_malformed"):
            request.redemption()


def test_an_issuer_with_another_key_redeems_and_issues(town: Town) -> None:
    baker = town.make("baker", "service")
    town.issue(baker, "100")
    asked, half, full = (town.folder / name for name in ("asked.json", "half.json", "full.json"))
    assert town.run("baker", "redeem", "40", "--out", asked, "--reference", "FR76")[0] == 0
    one, two = town.keystore("arden issuer 0"), town.keystore("arden issuer 1")
    redeem = ("reserve", "redeem", "--request")
    assert town.office(*redeem, asked, "--keystore", two, "--out", half)[0] == 0
    # The second key is replaced while its signature travels.
    new = town.folder / "issuer-new.json"
    code, made, error = town.run_line(
        "office", "key", "--out", new, "--territory", "arden", "--passphrase-file",
        town.passphrase, named=False,
    )  # fmt: skip
    assert code == 0, error
    devices = town.office("keys", "list", "--issuer", "--keystore", one)[1]["devices"]
    assert isinstance(devices, list)
    second = str(devices[1]["key"])
    replaced = town.office(
        "keys", "replace", second[:16], str(made["public_key"]), "--issuer", "--keystore", one,
        "--keystore", two,
    )  # fmt: skip
    assert replaced[0] == 0, replaced
    # The old key signs nothing more, and what it signed does not spoil the request.
    assert code_of(town.office(*redeem, half, "--keystore", two)) == "key_unknown"
    partly = town.office(*redeem, half, "--keystore", one, "--out", full)
    assert partly[1]["signatures"] == 1, partly
    code, done, error = town.office(*redeem, full, "--keystore", new)
    assert (code, done["status"]) == (0, "final"), error
    assert town.run("baker", "balance")[1]["balance_minor"] == 6_000
    issued = town.office(
        "reserve", "issue", baker, "10", "--reference", "VIR", "--keystore", one, "--keystore", new
    )
    assert issued[0] == 0, issued
    assert town.run("baker", "balance")[1]["balance_minor"] == 7_000


def test_passphrases_change(town: Town) -> None:
    alice = town.make("alice")
    town.issue(alice, "10")
    wallet = town.folder / "alice.json"
    before = wallet.read_bytes()
    new, wrong = town.folder / "new", town.folder / "wrong"
    new.write_text("une toute autre phrase\n")
    wrong.write_text("faux\n")
    change = ("passphrase", "--new-passphrase-file", new)
    known, town.passphrase = town.passphrase, wrong
    assert (
        code_of(
            town.run_line(
                "wallet", *change, "--wallet", wallet, "--passphrase-file", wrong, named=False
            )
        )
        == "passphrase_wrong"
    )
    assert wallet.read_bytes() == before
    done = town.run_line(
        "wallet", *change, "--wallet", wallet, "--passphrase-file", known, named=False
    )
    assert done[0] == 0, done
    town.passphrase = known
    assert code_of(town.run("alice", "balance")) == "passphrase_wrong"
    town.passphrase = new
    assert town.run("alice", "balance")[1]["balance_minor"] == 1_000
    # Keystores of the office: all of those named, or none.
    staff, issuer = town.keystore("arden staff"), town.keystore("arden issuer 0")
    contents = staff.read_bytes(), issuer.read_bytes()
    line = ("office", "keys", "passphrase", staff, issuer, "--new-passphrase-file", new)
    assert (
        code_of(town.run_line(*line, "--passphrase-file", wrong, named=False)) == "passphrase_wrong"
    )
    assert (staff.read_bytes(), issuer.read_bytes()) == contents
    done = town.run_line(*line, "--passphrase-file", known, named=False)
    assert done[0] == 0, done
    assert town.office("keys", "list", "--keystore", staff)[0] == 0
    mixed = ("office", "keys", "passphrase", staff, town.keystore("arden issuer 1"))
    contents = staff.read_bytes(), town.keystore("arden issuer 1").read_bytes()
    failed = town.run_line(
        *mixed, "--new-passphrase-file", known, "--passphrase-file", new, named=False
    )
    assert code_of(failed) == "passphrase_wrong"
    assert (staff.read_bytes(), town.keystore("arden issuer 1").read_bytes()) == contents


def test_the_commons_and_the_recovery_key_get_other_keys(town: Town) -> None:
    """Asked by one key they wait, and any other key may veto; none stands on the account before."""
    town.issue(town.make("alice"), "1")
    staff = town.keystore("arden staff")
    public = read_identity(town.folder / "alice.json").device_key.hex()
    for words in (("--commons",), ("--recovery",)):
        asked = town.office("keys", "add", public, *words, "--keystore", staff)
        assert asked[0] == 0 and "due_ms" in asked[1], asked
        where = words if words == ("--commons",) else ()
        shown = town.office("keys", "list", *where, "--keystore", staff)[1]
        devices, requests = shown["devices"], shown["requests"]
        assert isinstance(devices, list) and isinstance(requests, list)
        assert public not in [one["key"] for one in devices] and len(requests) == 1
        assert town.office("keys", "veto", *where, "--keystore", staff)[0] == 0
    # The recovery key itself does not wait.
    paper = town.keystore("arden recovery")
    added = town.office("keys", "add", public, "--recovery", "--keystore", paper)
    assert added[0] == 0 and "due_ms" not in added[1], added
