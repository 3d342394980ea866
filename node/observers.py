"""Observers: nodes without a vote that this node's operator admits, each by its card.

A card stands in `DATA/peers/PREFIX.json`. A running node looks at the folder again every few
seconds, so an observer is admitted, and dismissed, without a restart.
"""

import contextlib
from pathlib import Path

from ledger.founders import Territory
from node.addresses import parse_host_port
from node.cards import CARD_BYTES_MAX, Card, read_card
from node.private_files import PRIVATE_FOLDER_MODE, replace_file
from primitives.addresses import is_prefix
from primitives.errors import Refused

LOOK_SECONDS = 2.0
OBSERVERS_MAX = 64


class Observers:
    """The cards in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: tuple[tuple[str, int], ...] | None = None

    def add(self, file: Path) -> Territory:
        """Admit the node of this card. Raises `Refused`: `card_malformed`, `signature_invalid`,
        `observers_max`."""
        territory = read_card(file).territory
        parse_host_port(territory.peer, "peer")
        name = f"{territory.prefix}.json"
        if name not in self._names() and len(self._names()) >= OBSERVERS_MAX:
            raise Refused("observers_max", f"{OBSERVERS_MAX} are admitted")
        self.folder.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
        with file.open("rb") as stream:
            replace_file(self.folder / name, stream.read(CARD_BYTES_MAX))
        return territory

    def remove(self, prefix: str) -> None:
        """Dismiss the one with this short name. Raises `Refused("observer_unknown")`."""
        if not is_prefix(prefix) or f"{prefix}.json" not in self._names():
            raise Refused("observer_unknown", prefix[:20])
        (self.folder / f"{prefix}.json").unlink()

    def all(self) -> list[Card]:
        """Their cards, by name. Raises as `add`."""
        return [read_card(self.folder / name) for name in self._names()]

    def changed(self) -> bool:
        """Whether the folder is another than at the last call; the first time, whether there is
        anything in it."""
        seen: list[tuple[str, int]] = []
        for name in self._names():
            with contextlib.suppress(FileNotFoundError):
                seen.append((name, (self.folder / name).stat().st_mtime_ns))
        before, self._seen = self._seen, tuple(seen)
        return self._seen != (before or ())

    def readable(self) -> tuple[list[Territory], list[str]]:
        """Those that can be read, and what is wrong with the others: a broken file must not keep a
        node from its members."""
        found: list[Territory] = []
        faults: list[str] = []
        for name in self._names():
            try:
                one = read_card(self.folder / name).territory
                parse_host_port(one.peer, "peer")
            except (Refused, OSError) as error:
                faults.append(f"{name}: {error}")
                continue
            found.append(one)
        return found, faults

    def _names(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.glob("[a-z]*.json"))
