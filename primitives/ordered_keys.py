"""Keys in order, for finding the one below a given key among a million that come and go.

A list of short sorted lists: an insertion moves a few kilobytes, not megabytes.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence

from primitives.errors import InvariantBroken

_RUN_KEYS = 512  # a run is cut in two when it has twice as many


class OrderedKeys:
    """A set of byte strings, compared as big-endian numbers (all have one length)."""

    __slots__ = ("_lasts", "_runs")

    def __init__(self, ascending: Sequence[bytes] = ()) -> None:
        """Begin with distinct keys in ascending order."""
        runs = (ascending[i : i + _RUN_KEYS] for i in range(0, len(ascending), _RUN_KEYS))
        self._runs = [list(run) for run in runs]
        self._lasts = [run[-1] for run in self._runs]

    def add(self, key: bytes) -> None:
        """Put in a key that is not there yet."""
        if not self._runs:
            self._runs.append([key])
            self._lasts.append(key)
            return
        at = min(bisect_left(self._lasts, key), len(self._runs) - 1)
        run = self._runs[at]
        insort(run, key)
        if len(run) >= 2 * _RUN_KEYS:
            self._runs.insert(at, run[:_RUN_KEYS])
            self._lasts.insert(at, run[_RUN_KEYS - 1])
            del run[:_RUN_KEYS]
            at += 1
        self._lasts[at] = run[-1]

    def remove(self, key: bytes) -> None:
        """Take out a key that is there."""
        at = bisect_left(self._lasts, key)
        run = self._runs[at] if at < len(self._runs) else []
        position = bisect_left(run, key)
        if position == len(run) or run[position] != key:
            raise InvariantBroken("a key that is not there cannot be taken out")
        del run[position]
        if run:
            self._lasts[at] = run[-1]
        else:
            del self._runs[at], self._lasts[at]

    def below(self, key: bytes) -> bytes | None:
        """The greatest key less than `key`, if there is one."""
        at = bisect_left(self._lasts, key)
        if at < len(self._runs):
            position = bisect_left(self._runs[at], key)
            if position > 0:
                return self._runs[at][position - 1]
        return self._lasts[at - 1] if at > 0 else None
