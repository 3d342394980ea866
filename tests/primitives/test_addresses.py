"""Bech32m and addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives import bech32m
from primitives.addresses import Address, account_id, format_address, is_prefix, parse_address
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_items

PREFIXES = st.from_regex(r"[a-z][a-z0-9]{2,11}", fullmatch=True)
IDS = st.binary(min_size=20, max_size=20)
ID = bytes(range(20))


def assert_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_address(text)
    assert refusal.value.code == "address_malformed"


@given(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), st.binary(max_size=38))
def test_bech32m_gives_back_what_was_encoded(hrp: str, payload: bytes) -> None:
    text = bech32m.encode(hrp, payload)
    assert bech32m.decode(text) == (hrp, payload)
    assert bech32m.decode(text.upper()) == (hrp, payload)


@given(PREFIXES, IDS)
def test_an_address_says_its_territory_and_its_account(prefix: str, id: bytes) -> None:
    address = format_address(prefix, id)
    assert address.startswith(prefix + "1") and address == address.lower()
    assert parse_address(address) == Address(prefix, id)
    assert parse_address(address.upper()) == Address(prefix, id)


@given(PREFIXES, IDS, st.data())
def test_a_wrong_character_is_noticed(prefix: str, id: bytes, data: st.DataObject) -> None:
    address = format_address(prefix, id)
    at = data.draw(st.integers(0, len(address) - 1))
    other = data.draw(st.characters(exclude_characters=address[at]))
    changed = address[:at] + other + address[at + 1 :]
    assert_refused(changed)


@given(st.text(max_size=95))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        address = parse_address(text)
    except Refused as refusal:
        assert refusal.code == "address_malformed"
    else:
        assert format_address(*address) == text.lower()


def test_other_payloads_are_no_addresses() -> None:
    assert_refused(bech32m.encode("lyon", b"\x00" + ID[:19]))
    assert_refused(bech32m.encode("lyon", b"\x00" + ID + b"\x00"))
    assert_refused(bech32m.encode("lyon", b"\x01" + ID))
    assert_refused(bech32m.encode("ly", b"\x00" + ID))
    assert_refused(bech32m.encode("1lyon", b"\x00" + ID))
    assert_refused(" " + format_address("lyon", ID))
    assert_refused(format_address("lyon", ID) + "\n")
    assert_refused("")
    assert_refused("q" * 100_000)


def test_padding_is_short_and_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = bech32m._to_groups(b"\x00" + ID)
    assert len(groups) == 34
    for wrong in ([*groups, 0], [*groups[:-1], groups[-1] | 1], [*groups[:-1], groups[-1] | 2]):
        with monkeypatch.context() as patch:
            patch.setattr(bech32m, "_to_groups", lambda payload, wrong=wrong: wrong)
            text = bech32m.encode("lyon", b"")
        assert bech32m.decode_groups(text) == ("lyon", wrong)
        assert_refused(text)


@pytest.mark.parametrize("hrp", ["", "Lyon", "é", "a b", "x" * 80])
def test_other_prefixes_are_refused(hrp: str) -> None:
    with pytest.raises(Refused, match="address_malformed"):
        bech32m.encode(hrp, ID)


def test_prefixes() -> None:
    for good in ("abc", "lyon", "a23456789012", "bzh"):
        assert is_prefix(good)
    for bad in ("", "ab", "1abc", "Lyon", "lyon\n", "ly-on", "lyoñ", "a" * 13, "٣abc", None, 3):
        assert not is_prefix(bad)


def test_an_id_follows_from_the_prefix_and_the_first_key() -> None:
    key = b"k" * 32
    assert account_id("lyon", key) == hash_items("account", ["lyon", key])[:20]
    assert account_id("lyon", key) != account_id("lille", key)
    for prefix, wrong_key in (("LYON", key), ("lyon", key[:31])):
        with pytest.raises(InvariantBroken):
            account_id(prefix, wrong_key)
    with pytest.raises(InvariantBroken):
        format_address("lyon", ID[:19])
