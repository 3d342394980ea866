"""The files of a node's keys, and how several of them change together.

A key that is to take another's place waits beside it:

keys/next-voting.json, next-transport.json, next-transport.pem, next-card.json
                       until the epoch begins in which the new voting key holds
keys/next-signing.json until the ledger names it as the node's key
keys/next-cometbft.json until it votes under CometBFT; its record of what it signed is made with it

Files that belong together are written under other names first; then a list of them, `.swap.json`,
which is the point of no return; then they take their places. Whoever opens the folder next
finishes what such a list says, or throws away what has none, so a crash leaves the old keys or the
new ones, never some of each.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from node.data_folder import DataFolder
from node.key_ring import NodeKeys, TransportIdentity
from node.keys import read_key, read_transport_key
from node.private_files import PRIVATE_FILE_MODE, sync_folder, write_new_file
from primitives.errors import Refused
from primitives.signatures import SigningKey

LIST_FILE = ".swap.json"
LOCK_FILE = "keys.lock"
_COMING = ".coming-"
_LIST_BYTES_MAX = 16_384


class KeyFiles:
    """The key files of one data folder. Whatever reads several of them, or changes any, does it
    inside `held`."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        keys = folder.keys
        self.next_voting = keys / "next-voting.json"
        self.next_transport = keys / "next-transport.json"
        self.next_certificate = keys / "next-transport.pem"
        self.next_card = keys / "next-card.json"
        self.next_signing = keys / "next-signing.json"
        self.next_cometbft = keys / "next-cometbft.json"

    @property
    def next_voting_files(self) -> dict[Path, Path]:
        """What is prepared with a new voting key, and what each is to replace."""
        folder = self.folder
        return {
            self.next_transport: folder.transport_file,
            self.next_certificate: folder.certificate_file,
            self.next_card: folder.card_file,
            self.next_voting: folder.voting_file,
        }

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else reads or changes keys meanwhile; what a crash left half-done is finished."""
        descriptor = os.open(
            self.folder.root / LOCK_FILE, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._finish()
            yield
        finally:
            os.close(descriptor)

    def swap(self, written: Mapping[Path, bytes], removed: tuple[Path, ...] = ()) -> None:
        """Write these files and remove those: all of it, or nothing. Inside `held`."""
        names = [self._name(path) for path in written]
        try:
            for path, content in written.items():
                write_new_file(_coming(path), content)
            listed = {"written": names, "removed": [self._name(path) for path in removed]}
            write_new_file(self._list, (json.dumps(listed) + "\n").encode())
        except BaseException:
            if not self._list.exists():
                self._throw_away()
            raise
        self._finish()

    @property
    def _list(self) -> Path:
        return self.folder.keys / LIST_FILE

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.folder.root))

    def _finish(self) -> None:
        """Do what a list says that is there; without one, throw away what was written for it."""
        if not self._list.exists():
            self._throw_away()
            return
        with self._list.open("rb") as stream:
            raw = stream.read(_LIST_BYTES_MAX)
        try:
            content = json.loads(raw)
            written = [self.folder.root / str(name) for name in content["written"]]
            removed = [self.folder.root / str(name) for name in content["removed"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Refused("data_malformed", "a list that is cut", file=str(self._list)) from None
        for path in written:
            with contextlib.suppress(FileNotFoundError):  # it has its place already
                os.replace(_coming(path), path)
        for path in removed:
            path.unlink(missing_ok=True)
        for place in (self.folder.keys, self.folder.root):
            sync_folder(place)
        self._list.unlink()
        sync_folder(self.folder.keys)

    def _throw_away(self) -> None:
        for place in (self.folder.keys, self.folder.root):
            # Two dots: cut off while it was being written.
            for pattern in (f"{_COMING}*", f".{_COMING}*", f".{LIST_FILE}*"):
                for path in place.glob(pattern):
                    path.unlink()

    # -- what is there --------------------------------------------------------------------------

    def read_current(self, passphrase: str) -> NodeKeys:
        """The keys in use. Raises `Refused`: `passphrase_wrong`, `keystore_malformed`."""
        folder = self.folder
        return NodeKeys(
            read_key(folder.voting_file, "voting", passphrase),
            TransportIdentity(
                read_transport_key(folder.transport_file, passphrase),
                folder.certificate_file.read_bytes(),
            ),
        )

    def read_pending(self, passphrase: str) -> NodeKeys | None:
        """The voting key that waits for its epoch. Raises as `read_current`."""
        if not self.next_voting.exists():
            return None
        return NodeKeys(
            read_key(self.next_voting, "voting", passphrase),
            TransportIdentity(
                read_transport_key(self.next_transport, passphrase),
                self.next_certificate.read_bytes(),
            ),
        )

    def read_cometbft(self, passphrase: str) -> SigningKey | None:
        """The voting key of the other engine; None in a folder that was made without one. Raises
        as `read_current`."""
        if not self.folder.cometbft_file.exists():
            return None
        return read_key(self.folder.cometbft_file, "cometbft", passphrase)

    def read_next_cometbft(self, passphrase: str) -> SigningKey | None:
        """The one that is to take its place. Raises as `read_current`."""
        if not self.next_cometbft.exists():
            return None
        return read_key(self.next_cometbft, "cometbft", passphrase)

    def read_signing(self, passphrase: str) -> tuple[SigningKey, SigningKey | None]:
        """The node's own key, and the one that waits to be named by the ledger."""
        current = read_key(self.folder.signing_file, "signing", passphrase)
        if not self.next_signing.exists():
            return current, None
        return current, read_key(self.next_signing, "signing", passphrase)

    def seen(self) -> tuple[tuple[str, int, int], ...]:
        """What tells whether any file of a key is another than before."""
        found: list[tuple[str, int, int]] = []
        for path in sorted(self.folder.keys.glob("[a-z]*")):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                found.append((path.name, status.st_ino, status.st_mtime_ns))
        return tuple(found)


def _coming(path: Path) -> Path:
    return path.with_name(f"{_COMING}{path.name}")
