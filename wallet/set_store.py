"""The changes of the validator set that a wallet followed, on disk (under CometBFT).

As `wallet.epoch_store`: the wallet's own file, beside the genesis it trusts, so signatures are not
verified again; one that can't be read, or doesn't follow from that genesis, is as absent.
"""

from pathlib import Path

from consensus.cometbft.certified import SetChange
from primitives.encoding import decode, encode
from primitives.errors import Refused
from wallet.atomic_files import locked, write_file
from wallet.light.bundles import COMETBFT
from wallet.light.trust import TrustedNetwork

FILE_NAME = "sets.bin"
FILE_KIND = "known_sets"
FILE_VERSION = 1
FILE_BYTES_MAX = 64 << 20


class SetStore:
    """Keeps the changes of one wallet's network."""

    def __init__(self, folder: Path, network: TrustedNetwork) -> None:
        self._file = folder / FILE_NAME
        self._network = network

    def load(self) -> None:
        """Let the network know what is on disk."""
        changes = self._changes()
        if changes and self._network.engine in (None, COMETBFT):
            try:
                self._network.sets.recall(changes)
            except Refused:
                return

    def save(self) -> None:
        """Write what the network knows, with what another process put there meanwhile."""
        if self._network.engine != COMETBFT:
            return
        with locked(self._file.with_suffix(".lock")):
            self.load()
            changes = self._network.sets.changes
            if len(changes) > len(self._changes()):
                entries = tuple([change.value() for change in changes])
                write_file(self._file, encode((FILE_KIND, FILE_VERSION, entries)))

    def _changes(self) -> list[SetChange]:
        try:
            with self._file.open("rb") as stream:
                value = decode(stream.read(FILE_BYTES_MAX + 1), bytes_max=FILE_BYTES_MAX)
            match value:
                case ("known_sets", 1, tuple(entries)):
                    return [SetChange.from_value(entry) for entry in entries]
        except (FileNotFoundError, Refused):
            pass
        return []
