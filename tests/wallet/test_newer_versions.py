"""What a newer program wrote on a wallet's machine is refused by its name, never passed over."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.office.act_drafts import read_draft
from primitives.errors import Refused
from primitives.signatures import SigningKey
from tests.clients.test_act_drafts import draft
from wallet.checkpoint import read_checkpoint, write_checkpoint
from wallet.keystore_file import WalletIdentity, create_wallet_file, read_identity, unlock
from wallet.outbox_entry import Entry, entry_from_json

KEY = SigningKey.from_seed(bytes(range(32)))
IDENTITY = WalletIdentity(bytes(32), "arden", "resident", KEY.public_key)


def _wallet(file: Path) -> None:
    create_wallet_file(file, IDENTITY, KEY, "x")


def _entry(file: Path) -> None:
    file.write_bytes(Entry(1, "payment.pay", b"body", b"raw", 1, 2, "intent").to_json())


def _read_entry(file: Path) -> Entry:
    return entry_from_json(file.read_bytes(), str(file))


def _checkpoint(file: Path) -> None:
    write_checkpoint(file, 3, bytes(32))


FILES: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "wallet": (_wallet, read_identity),
    "wallet to sign with": (_wallet, lambda file: unlock(file, "x")),
    "outbox": (_entry, _read_entry),
    "checkpoint": (_checkpoint, read_checkpoint),
    "act": (lambda file: draft().write(file), read_draft),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("version", [2, 0, True, "1"])
def test_another_version_is_named_so(name: str, version: object, tmp_path: Path) -> None:
    make, read = FILES[name]
    file = tmp_path / "file.json"
    make(file)
    read(file)
    # What a newer program writes may have other fields and other values of them.
    content = {**json.loads(file.read_text()), "version": version, "state": "new", "more": 1}
    content.pop("keystore", None)
    file.write_text(json.dumps(content))
    before = file.read_bytes()
    with pytest.raises(Refused) as caught:
        read(file)
    assert (caught.value.code, caught.value.file) == ("version_unknown", str(file))
    assert file.read_bytes() == before
