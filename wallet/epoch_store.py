"""The epochs that a wallet followed, on disk: what it need not ask, or verify, twice.

The file is the wallet's own, beside the genesis it trusts, so signatures are not verified again.
One that can't be read, or doesn't lead on from that genesis, is treated as absent: nodes can give
it again, and a wallet must not lock its owner out over it.
"""

from pathlib import Path

from consensus.epoch_starts import EpochStart, read_epoch
from primitives.encoding import decode, encode
from primitives.errors import Refused
from wallet.atomic_files import locked, write_file
from wallet.light.trust import TrustedNetwork

FILE_KIND = "known_epochs"
FILE_VERSION = 1
FILE_BYTES_MAX = 64 << 20


class EpochStore:
    """Keeps the epochs of one wallet's network."""

    def __init__(self, file: Path, network: TrustedNetwork) -> None:
        self._file = file
        self._network = network

    def load(self) -> None:
        """Let the network know what is on disk."""
        self._network.recall(self._starts()[len(self._network.epochs) :])

    def save(self) -> None:
        """Write what the network knows, with what another process put there meanwhile."""
        with locked(self._file.with_suffix(".lock")):
            if len(self._network.epochs) > len(self._starts()):
                entries = tuple([known.start.value() for known in self._network.epochs])
                write_file(self._file, encode((FILE_KIND, FILE_VERSION, entries)))

    def _starts(self) -> list[EpochStart]:
        try:
            with self._file.open("rb") as stream:
                value = decode(stream.read(FILE_BYTES_MAX + 1), bytes_max=FILE_BYTES_MAX)
            match value:
                case ("known_epochs", 1, tuple(entries)):
                    return [read_epoch(entry) for entry in entries]
        except (FileNotFoundError, Refused):
            pass
        return []
