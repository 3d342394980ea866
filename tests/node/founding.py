"""Town halls for tests of the commands: plans, cards and keys, with a fast key derivation."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from node import keys as node_keys
from node.founding import NodePlan, init_node
from primitives.keystore import seal
from primitives.signatures import SigningKey

PASSPHRASE = "quatre mots au hasard"


def make_sealing_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cheap argon2id; what is sealed says so itself, so it opens as usual."""
    monkeypatch.setattr(node_keys, "seal", partial(seal, opslimit=1, memlimit_bytes=8_192))


def plan(folder: Path, prefix: str = "arden", port: int = 7_000, **changes: object) -> NodePlan:
    """What a town hall would type. `port` and the next are its peer and HTTP ports."""
    home = folder / prefix
    fields: dict[str, object] = {
        "data": home / "data",
        "name": prefix.capitalize(),
        "prefix": prefix,
        "currency": prefix[:3].upper(),
        "peer": f"127.0.0.1:{port}",
        "http": f"127.0.0.1:{port + 1}",
        "card": home / "card.json",
        "recovery_out": home / "safe" / "recovery.json",
        "store": "leveldb",
        "issuer_card": None,
        "demo_seed": None,
    }
    make: Callable[..., NodePlan] = NodePlan
    return make(**(fields | changes))


def make_card(folder: Path, prefix: str = "arden", port: int = 7_000, **changes: object) -> Path:
    """Run `node init` as far as tests need it; the card's file."""
    chosen = plan(folder, prefix, port, **changes)
    init_node(chosen, PASSPHRASE)
    return chosen.card


def edited(card: Path, out: Path, change: Callable[[dict[str, object]], object]) -> Path:
    """A copy of a JSON file in which something was changed."""
    content = json.loads(card.read_text("utf-8"))
    change(content)
    out.write_text(json.dumps(content), encoding="utf-8")
    return out


def all_paths(folder: Path) -> set[Path]:
    """Everything under a folder."""
    return set(folder.rglob("*"))


def any_key(text: str) -> SigningKey:
    """Some key that is always the same."""
    return SigningKey.from_seed(text.encode().ljust(32, b"\0")[:32])
