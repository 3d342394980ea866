"""What a wallet knows of its network beyond the genesis, on disk: terms and later territories.

Like the followed epochs (`wallet.epoch_store`) it was proved once and is the wallet's own, so it
is not proved again; what can't be read is as absent, since nodes can give it again.
"""

from pathlib import Path

from ledger.founders import Territory
from ledger.network_objects import NetworkTerms
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from wallet.atomic_files import locked, write_file
from wallet.light.trust import KnownTerms, TrustedNetwork

FILE_NAME = "network.bin"
FILE_KIND = "known_network"
FILE_VERSION = 1
FILE_BYTES_MAX = 64 << 20


class NetworkStore:
    """Keeps the terms and the later territories of one wallet's network."""

    def __init__(self, folder: Path, network: TrustedNetwork) -> None:
        self._file = folder / FILE_NAME
        self._network = network

    def load(self) -> None:
        """Let the network know what is on disk."""
        terms, cards = self._read()
        for card in cards:
            self._network.learn_card(card)
        if terms is not None:
            self._network.learn_terms(terms)

    def save(self) -> None:
        """Write what the network knows, with what another process put there meanwhile."""
        network = self._network
        with locked(self._file.with_suffix(".lock")):
            before = self._read()
            self.load()
            if (network.known_terms, network.cards) == before:
                return
            known = network.known_terms
            terms: Value = None
            if known is not None:
                terms = (known.terms.value(), known.epoch, known.height)
            cards = tuple([card.value() for card in network.cards])
            content = (FILE_KIND, FILE_VERSION, network.network_id, terms, cards)
            write_file(self._file, encode(content))

    def _read(self) -> tuple[KnownTerms | None, tuple[Territory, ...]]:
        try:
            with self._file.open("rb") as stream:
                value = decode(stream.read(FILE_BYTES_MAX + 1), bytes_max=FILE_BYTES_MAX)
            match value:
                case ("known_network", int(version), bytes(network_id), terms, tuple(cards)) if (
                    version == FILE_VERSION
                    and type(version) is int
                    and network_id == self._network.network_id
                ):
                    return _terms(terms), tuple([Territory.decode(card) for card in cards])
        except (FileNotFoundError, Refused):
            pass
        return None, ()


def _terms(value: Value) -> KnownTerms | None:
    match value:
        case (tuple(terms), int(epoch), int(height)):
            return KnownTerms(NetworkTerms.decode(terms), epoch, height)
    return None
