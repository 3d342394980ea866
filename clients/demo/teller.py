"""What a demonstration says while it runs: lines on stderr, with the seconds that have passed."""

import sys
import time


class Teller:
    """Tells what is going on; on a terminal, the last line counts."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._live = sys.stderr.isatty()
        self._line = ""
        self._done = 0
        self._total = 0
        self._shown = 0.0

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.started

    def say(self, line: str) -> None:
        """A line of its own; what counts goes on counting below it."""
        self._keep_count()
        self._print(line, "\n")

    def begin(self, line: str, total: int) -> None:
        """The start of something that counts up to `total`."""
        self._keep_count()
        self._line, self._done, self._total = line, 0, total
        self._shown = 0.0
        if self._live:
            self._show()
        else:
            self._print(f"{line} ({total})", "\n")

    def count(self, done: int = 1) -> None:
        """So many more."""
        self._done += done
        if self._live and time.monotonic() - self._shown > 0.1:
            self._show()

    def _keep_count(self) -> None:
        """Leave the line that counts where it stands."""
        if self._live and self._line:
            self._show()
            print(file=sys.stderr)

    def _show(self) -> None:
        self._shown = time.monotonic()
        self._print(f"{self._line} {self._done}/{self._total}", "\r")

    def _print(self, line: str, end: str) -> None:
        print(f"[{self.seconds:5.1f} s] {line}", end=end, file=sys.stderr, flush=True)
