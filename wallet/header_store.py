"""The light client's memory, on disk: monotonic, and evidence when it is contradicted."""

import json
from pathlib import Path

from primitives.errors import Refused
from wallet.atomic_files import locked, write_file
from wallet.epoch_store import EpochStore
from wallet.light.bundles import HeaderBundle, bundle_from_json
from wallet.light.memory import HeaderConflict, HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.network_store import NetworkStore
from wallet.set_store import SetStore

FILE_KIND = "verified_headers"
FILE_VERSION = 1
FILE_BYTES_MAX = 16 * 1024 * 1024


class HeaderStore:
    """Keeps the newest verified headers of one wallet."""

    def __init__(self, file: Path, network: TrustedNetwork) -> None:
        self._file = file
        self._network = network
        self._epochs = EpochStore(file.with_name("epochs.bin"), network)
        self._sets = SetStore(file.parent, network)
        self._known = NetworkStore(file.parent, network)

    def load(self, memory: HeaderMemory) -> None:
        """Verify again what is on disk and put it into `memory`.

        A file that cannot be read is treated as absent: it holds nothing that the nodes cannot
        give again, and a wallet must not lock its owner out over it.
        """
        self._epochs.load()
        self._sets.load()
        self._known.load()
        for bundle in self._bundles():
            try:
                final = self._network.verify_final(bundle)
            except Refused:
                continue
            memory.remember(final, bundle)

    def save(self, memory: HeaderMemory) -> None:
        """Write `memory` to disk, together with what another process put there meanwhile."""
        self._epochs.save()
        self._sets.save()
        self._known.save()
        with locked(self._file.with_suffix(".lock")):
            self.load(memory)
            content = {
                "kind": FILE_KIND,
                "version": FILE_VERSION,
                "headers": [bundle.to_json() for bundle in memory.bundles()],
            }
            write_file(self._file, json.dumps(content).encode())

    def keep_evidence(self, conflict: HeaderConflict) -> Path:
        """Write the evidence of a broken network to a file of its own, for ever."""
        file = self._file.with_name(f"evidence-{conflict.height}.json")
        write_file(file, json.dumps(conflict.evidence(), indent=1).encode() + b"\n")
        return file

    def _bundles(self) -> list[HeaderBundle]:
        try:
            with self._file.open("rb") as stream:
                content = json.loads(stream.read(FILE_BYTES_MAX))
            if content["kind"] != FILE_KIND or content["version"] != FILE_VERSION:
                return []
            return [bundle_from_json(item) for item in content["headers"]]
        except (FileNotFoundError, KeyError, ValueError, TypeError, RecursionError, Refused):
            return []
