"""The file that says whose journal a folder holds, and of which version.

MARK: democite-journal VERSION ID
"""

from pathlib import Path

from primitives.errors import Refused

MARK = "MARK"
_MARK_BEGINS = "democite-journal"
_VERSION = 1
_VERSION_DIGITS_MAX = 9


def mark_of(journal_id: bytes) -> str:
    """The whole content of the file."""
    return f"{_MARK_BEGINS} {_VERSION} {journal_id.hex()}\n"


def check_version(folder: Path) -> None:
    """Refuse (`data_of_newer_version`) the journal of a newer program; it is only read."""
    try:
        mark = (folder / MARK).read_text("ascii")
    except (OSError, ValueError):
        return
    check_mark(mark, folder)


def check_mark(mark: str, folder: Path) -> None:
    """A newer program's journal is not lost, and must not be begun anew."""
    begins, _, rest = mark.partition(" ")
    version = rest.partition(" ")[0][:_VERSION_DIGITS_MAX]
    if begins == _MARK_BEGINS and version.isdigit() and int(version) > _VERSION:
        told = f"journal version {version}"
        raise Refused("data_of_newer_version", told, file=str(folder / MARK))
