"""Who signs for a town hall: keystores as people name them on a command line."""

import asyncio
from pathlib import Path

import pytest

from clients.office.signers import open_signers
from ledger.account_kinds import TERRITORY
from primitives.errors import Refused
from primitives.keystore import seal
from tests.wallet.people import chain_with_people
from wallet.light.trust import TrustedNetwork

PASSPHRASE = "une phrase bien longue"


def keystore(file: Path, seed: int) -> Path:
    """A sealed signing key; the sealing is cheap, for tests alone."""
    payload = ("key", 1, "staff", bytes([seed]) * 32)
    salt, nonce = bytes(16), bytes(24)
    file.write_bytes(
        seal(payload, PASSPHRASE, salt=salt, nonce=nonce, opslimit=1, memlimit_bytes=8_192)
    )
    return file


def test_one_key_named_twice_is_called_so(tmp_path: Path) -> None:
    first, other = keystore(tmp_path / "1.json", 1), keystore(tmp_path / "2.json", 2)
    copy = keystore(tmp_path / "copy.json", 1)
    phrase = tmp_path / "phrase"
    phrase.write_text(PASSPHRASE)
    network = TrustedNetwork(chain_with_people().genesis)
    for twice in (first, copy):
        with pytest.raises(Refused, match="keystore_twice") as refused:
            asyncio.run(open_signers(network, (), [first, other, twice], [phrase], TERRITORY))
        assert refused.value.file == str(twice)
