"""Cards: what was signed is what is read, and nothing else is taken."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from node.cards import (
    CARD_BYTES_MAX,
    IssuerCard,
    issuer_card_to_json,
    read_card,
    read_issuer_card,
    with_issuer,
)
from node.peers.certificates import make_authority
from primitives.errors import Refused
from tests.node.founding import any_key, edited, make_card, make_sealing_fast

Change = Callable[[dict[str, object]], object]


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as monkeypatch:
        make_sealing_fast(monkeypatch)
        return make_card(tmp_path_factory.mktemp("cards"))


def setting(name: str, value: object) -> Change:
    return lambda content: content.__setitem__(name, value)


def test_a_card_says_what_the_territory_is(card: Path) -> None:
    read = read_card(card)
    assert (read.territory.prefix, read.territory.name, read.demo) == ("arden", "Arden", False)
    assert [one.code for one in read.territory.currencies] == ["ARD"]


def test_a_byte_order_mark_is_accepted(card: Path, tmp_path: Path) -> None:
    marked = tmp_path / "card"
    marked.write_bytes(b"\xef\xbb\xbf" + card.read_bytes())
    assert read_card(marked) == read_card(card)


@pytest.mark.parametrize(
    "change",
    [
        setting("name", "Ardem"),
        setting("prefix", "ardem"),
        setting("http", "198.51.100.1:80"),
        setting("peer", "198.51.100.1:80"),
        setting("demo", True),
        setting("recovery_key", any_key("thief").public_key.hex()),
        setting("signing_keys", [any_key("thief").public_key.hex()]),
        setting("issuer_keys", [any_key("thief").public_key.hex()]),
        setting("cometbft_key", any_key("thief").public_key.hex()),
        setting("signature", "00" * 64),
        setting("signature", "zz"),
        setting("signature", 7),
        lambda content: content.pop("signature"),
        lambda content: content["currencies"][0].__setitem__("decimals", 3),
    ],
)
def test_an_altered_card_is_refused(card: Path, tmp_path: Path, change: Change) -> None:
    with pytest.raises(Refused) as caught:
        read_card(edited(card, tmp_path / "card", change))
    assert caught.value.code == "signature_invalid"
    assert caught.value.file == str(tmp_path / "card")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (setting("kind", "issuer_card"), "card_malformed"),
        (setting("version", 2), "version_unknown"),
        (setting("voting_key", any_key("thief").public_key.hex()), "card_malformed"),
        (setting("voting_key", "01" + "00" * 31), "card_malformed"),
        (setting("authority", make_authority(any_key("thief")).hex()), "card_malformed"),
        (setting("authority", "00"), "card_malformed"),
        (setting("signing_threshold", 3), "card_malformed"),
        (setting("currencies", []), "card_malformed"),
        (lambda content: content.pop("peer"), "card_malformed"),
    ],
)
def test_a_card_that_could_not_be_right_is_named_so(
    card: Path, tmp_path: Path, change: Change, code: str
) -> None:
    with pytest.raises(Refused) as caught:
        read_card(edited(card, tmp_path / "card", change))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 50_000,
        b" " * (CARD_BYTES_MAX + 1),
        b'{"kind": "card"}',
    ],
)
def test_what_is_no_card_is_refused(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "card"
    file.write_bytes(raw)
    with pytest.raises(Refused) as caught:
        read_card(file)
    assert caught.value.code in ("card_malformed", "version_unknown")


@pytest.fixture
def issuer(tmp_path: Path) -> Path:
    keys = [any_key(f"issuer {number}") for number in range(3)]
    content = IssuerCard("ARD", tuple([key.public_key for key in keys]), 2, False)
    file = tmp_path / "issuer"
    file.write_text(issuer_card_to_json(content, keys), encoding="utf-8")
    return file


def test_an_issuer_stands_in_the_territory(card: Path, issuer: Path) -> None:
    territory = with_issuer(read_card(card).territory, read_issuer_card(issuer))
    assert (len(territory.issuer_keys), territory.issuer_threshold) == (3, 2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (setting("threshold", 1), "signature_invalid"),
        (setting("demo", True), "signature_invalid"),
        (setting("currency", "BRU"), "signature_invalid"),
        (setting("threshold", 4), "card_malformed"),
        (setting("threshold", True), "card_malformed"),
        (setting("keys", []), "card_malformed"),
        (setting("keys", None), "card_malformed"),
        (setting("signatures", []), "card_malformed"),
        (lambda content: content["keys"].pop(), "card_malformed"),
        (lambda content: content["signatures"].reverse(), "signature_invalid"),
        (setting("kind", "card"), "card_malformed"),
    ],
)
def test_an_altered_issuer_is_refused(
    issuer: Path, tmp_path: Path, change: Change, code: str
) -> None:
    with pytest.raises(Refused) as caught:
        read_issuer_card(edited(issuer, tmp_path / "altered", change))
    assert caught.value.code == code


def test_an_issuer_of_another_currency(card: Path, tmp_path: Path) -> None:
    key = any_key("issuer")
    file = tmp_path / "issuer"
    other = IssuerCard("BRU", (key.public_key,), 1, False)
    file.write_text(issuer_card_to_json(other, [key]), encoding="utf-8")
    with pytest.raises(Refused) as caught:
        with_issuer(read_card(card).territory, read_issuer_card(file))
    assert caught.value.code == "currency_mismatch"


def test_a_card_holds_no_secret(card: Path) -> None:
    names = set(json.loads(card.read_text("utf-8")))
    assert names == {
        "kind", "version", "demo", "name", "prefix", "currencies", "peer", "http", "voting_key",
        "authority", "signing_keys", "signing_threshold", "recovery_key", "issuer_keys",
        "issuer_threshold", "node_key", "cometbft_key", "wage_cap_bps",
        "two_signers_above_minor", "signature",
    }  # fmt: skip
