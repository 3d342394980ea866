"""Wallets for visitors: the only keys of residents that are ever written to disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.demo.folder import DemoFolder
from clients.demo.people import Person
from ledger.account_kinds import RESIDENT
from ledger.genesis import Genesis
from wallet.atomic_files import write_file
from wallet.folder import WalletFolder
from wallet.keystore_file import WalletIdentity, create_wallet_file

PASSPHRASE = "bienvenue"


@dataclass(frozen=True)
class VisitorWallet:
    """A wallet with money in it."""

    prefix: str
    file: Path
    passphrase_file: Path
    address: str

    def value(self) -> dict[str, str]:
        """As it stands in network.json."""
        return {
            "territory": self.prefix,
            "file": str(self.file),
            "passphrase_file": str(self.passphrase_file),
            "address": self.address,
        }


def make_wallets(
    folder: DemoFolder, genesis: Genesis, engine: str, people: Sequence[Person]
) -> list[VisitorWallet]:
    """The wallets of these people; those that are there already stay as they are."""
    passphrase_file = folder.wallets / "passphrase.txt"
    if not passphrase_file.exists():
        write_file(passphrase_file, PASSPHRASE.encode() + b"\n")
    made: list[VisitorWallet] = []
    for person in people:
        prefix = person.place.prefix
        file = folder.wallets / f"{prefix}-{person.index + 1}.json"
        if not file.exists():
            identity = WalletIdentity(
                genesis.network_id, prefix, RESIDENT, person.signing_key.public_key
            )
            WalletFolder(file).create(genesis, engine)
            create_wallet_file(file, identity, person.signing_key, PASSPHRASE)
        made.append(VisitorWallet(prefix, file, passphrase_file, person.address))
    return made
