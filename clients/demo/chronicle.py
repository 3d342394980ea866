"""Which acts of the month are done, and what came of them, line by line in a file.

A demonstration that was interrupted goes on from there: an act that is noted is not done again.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from clients.demo.patience import patiently


@dataclass
class Tally:
    """What came of an act: refusals by code, and figures of the summary."""

    refusals: Counter[str] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)

    def refuse(self, codes: Iterable[str]) -> "Tally":
        """Count refusals."""
        self.refusals.update(codes)
        return self

    def figure(self, **figures: int) -> "Tally":
        """Count figures."""
        self.figures.update(figures)
        return self


class Chronicle:
    """See the module's docstring. Use as `with`; each line is written at once."""

    def __init__(self, file: Path) -> None:
        self.acts: dict[str, Tally] = {}
        self._file = file
        self._stream: IO[str] | None = None

    def __enter__(self) -> Self:
        whole_bytes = 0
        if self._file.exists():
            for line in self._file.read_bytes().splitlines(keepends=True):
                if not self._read(line):
                    break  # it was cut when the demonstration was
                whole_bytes += len(line)
        self._stream = self._file.open("a", encoding="utf-8", buffering=1)
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

    def has(self, act: str) -> bool:
        """Whether that was done."""
        return act in self.acts

    async def once(self, act: str, do: Callable[[], Awaitable[Tally]]) -> Tally:
        """Do it unless it was done, and note it; gives what came of it, now or then."""
        if act not in self.acts:
            self._note(act, await patiently(do))
        return self.acts[act]

    def total(self) -> Tally:
        """All acts together."""
        total = Tally()
        for tally in self.acts.values():
            total.refusals.update(tally.refusals)
            total.figures.update(tally.figures)
        return total

    def _read(self, line: bytes) -> bool:
        try:
            content: dict[str, Any] = json.loads(line)
            tally = Tally(Counter(content["refusals"]), Counter(content["figures"]))
            self.acts[str(content["act"])] = tally
        except (ValueError, KeyError, TypeError):
            return False
        return line.endswith(b"\n")

    def _note(self, act: str, tally: Tally) -> None:
        self.acts[act] = tally
        if self._stream is not None:
            content = {"act": act, "refusals": tally.refusals, "figures": tally.figures}
            self._stream.write(json.dumps(content) + "\n")
