"""Wallet files, requests and links: what is written can be read, anything else is refused."""

import json
import stat
from pathlib import Path

import pytest

from primitives.errors import Refused
from primitives.signatures import SigningKey
from wallet.account_requests import AccountRequest, parse_account_request
from wallet.atomic_files import FileLock, locked, write_file
from wallet.keystore_file import WalletIdentity, create_wallet_file, read_identity, unlock
from wallet.payment_links import PaymentLink, parse_payment_link

KEY = SigningKey.from_seed(bytes(range(32)))
IDENTITY = WalletIdentity(b"\x07" * 32, "arden", "resident", KEY.public_key)


def test_a_wallet_file_keeps_its_key_sealed(tmp_path: Path) -> None:
    file = tmp_path / "w.json"
    create_wallet_file(file, IDENTITY, KEY, "à la bonne heure")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert KEY.seed.hex() not in file.read_text()
    assert read_identity(file) == IDENTITY
    identity, key = unlock(file, "à la bonne heure")
    assert (identity, key.seed) == (IDENTITY, KEY.seed)
    with pytest.raises(Refused) as caught:
        unlock(file, "wrong")
    assert caught.value.code == "passphrase_wrong"


def test_a_wallet_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "w.json"
    create_wallet_file(file, IDENTITY, KEY, "x")
    with pytest.raises(FileExistsError):
        create_wallet_file(file, IDENTITY, KEY, "x")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", "arden1xyz"),
        ("territory", "brume"),
        ("device_key", "00" * 32),
        ("network_id", "zz"),
        ("keystore", "x"),
        ("kind", "other"),
    ],
)
def test_a_changed_public_part_is_noticed(tmp_path: Path, field: str, value: object) -> None:
    file = tmp_path / "w.json"
    create_wallet_file(file, IDENTITY, KEY, "x")
    content = json.loads(file.read_text())
    content[field] = value
    file.write_text(json.dumps(content))
    with pytest.raises(Refused) as caught:
        unlock(file, "x")
    assert caught.value.code == "keystore_malformed"


def test_another_networks_id_in_the_clear_part_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "w.json"
    create_wallet_file(file, IDENTITY, KEY, "x")
    file.write_text(file.read_text().replace("07" * 32, "08" * 32))
    with pytest.raises(Refused) as caught:
        unlock(file, "x")
    assert caught.value.code == "keystore_malformed"


def test_a_file_is_written_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    write_file(tmp_path / "f", b"1")
    write_file(tmp_path / "f", b"2")
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "f", b"3", replace=False)
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"2"


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "l"), FileLock(tmp_path / "l")
    assert first.try_acquire()
    assert not second.try_acquire()
    with pytest.raises(Refused) as caught, locked(tmp_path / "l", timeout_ms=50):
        pass
    assert caught.value.code == "wallet_in_use"
    first.release()
    with locked(tmp_path / "l", timeout_ms=50):
        assert not second.try_acquire()


def test_an_account_request_is_one_line() -> None:
    request = AccountRequest("arden", "resident", KEY.public_key)
    assert parse_account_request(f"  {request.line()}\n") == request


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line[:-1] + ("0" if line[-1] != "0" else "1"),
        lambda line: line.replace("resident", "programme"),
        lambda line: line.replace("account/1/", "account/2/"),
        lambda line: line + "/x",
        lambda line: line.replace("arden1", "brume1"),
        lambda _: "",
        lambda line: line * 3,
    ],
)
def test_a_miscopied_account_request_is_refused(change: object) -> None:
    line = AccountRequest("arden", "resident", KEY.public_key).line()
    with pytest.raises(Refused) as caught:
        parse_account_request(change(line))  # type: ignore[operator]
    assert caught.value.code == "request_malformed"


@pytest.mark.parametrize("note", ["", "Pain & café, 2 × ½ / 100 %"])
@pytest.mark.parametrize("amount_minor", [None, 0, 1250, 2**53 - 1])
def test_a_payment_link_comes_back(note: str, amount_minor: int | None) -> None:
    link = PaymentLink(IDENTITY.address, amount_minor, note)
    assert parse_payment_link(link.url("https://monnaie.arden.example")) == link


def test_a_link_in_capitals_names_the_same_address() -> None:
    link = parse_payment_link(f"HTTPS://X/p#1/{IDENTITY.address.upper()}/5")
    assert link == PaymentLink(IDENTITY.address, 5)


@pytest.mark.parametrize(
    "payload",
    ["", "1", "2/{a}/5", "1/{a}/5/n/x", "1/{a}/-5", "1/{a}/5.0", "1/{a}/٣", "1/x/5",
     "1/{a}/99999999999999999999", "1/{a}/5/%0A", "1/{a}/5/" + "n" * 200],
)  # fmt: skip
def test_other_links_are_refused(payload: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_payment_link("https://x/p#" + payload.format(a=IDENTITY.address))
    assert caught.value.code == "request_malformed"


def test_an_amount_above_the_limit_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        parse_payment_link(f"https://x/p#1/{IDENTITY.address}/{2**53}")
    assert caught.value.code == "amount_out_of_range"


def test_a_link_fits_a_code_of_version_9() -> None:
    import segno

    link = PaymentLink(IDENTITY.address, 2**53 - 1, "n" * 30)
    code = segno.make(link.url("https://monnaie.arden.example"), error="m", micro=False)
    assert int(code.version) <= 9
    with pytest.raises(Refused):
        PaymentLink(IDENTITY.address, 1, "n" * 140).url("https://monnaie.arden.example")
