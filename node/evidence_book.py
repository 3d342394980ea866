"""Evidence of double votes, one file each, kept for as long as the folder is.

A member that lies could do so in every view for ever; of each, only the first
`KEPT_PER_MEMBER_MAX` are kept: one is enough.
"""

import json
from collections import Counter
from pathlib import Path

import structlog

from consensus.evidence import FILE_BYTES_MAX, DoubleVote
from node.private_files import replace_file
from primitives.errors import Refused

EVIDENCE_FOLDER = "evidence"
"""Its name in a node's data folder."""

KEPT_PER_MEMBER_MAX = 32
_VIEW_DIGITS = 16


class EvidenceBook:
    """See the module's docstring. A disk that refuses is logged and keeps nobody from voting."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = Counter(name_of(each.signer) for each in read_evidence(folder))
        self._log = structlog.get_logger("evidence")

    def keep(self, found: DoubleVote) -> None:
        """Write it down, once for each view and member."""
        name = name_of(found.signer)
        path = self._folder / f"{name}-{found.view:0{_VIEW_DIGITS}}.json"
        if self._kept[name] >= KEPT_PER_MEMBER_MAX or path.exists():
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(found.to_json(), indent=1).encode() + b"\n")
        except OSError as error:
            self._log.error("evidence_not_kept", file=str(path), error=str(error))
            return
        self._kept[name] += 1

    def all(self) -> list[DoubleVote]:
        """Everything kept, by member and view."""
        return read_evidence(self._folder)


def name_of(signer: bytes) -> str:
    """How a member is called in file names."""
    return signer.hex()[:16]


def read_evidence(folder: Path) -> list[DoubleVote]:
    """What stands in a folder; what can't be read is passed over."""
    found: list[DoubleVote] = []
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_bytes()[: FILE_BYTES_MAX + 1])
            if isinstance(content, dict):
                found.append(DoubleVote.from_json(content))
        except (OSError, ValueError, RecursionError, Refused):
            continue
    return found
