"""Which steps of the plan have ended, line by line in a file: `place milliseconds`.

A demonstration that was interrupted goes on from there. What ended but was not noted is sent
again: its bytes are the same, so nodes recognise it.
"""

from pathlib import Path
from types import TracebackType
from typing import IO, Self


class Diary:
    """See the module's docstring. Use as `async with` or `with`; each line is written at once."""

    def __init__(self, file: Path, steps: int) -> None:
        self.ended: dict[int, float] = {}
        """Latency in milliseconds by place in the plan."""
        self._file = file
        self._steps = steps
        self._stream: IO[str] | None = None

    def __enter__(self) -> Self:
        whole_bytes = 0
        if self._file.exists():
            for line in self._file.read_bytes().splitlines(keepends=True):
                if not self._read(line):
                    break  # it was cut when the demonstration was
                whole_bytes += len(line)
        self._stream = self._file.open("a", encoding="ascii", buffering=1)
        self._stream.truncate(whole_bytes)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def _read(self, line: bytes) -> bool:
        words = line.split()
        if not line.endswith(b"\n") or len(words) != 2 or not all(map(bytes.isdigit, words)):
            return False
        place, milliseconds = map(int, words)
        if place >= self._steps:
            return False
        self.ended[place] = float(milliseconds)
        return True

    def note(self, place: int, milliseconds: float) -> None:
        """A step ended as planned."""
        self.ended[place] = milliseconds
        if self._stream is not None:
            self._stream.write(f"{place} {milliseconds:.0f}\n")
