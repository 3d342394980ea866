"""Hands CometBFT its node key without leaving it on disk.

CometBFT reads a file once, at its start. On Linux that is memory that only this process and its
child can open; elsewhere a file in the sockets' private folder, removed at the end.
"""

import contextlib
import os
import sys
from pathlib import Path

from node.engines.cometbft.local_socket import prepare_folder
from node.private_files import replace_file


class NodeKeyFile:
    """`path` is what CometBFT is told; `descriptors` are to be passed on to it. Nothing is in it
    until `write`."""

    def __init__(self, folder: Path) -> None:
        self.descriptors: tuple[int, ...] = ()
        self._file: Path | None = None
        if sys.platform == "linux":
            descriptor = os.memfd_create("node_key")
            self.descriptors = (descriptor,)
            self.path = Path(f"/proc/self/fd/{descriptor}")
        else:
            prepare_folder(folder)
            self._file = self.path = folder / "node_key.json"

    def write(self, content: bytes) -> None:
        """The key of the process that starts next."""
        if self._file is not None:
            replace_file(self._file, content)
        for descriptor in self.descriptors:
            os.ftruncate(descriptor, 0)
            if os.pwrite(descriptor, content, 0) != len(content):
                raise OSError("only a part of the node key was written")

    def close(self) -> None:
        """Forget it."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = ()
        if self._file is not None:
            with contextlib.suppress(FileNotFoundError):
                self._file.unlink()
