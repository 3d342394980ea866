"""The commands that a document tells people to type, in the order in which it does."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("democite", "scripts/demo", "scripts/test", "ss", "systemctl")
"""What an inline code span begins with that is a command. Lines of a code block all are."""
ELLIPSIS = "…"
_INLINE = re.compile(r"`([^`\n]+)`")
_INDENTED = re.compile(r" {4,}\S")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: as it stands there, on one line, without comments. `section` is the nearest
    heading above it; what is exported holds until the next one."""

    document: str
    line: int
    section: str
    text: str

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.document}:{self.line}: {self.text}"

    @property
    def is_reference(self) -> bool:
        """Whether it only recalls a command that is written out elsewhere."""
        return ELLIPSIS in self.text


def commands_of(name: str, begin: str = "", end: str = "") -> list[Command]:
    """All of a document's, or of the part from the heading `begin` to the heading `end`."""
    found: list[Command] = []
    section, wanted, unfinished = "", not begin, ""
    before = ""
    in_block = False
    for number, line in enumerate((ROOT / name).read_text("utf-8").splitlines(), 1):
        if line.startswith("#"):
            section = line.lstrip("# ")
            wanted = (wanted or section == begin) and not (end and section == end)
        # A code block begins after an empty line, or goes on.
        is_code = bool(_INDENTED.match(line)) and (in_block or not before.strip())
        in_block = is_code or (in_block and not line.strip())
        before = line
        if not wanted or line.startswith("#"):
            continue
        if is_code:
            text = unfinished + _without_comment(line).strip()
            unfinished = text[:-1].rstrip() + " " if text.endswith("\\") else ""
            if text and not unfinished:
                found.append(Command(name, number, section, _on_one_line(text)))
            continue
        for span in _INLINE.findall(line):
            words = span.split()
            if words[0] in PROGRAMS and len(words) > 1:
                found.append(Command(name, number, section, span))
    return found


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#\s.*$", "", line)


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def skeleton(command: str, other_words: dict[str, str]) -> list[str]:
    """Its words, so that two languages can be compared: words of this language are given as the
    other's, and what people may call as they like stands for itself no more."""
    for word, other in other_words.items():
        command = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", other, command)
    words = shlex.split(command, comments=True)
    return ["a text" if " " in word and "$(" not in word else word for word in words]
