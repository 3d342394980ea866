"""A node's data folder: what stands where, whose it is, and that one process uses it.

node.json   kind, version, name, prefix, addresses, store; network and engine once started
keys/       see `node.keys`          journal/  the consensus journal
store/      the chain                audit/    who read what, and why
registry/   what the territory keeps to itself: people, hours, wages, consents
peers/      cards of observers that the operator admits
card.json   what this territory handed out; a territory that joins later is known by it
lock        held while a process uses the folder
cometbft/   the other engine's own files; signed-last, or signed-last-…, what a key signed last
succeeding/ while the folder goes over to a successor network (`node.succession.taking_over`);
            predecessor-…/ is what it was before
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from node.private_files import PRIVATE_FILE_MODE, replace_file
from primitives.errors import Refused

FOLDER_VERSION = 1
OBSERVERS_FOLDER = "peers"
SUCCEEDING_FOLDER = "succeeding"
FILE_BYTES_MAX = 16_384
COMETBFT_FOLDER = "cometbft"
SIGNED_LAST_FILE = "signed-last"


@dataclass(frozen=True, slots=True)
class NodeFile:
    """What `node.json` says. `network_id` (hex) and `engine` are empty until the first start."""

    name: str
    prefix: str
    peer: str
    http: str
    store: str
    network_id: str = ""
    engine: str = ""


def predecessor_folder(root: Path, network_id: bytes) -> Path:
    """Where the data of a network is kept that another took the place of."""
    return root / f"predecessor-{network_id.hex()[:16]}"


class DataFolder:
    """Paths of one data folder, and its `node.json`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.keys = root / "keys"
        self.journal = root / "journal"
        self.store = root / "store"
        self.audit = root / "audit"
        self.registry = root / "registry"
        self.observers = root / OBSERVERS_FOLDER
        self.succeeding = root / SUCCEEDING_FOLDER
        self.file = root / "node.json"
        self.card_file = root / "card.json"
        self.voting_file = self.keys / "voting.json"
        self.signing_file = self.keys / "signing.json"
        self.cometbft_file = self.keys / "cometbft.json"
        self.transport_file = self.keys / "transport.json"
        self.certificate_file = self.keys / "transport.pem"
        self.public_keys_file = self.keys / "public.json"
        self.signed_last_file = root / SIGNED_LAST_FILE
        self._lock: int | None = None

    def write(self, content: NodeFile) -> None:
        """Write `node.json`."""
        value = {"kind": "node", "version": FOLDER_VERSION, **asdict(content)}
        replace_file(self.file, json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")

    def read(self) -> NodeFile:
        """Read it. Raises `Refused`: `data_malformed`, `data_of_newer_version`."""
        if not self.file.exists():
            raise Refused("data_missing", file=str(self.root))
        with self.file.open("rb") as stream:
            raw = stream.read(FILE_BYTES_MAX + 1)
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict) or content.pop("kind", None) != "node":
            raise Refused("data_malformed", "node.json can't be read", file=str(self.file))
        version = content.pop("version", None)
        if type(version) is int and version > FOLDER_VERSION:
            raise Refused("data_of_newer_version", f"version {version}", file=str(self.file))
        names = NodeFile.__dataclass_fields__.keys()
        if version != FOLDER_VERSION or set(content) != set(names):
            raise Refused("data_malformed", "fields are missing", file=str(self.file))
        if not all(isinstance(value, str) for value in content.values()):
            raise Refused("data_malformed", "every field is text", file=str(self.file))
        return NodeFile(**content)

    def check(self, network_id: bytes, engine: str) -> NodeFile:
        """Check that the folder, if it was started before, serves this network and engine.

        Raises `Refused`: `data_of_other_network`, `engine_mismatch`, `succession_unfinished`,
        `network_succeeded` where it was the network's before.
        """
        content = self.read()
        if self.succeeding.exists():
            raise Refused("succession_unfinished", file=str(self.root))
        if predecessor_folder(self.root, network_id).exists():
            raise Refused("network_succeeded", content.network_id, file=str(self.root))
        if content.network_id and content.network_id != network_id.hex():
            raise Refused("data_of_other_network", content.network_id, file=str(self.file))
        if content.engine and content.engine != engine:
            raise Refused("engine_mismatch", f"this folder serves {content.engine}")
        return content

    def bind(self, network_id: bytes, engine: str) -> NodeFile:
        """Note at the first start which network and engine this folder serves; check later."""
        content = self.check(network_id, engine)
        if not content.network_id:
            content = replace(content, network_id=network_id.hex(), engine=engine)
            self.write(content)
        return content

    def lock(self) -> None:
        """Take the folder for this process. Raises `Refused`: `data_in_use`."""
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Refused("data_in_use", file=str(self.root)) from None
        self._lock = descriptor

    def unlock(self) -> None:
        """Let it go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
