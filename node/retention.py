"""How long a node keeps blocks: what `DATA/retention.json` says; without it, for ever.

Keeping everything is what happens without a decision: blocks are the one thing that a network can
lose for good, if every member pruned them. `democite node keep` writes the file, and a running node
reads it again. A file that can't be read keeps everything too.
"""

import json
from pathlib import Path

from ledger.rules import MS_PER_DAY, Parameters
from node.private_files import replace_file
from primitives.errors import Refused
from terminal.languages import text

RETENTION_FILE = "retention.json"
FILE_VERSION = 1
FILE_BYTES_MAX = 4_096
DAYS_MAX = 36_500
KEEP_ALL = "all"


def days_min(parameters: Parameters) -> int:
    """The fewest days that blocks must be kept under these parameters.

    Whoever refunds a payment needs its signed bytes, until `refund_days_max`; whoever asks what
    became of a transaction looks for its lane number, as long as it is valid.
    """
    valid_ms = max(parameters.valid_for_ms_max, parameters.valid_for_cosigned_ms_max)
    return max(parameters.refund_days_max, -(-valid_ms // MS_PER_DAY))


class Retention:
    """The file of one data folder."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._days: int | None = None

    def days(self) -> int | None:
        """How many days of blocks are to be kept; None for all. Raises `Refused`:
        `retention_malformed`."""
        try:
            found = self._file.stat()
            seen = (found.st_mtime_ns, found.st_ino)
            if seen != self._seen:
                self._days, self._seen = None, None
                with self._file.open("rb") as stream:
                    self._days = _read(stream.read(FILE_BYTES_MAX + 1), self._file)
                self._seen = seen
        except FileNotFoundError:
            self._days, self._seen = None, None
        return self._days

    def keeps_all(self) -> bool:
        """Whether nothing is to be pruned; also where the file can't be read."""
        try:
            return self.days() is None
        except (Refused, OSError):
            return True

    def keep(self, days: int | None) -> None:
        """Keep so many days from now on, or everything (None). Raises `Refused`:
        `retention_too_short`, `retention_malformed`."""
        least = days_min(Parameters())
        if days is not None and days < least:
            raise Refused("retention_too_short", f"{days} days, at least {least}", field="--days")
        if days is not None and days > DAYS_MAX:
            raise Refused("retention_malformed", f"at most {DAYS_MAX} days", field="--days")
        content = {"kind": "retention", "version": FILE_VERSION, "days": days}
        replace_file(self._file, json.dumps(content, indent=1).encode() + b"\n")


def _read(raw: bytes, file: Path) -> int | None:
    try:
        content = json.loads(raw) if len(raw) <= FILE_BYTES_MAX else None
    except (ValueError, RecursionError):
        content = None
    match content:
        case {"kind": "retention", "version": 1, "days": None}:
            return None
        case {"kind": "retention", "version": 1, "days": int(days)} if (
            type(days) is int and 0 < days <= DAYS_MAX
        ):
            return days
    raise Refused("retention_malformed", "it can't be read", file=str(file))


def read_days(word: str) -> int | None:
    """`all`, or a number of days. Raises `Refused("retention_malformed")`."""
    if word == KEEP_ALL:
        return None
    if not word.isascii() or not word.isdigit() or len(word) > len(str(DAYS_MAX)):
        raise Refused("retention_malformed", f"{word[:20]!r}", field="--days")
    return int(word)


def kept_lines(days: int | None) -> str:
    """What to tell the operator."""
    if days is None:
        return text(
            "Ce nœud garde tous les blocs.",
            "This node keeps every block.",
        )
    return text(
        f"Ce nœud garde {days} jours de blocs. Les reçus plus anciens se prouvent toujours ; leurs "
        "détails ne sont plus ici. Qu'un territoire au moins garde tout (--days all).",
        f"This node keeps {days} days of blocks. Older receipts can still be proved; their details "
        "are no longer here. Let one territory at least keep everything (--days all).",
    )
