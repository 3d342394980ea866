"""Where a wallet keeps its things: the file the user names, and a folder beside it.

alice.json          public part and sealed key (wallet.keystore_file)
alice.json.d/
    genesis.json    the network that this wallet was made for: all that it trusts
    genesis.json.engine  what orders its blocks, where that stood beside the genesis
    headers.json    newest verified final headers (wallet.header_store)
    epochs.bin      the epochs that were followed (wallet.epoch_store)
    sets.bin        the changes of the validator set, under CometBFT (wallet.set_store)
    network.bin     voted terms, cards of later territories (wallet.network_store)
    checkpoint.json what the town hall vouched for, if it was asked (wallet.checkpoint)
    outbox/         signed transactions (wallet.outbox)
    evidence-*.json two final headers that cannot both be
    predecessor-*/  genesis, headers and epochs of a network that another took the place of
"""

import os
from pathlib import Path

from consensus.succession import check_last
from ledger.genesis import Genesis
from primitives.errors import Refused
from primitives.signatures import verify
from wallet.atomic_files import make_private_folder, write_file
from wallet.light.bundles import ENGINES

CHECKPOINT_FILE = "checkpoint.json"
ENGINE_BYTES_MAX = 64
GENESIS_BYTES_MAX = 4 * 1024 * 1024


def default_wallet_file() -> Path:
    """The wallet that is meant when none is named."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "democite" / "wallet.json"


class WalletFolder:
    """The paths of one wallet."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.folder = file.with_name(f"{file.name}.d")
        self.genesis_file = self.folder / "genesis.json"
        self.headers_file = self.folder / "headers.json"
        self.checkpoint_file = self.folder / CHECKPOINT_FILE
        self.outbox_folder = self.folder / "outbox"

    def kept(self, network_id: bytes) -> Path:
        """Where what was trusted of a network stays once another took its place."""
        return self.folder / f"predecessor-{network_id.hex()[:16]}"

    def create(self, genesis: Genesis, engine: str | None = None) -> None:
        """Make the folder and put the genesis into it, and its engine where that is known."""
        make_private_folder(self.folder)
        self.write_engine(engine)
        write_file(self.genesis_file, genesis.to_json().encode())

    def write_engine(self, engine: str | None) -> None:
        """Put beside the genesis what orders its blocks; nothing where that is not known."""
        file = engine_file(self.genesis_file)
        if engine is None:
            file.unlink(missing_ok=True)
        else:
            write_file(file, f"{engine}\n".encode())

    def genesis(self) -> Genesis:
        """The genesis that the wallet was made with."""
        return read_genesis(self.genesis_file)


def engine_file(genesis_file: Path) -> Path:
    """Where the engine of a genesis stands."""
    return genesis_file.with_name(f"{genesis_file.name}.engine")


def read_engine(genesis_file: Path) -> str | None:
    """The engine beside a genesis; None where nothing says it, and headers will show it.

    Raises `Refused("engine_unknown")`.
    """
    file = engine_file(genesis_file)
    try:
        with file.open("rb") as stream:
            engine = stream.read(ENGINE_BYTES_MAX).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    if engine not in ENGINES:
        raise Refused("engine_unknown", engine[:40], file=str(file))
    return engine


def checked_genesis(text: str) -> Genesis:
    """A genesis from its file's text; that of a successor with all that proves it."""
    genesis = Genesis.from_json(text)
    if genesis.succession is not None:
        check_last(genesis.succession, verify)
    return genesis


def read_genesis(file: Path) -> Genesis:
    """A network's genesis. Raises `Refused`: `genesis_malformed` and what the rules refuse."""
    with file.open("rb") as stream:
        raw = stream.read(GENESIS_BYTES_MAX + 1)
    if len(raw) > GENESIS_BYTES_MAX:
        raise Refused("genesis_malformed", file=str(file))
    try:
        return checked_genesis(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Refused("genesis_malformed", file=str(file)) from None
    except Refused as refusal:
        refusal.file = refusal.file or str(file)
        raise
