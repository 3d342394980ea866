"""Cards: what a territory, or an issuer, hands over in public.

A territory's card holds what the genesis will say of it, signed by its voting key, so that whoever
collects the cards can't alter one unseen. An issuer's card holds its keys, signed by each of them.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.founders import GenesisCurrency, Territory, territory_from_json, territory_to_json
from node.peers.certificates import check_authority
from primitives.encoding import encode
from primitives.errors import Refused
from primitives.signatures import SigningKey, is_registrable, signed_message, verify
from primitives.versions import check_version

CARD_VERSION = 1
CARD_BYTES_MAX = 65_536
NO_NETWORK = bytes(32)
CARD_FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Card:
    """A territory that would found or join a network. `demo`: its keys come from a seed."""

    territory: Territory
    demo: bool


@dataclass(frozen=True, slots=True)
class IssuerCard:
    """Who issues a currency: public keys and how many of them must sign."""

    currency: str
    keys: tuple[bytes, ...]
    threshold: int
    demo: bool


def _card_message(card: Card) -> bytes:
    return signed_message(
        "card", NO_NETWORK, encode(("card", 1, card.demo, card.territory.value()))
    )


def _issuer_message(card: IssuerCard) -> bytes:
    content = ("issuer_card", 1, card.demo, card.currency, card.keys, card.threshold)
    return signed_message("issuer_card", NO_NETWORK, encode(content))


def card_to_json(card: Card, voting_key: SigningKey) -> str:
    """The card's file, signed."""
    content = {
        "kind": "card",
        "version": CARD_VERSION,
        "demo": card.demo,
        **territory_to_json(card.territory),
        "signature": voting_key.sign(_card_message(card)).hex(),
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def read_card(path: Path) -> Card:
    """Read and verify a card. Raises `Refused`: `card_malformed`, `signature_invalid`."""
    content = _read(path, "card")
    try:
        card = Card(territory_from_json(content), content.get("demo") is True)
        check_authority(card.territory.authority_der, card.territory.voting_key)
    except Refused as refusal:
        raise Refused(
            "card_malformed", refusal.detail or refusal.code, file=str(path), field=refusal.field
        ) from refusal
    signature = _hex(content.get("signature"))
    if not verify(card.territory.voting_key, _card_message(card), signature):
        raise Refused("signature_invalid", "this card was altered", file=str(path))
    return card


def issuer_card_to_json(card: IssuerCard, keys: list[SigningKey]) -> str:
    """The issuer's card, signed by every key."""
    message = _issuer_message(card)
    content = {
        "kind": "issuer_card",
        "version": CARD_VERSION,
        "demo": card.demo,
        "currency": card.currency,
        "keys": [key.hex() for key in card.keys],
        "threshold": card.threshold,
        "signatures": [key.sign(message).hex() for key in keys],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def read_issuer_card(path: Path) -> IssuerCard:
    """Read and verify an issuer's card. Raises `Refused`: `card_malformed`, `signature_invalid`."""
    content = _read(path, "issuer_card")
    keys, signatures = content.get("keys"), content.get("signatures")
    currency, threshold = content.get("currency"), content.get("threshold")
    if not isinstance(keys, list) or not isinstance(signatures, list):
        raise Refused("card_malformed", "keys or signatures are missing", file=str(path))
    if not isinstance(currency, str) or type(threshold) is not int:
        raise Refused("card_malformed", "currency or threshold is missing", file=str(path))
    card = IssuerCard(
        currency, tuple([_hex(key) for key in keys]), threshold, content.get("demo") is True
    )
    if not 1 <= card.threshold <= len(card.keys) or len(signatures) != len(card.keys):
        raise Refused("card_malformed", "threshold, keys and signatures don't fit", file=str(path))
    message = _issuer_message(card)
    for key, signature in zip(card.keys, signatures, strict=True):
        if not is_registrable(key) or not verify(key, message, _hex(signature)):
            raise Refused("signature_invalid", "this card was altered", file=str(path))
    return card


def with_issuer(territory: Territory, issuer: IssuerCard) -> Territory:
    """The territory with an issuer that made its keys elsewhere."""
    if issuer.currency != territory.currencies[0].code:
        raise Refused("currency_mismatch", f"the issuer's card is for {issuer.currency}")
    return replace(territory, issuer_keys=issuer.keys, issuer_threshold=issuer.threshold)


def currency_of(code: str) -> GenesisCurrency:
    """A euro-backed currency with the usual terms."""
    return GenesisCurrency(code)


def _read(path: Path, kind: str) -> dict[str, object]:
    with path.open("rb") as stream:
        raw = stream.read(CARD_BYTES_MAX + 1)
    try:
        content = json.loads(raw.decode("utf-8-sig")) if len(raw) <= CARD_BYTES_MAX else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("kind") != kind:
        raise Refused("card_malformed", f"this is not a file of the kind {kind}", file=str(path))
    try:
        check_version(content.get("version"), CARD_VERSION)
    except Refused as refusal:
        refusal.file = str(path)
        raise
    return content


def _hex(value: object) -> bytes:
    try:
        return bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        return b""
