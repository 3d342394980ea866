"""What a command made so far, taken back if it fails: nothing half-made stays."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


class Undo:
    """Ways back, taken in reverse order."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def file(self, path: Path) -> None:
        """This file was made."""
        self._steps.append(lambda: path.unlink(missing_ok=True))

    def tree(self, path: Path) -> None:
        """This folder was made, with all that is in it."""
        self._steps.append(lambda: shutil.rmtree(path, ignore_errors=True))

    def make_folder(self, path: Path, mode: int = 0o777) -> None:
        """Make a folder and those above it, as far as they are not there."""
        if path.exists():
            return
        self.make_folder(path.parent, mode)
        path.mkdir(mode=mode)
        self._steps.append(lambda: _remove_empty(path))

    def take_back(self) -> None:
        """Remove all of it."""
        for step in reversed(self._steps):
            step()


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


@contextlib.contextmanager
def undone_on_failure() -> Iterator[Undo]:
    """What is told to the `Undo` is removed when the block fails, also by Ctrl-C."""
    undo = Undo()
    try:
        yield undo
    except BaseException:
        undo.take_back()
        raise
