"""Opening a wallet for a command: files, network, key, nodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.genesis import Genesis
from primitives import addresses
from primitives.errors import Refused
from terminal.errors import CommandError
from terminal.languages import text
from terminal.passphrases import read_passphrase
from wallet.folder import WalletFolder, default_wallet_file, read_engine, read_genesis
from wallet.following import meet
from wallet.keystore_file import WalletIdentity, read_identity, unlock
from wallet.lane_owner import LaneOwner
from wallet.light.trust import TrustedNetwork
from wallet.network_store import NetworkStore
from wallet.node_urls import node_urls_of


@dataclass(frozen=True)
class OpenedWallet:
    """What a command works with."""

    folder: WalletFolder
    identity: WalletIdentity
    network: TrustedNetwork
    urls: tuple[str, ...]

    def owner(self, passphrase_file: Path | None) -> LaneOwner:
        """Ask for the passphrase and unseal the key."""
        passphrase = read_passphrase(passphrase_file, what=self.folder.file.name)
        identity, signing_key = unlock(self.folder.file, passphrase)
        return LaneOwner(identity.prefix, identity.account_id, signing_key)

    @property
    def home_urls(self) -> tuple[str, ...]:
        """The nodes to ask what the territory's own node alone knows.

        What the user named may stand before it; of those in the genesis only the first is home.
        """
        named = node_urls_of(self.network, self.identity.prefix)
        return named[:1] if self.urls == named else self.urls

    @property
    def currency(self) -> tuple[str, int]:
        """Code and decimals of the territory's first currency."""
        currency = self.network.territory(self.identity.prefix).currencies[0]
        return currency.code, currency.decimals


def open_wallet(
    wallet_file: Path | None, genesis_file: Path | None, urls: Sequence[str]
) -> OpenedWallet:
    """Find the wallet, and the network it was made for.

    Raises `Refused("wallet_of_other_network")` when `--genesis` names another one.
    """
    folder = wallet_folder(wallet_file)
    if not folder.file.exists():
        raise CommandError(
            "file_missing",
            text("ce portefeuille n'existe pas", "this wallet does not exist"),
            text(
                "créez-le : democite wallet init --territory PREFIX --genesis FILE",
                "make it: democite wallet init --territory PREFIX --genesis FILE",
            ),
            file=str(folder.file),
        )
    identity = read_identity(folder.file)
    genesis = read_genesis(genesis_file) if genesis_file else folder.genesis()
    if genesis.succession is not None and genesis.succession.predecessor == identity.network_id:
        # Never silently: its owner is asked.
        raise Refused("network_succeeded", genesis.network_id.hex())
    if genesis.network_id != identity.network_id:
        raise Refused("wallet_of_other_network", file=str(genesis_file or folder.genesis_file))
    network = TrustedNetwork(genesis, read_engine(folder.genesis_file))
    named = None if genesis_file is None else read_engine(genesis_file)
    if named is not None:
        network.check_engine(named)
        network.engine = named
    NetworkStore(folder.folder, network).load()
    return OpenedWallet(
        folder, identity, network, tuple(urls) or node_urls_of(network, identity.prefix)
    )


def wallet_folder(wallet_file: Path | None) -> WalletFolder:
    """The wallet that is named, else the default one."""
    return WalletFolder(wallet_file or default_wallet_file())


def require_genesis(genesis_file: Path | None) -> Genesis:
    """The genesis that must be named. Raises `CommandError("option_missing")`."""
    if genesis_file is None:
        raise CommandError(
            "option_missing",
            text("il manque --genesis FILE", "--genesis FILE is missing"),
            text(
                "le fichier de genèse vient de votre territoire",
                "the genesis file comes from your territory",
            ),
        )
    return read_genesis(genesis_file)


def require_network(genesis_file: Path | None) -> TrustedNetwork:
    """The network of that genesis, and its engine where that stands beside it. Raises as
    `require_genesis`, and `Refused("engine_unknown")`."""
    genesis = require_genesis(genesis_file)
    return TrustedNetwork(genesis, None if genesis_file is None else read_engine(genesis_file))


async def meet_address(opened: OpenedWallet, word: str) -> None:
    """Learn of which territory an address is, where it is none of those known. What is no address
    is left for its reader to refuse. Raises as `wallet.following.meet`."""
    try:
        prefix = addresses.parse_address(word.strip()).prefix
    except Refused:
        return
    await meet(opened.network, opened.urls, opened.folder.folder, prefix)


def parse_address_of(network: TrustedNetwork, word: str) -> addresses.Address:
    """An address of this network.

    Raises `Refused`: `address_malformed`, `address_of_other_network`.
    """
    parsed = addresses.parse_address(word.strip())
    network.territory(parsed.prefix)
    return parsed
