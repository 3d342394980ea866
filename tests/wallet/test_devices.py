"""Joining an account, the twelve words, and whose key or request is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.key_changes import AddKey, SetLimit
from ledger.objects import Account, DeviceKey
from ledger.roles import ROLES_OPENED
from primitives.addresses import account_id, format_address
from primitives.errors import Refused
from primitives.signatures import SigningKey
from wallet.device_cards import DeviceCard, parse_device_card
from wallet.keystore_file import WalletIdentity, create_wallet_file, read_identity, unlock
from wallet.paper import new_words, paper_key, read_words
from wallet.powers import due_after, is_lowering, keys_intent, named_key, named_maker

KEY = SigningKey.from_seed(bytes(31) + b"\x01")
OWNER = account_id("arden", bytes(32))
# The first two test vectors of BIP-39 (entropy of 16 bytes 00 and 7f).
ABOUT = "abandon " * 11 + "about"
YELLOW = "legal winner thank year wave sausage worth useful legal winner thank yellow"


def account(*keys: bytes, requests: tuple[bytes, ...] = (), limit: int | None = None) -> Account:
    devices = tuple([DeviceKey(key, ROLES_OPENED, limit, 0, 0) for key in keys])
    return Account(
        b"", OWNER, "arden", "resident", "ARD", 0, bytes(16), 1, devices, 0, 0, 0, 3, requests
    )


def test_a_card_is_read_back_and_a_miscopied_one_refused() -> None:
    card = DeviceCard(format_address("arden", OWNER), KEY.public_key)
    assert parse_device_card(f" {card.line()}\n") == card
    assert card.account_id == OWNER
    line = card.line()
    for place in range(len(line)):
        wrong = line[:place] + ("0" if line[place] != "0" else "1") + line[place + 1 :]
        with pytest.raises(Refused, match="request_malformed"):
            parse_device_card(wrong)
    for wrong in ("", "democite:device/1/", f"{line}/x", line * 3):
        with pytest.raises(Refused, match="request_malformed"):
            parse_device_card(wrong)


def test_words_are_bip_39_and_their_key_never_changes() -> None:
    assert paper_key(ABOUT).public_key == paper_key(f"  {ABOUT.upper()} \n").public_key
    assert paper_key(ABOUT).public_key != paper_key(YELLOW).public_key
    assert paper_key(ABOUT).public_key.hex() == PINNED
    for language in ("fr", "en"):
        words = new_words(language)
        assert len(words.split()) == 12 and words != new_words(language)
        paper_key(words)


PINNED = "ccabe894448a1c36ccbeb55320db0d3b5f55ba6413f13bc0139b053f456db5a9"


@pytest.mark.parametrize(
    "words", ["", "abandon", "abandon " * 12, f"{ABOUT} about", ABOUT.replace("about", "abord")]
)
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises(Refused, match="words_invalid"):
        paper_key(words)


def test_words_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text(f"\ufeff{ABOUT}\n", "utf-8")
    assert paper_key(read_words(file)).public_key.hex() == PINNED
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(Refused, match="words_invalid"):
        read_words(file)


def test_a_wallet_remembers_the_account_that_it_joins_and_notices_another(tmp_path: Path) -> None:
    file = tmp_path / "wallet.json"
    identity = WalletIdentity(bytes(32), "arden", "resident", KEY.public_key, OWNER)
    create_wallet_file(file, identity, KEY, "four words at random")
    assert read_identity(file) == identity
    assert unlock(file, "four words at random")[0].account_id == OWNER
    own = WalletIdentity(bytes(32), "arden", "resident", KEY.public_key)
    content = file.read_text().replace(identity.address, own.address)
    file.write_text("\n".join(line for line in content.splitlines() if '"joined"' not in line))
    with pytest.raises(Refused, match="keystore_malformed"):
        unlock(file, "four words at random")


def test_a_key_is_named_by_enough_of_its_digits() -> None:
    first, second = b"\x11" * 32, b"\x11" * 31 + b"\x12"
    found = account(first, second, b"\x22" * 32)
    assert named_key(found, "22222222").key == b"\x22" * 32
    assert named_key(found, second.hex().upper()).key == second
    for word in ("2222222", "11111111", "33333333", ""):
        with pytest.raises(Refused, match="key_unknown"):
            named_key(found, word)


def test_a_request_is_named_by_its_maker() -> None:
    hall, key = bytes(20), b"\x22" * 32
    assert named_maker(account(key, requests=(key,)), None, hall) == key
    both = account(key, requests=(hall, key))
    assert named_maker(both, "hall", hall) == hall
    assert named_maker(both, "2222222222", hall) == key
    for word in (None, "22", "33333333"):
        with pytest.raises(Refused, match="request_unknown"):
            named_maker(both, word, hall)
    with pytest.raises(Refused, match="request_unknown"):
        named_maker(account(key), None, hall)


def test_only_a_lower_limit_needs_no_delay() -> None:
    found = account(b"\x22" * 32, limit=50)
    assert is_lowering(found, SetLimit(b"\x22" * 32, 50))
    for change in (
        SetLimit(b"\x22" * 32, 51),
        SetLimit(b"\x22" * 32, None),
        SetLimit(b"\x33" * 32, 1),
        AddKey(b"\x33" * 32, 1, 1),
    ):
        assert not is_lowering(found, change)


def test_asking_again_later_is_the_same_wish() -> None:
    found = account(b"\x22" * 32)
    change = AddKey(b"\x33" * 32, 1, None)
    assert keys_intent(found, [change], 5).key() == keys_intent(found, [change], 6).key()
    assert keys_intent(found, [change], 5).key() != keys_intent(found, [change], None).key()
    assert due_after(172_800_000, 0) == 172_800_000 + 1_800_000
    assert due_after(2_000, 0) == 12_000
