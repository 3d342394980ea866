"""A demonstration's folder.

DIR/
    network.json        what runs where; rewritten whenever a process starts
    demo.json           seed, ports, how far the demonstration got, its figures
    month.jsonl         which acts of the month are done, and what came of them
    steps.txt           which steps of its plan have ended
    lock                one demonstration at a time
    genesis.json        the network
    cards/              what the town halls hand over
    logs/               what each node writes
    PREFIX/             one town hall: `node/` (its data), recovery, staff, issuer keys, passphrase
    wallets/            the wallets offered to visitors
"""

import json
import secrets
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clients.demo.places import Place
from terminal.errors import CommandError
from terminal.languages import text
from wallet.atomic_files import make_private_folder, write_file
from wallet.folder import engine_file, read_engine

KIND = "demo"
DEFAULT_ENGINE = "simplex"
VERSION = 2

CREATED, OPENED, ISSUED, EARNED, PAID = "created", "opened", "issued", "earned", "paid"
STAGES = (CREATED, OPENED, ISSUED, EARNED, PAID)


@dataclass
class Progress:
    """How far a demonstration got, and what it counted."""

    seed: int
    port_base: int
    stage: str = CREATED
    paying_since_ms: int = 0
    payments: int = 0
    refunds: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    wages: dict[str, int] = field(default_factory=dict)
    bulletins: dict[str, int] = field(default_factory=dict)
    finality_ms: dict[str, float] = field(default_factory=dict)

    def reached(self, stage: str) -> bool:
        """Whether that stage is behind us."""
        return STAGES.index(self.stage) >= STAGES.index(stage)


class DemoFolder:
    """The paths of one demonstration."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.network_file = root / "network.json"
        self.progress_file = root / "demo.json"
        self.month_file = root / "month.jsonl"
        self.steps_file = root / "steps.txt"
        self.lock_file = root / "lock"
        self.genesis_file = root / "genesis.json"
        self.cards = root / "cards"
        self.logs = root / "logs"
        self.wallets = root / "wallets"

    @property
    def engine(self) -> str:
        """What orders the network's blocks, as the file beside the genesis says."""
        return read_engine(self.genesis_file) or DEFAULT_ENGINE

    def town_hall(self, place: Place) -> Path:
        """The folder of one territory."""
        return self.root / place.prefix

    def node_data(self, place: Place) -> Path:
        """The data folder of its node."""
        return self.town_hall(place) / "node"

    def passphrase_file(self, place: Place) -> Path:
        """The passphrase of its keys; on paper in earnest."""
        return self.town_hall(place) / "passphrase.txt"

    def recovery_file(self, place: Place) -> Path:
        """Its recovery key; away from the node in earnest."""
        return self.town_hall(place) / "recovery.json"

    def card(self, place: Place) -> Path:
        """Its public card."""
        return self.cards / f"{place.prefix}.card"

    def log(self, place: Place) -> Path:
        """What its node says on stderr."""
        return self.logs / f"{place.prefix}.log"

    def prepare(self) -> None:
        """Make the folder; raises `CommandError` when something else is in it."""
        if self.root.exists() and not self.root.is_dir():
            raise CommandError("file_exists", file=str(self.root))
        if self.root.is_dir() and any(self.root.iterdir()) and not self.lock_file.exists():
            raise CommandError(
                "file_exists",
                text(
                    "ce dossier contient autre chose qu'une démonstration",
                    "this folder holds something else than a demonstration",
                ),
                text("donnez un dossier neuf à --data", "give --data a new folder"),
                file=str(self.root),
            )
        make_private_folder(self.root)

    def remove_unfinished(self, places: tuple[Place, ...]) -> None:
        """Remove what an interrupted making left behind: it was never a network, and commands
        write over nothing."""
        for folder in (self.cards, self.wallets, *map(self.town_hall, places)):
            shutil.rmtree(folder, ignore_errors=True)
        genesis = self.genesis_file
        for file in (genesis, engine_file(genesis), self.month_file, self.steps_file):
            file.unlink(missing_ok=True)

    def make_parts(self, places: tuple[Place, ...]) -> None:
        """Make the folders inside, and a passphrase for each town hall."""
        for folder in (self.cards, self.logs, self.wallets, *map(self.town_hall, places)):
            make_private_folder(folder)
        for place in places:
            write_file(self.passphrase_file(place), secrets.token_hex(16).encode() + b"\n")

    def read_progress(self) -> Progress | None:
        """How far it got; None when the network was never made."""
        try:
            content: dict[str, Any] = json.loads(self.progress_file.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            content = {}
        if content.pop("kind", None) != KIND:
            raise CommandError("file_unreadable", file=str(self.progress_file))
        version = content.pop("version", None)
        if version != VERSION:
            is_newer = type(version) is int and version > VERSION
            code = "data_of_newer_version" if is_newer else "file_unreadable"
            raise CommandError(code, file=str(self.progress_file))
        try:
            return Progress(**content)
        except TypeError:
            raise CommandError("file_unreadable", file=str(self.progress_file)) from None

    def write_progress(self, progress: Progress) -> None:
        """Note how far it got."""
        content = {"kind": KIND, "version": VERSION, **asdict(progress)}
        write_file(self.progress_file, json.dumps(content, indent=2).encode() + b"\n")
