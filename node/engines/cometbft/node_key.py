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
    """`path` is what CometBFT is told; `descriptors` are to be passed on to it."""

    def __init__(self, content: bytes, folder: Path) -> None:
        self.descriptors: tuple[int, ...] = ()
        self._file: Path | None = None
        if sys.platform == "linux":
            descriptor = os.memfd_create("node_key")
            os.write(descriptor, content)
            self.descriptors = (descriptor,)
            self.path = Path(f"/proc/self/fd/{descriptor}")
        else:
            prepare_folder(folder)
            self._file = self.path = folder / "node_key.json"
            replace_file(self._file, content)

    def close(self) -> None:
        """Forget it."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = ()
        if self._file is not None:
            with contextlib.suppress(FileNotFoundError):
                self._file.unlink()
