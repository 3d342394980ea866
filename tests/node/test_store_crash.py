"""A process that writes synced batches is killed; each batch is there whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.store import STORE_KINDS, open_store

# Each batch sets `count` and as many keys as its number says, all naming that number.
_WRITER = """
import sys
from pathlib import Path
from node.store import open_store
store = open_store(Path(sys.argv[1]), sys.argv[2])
number = int.from_bytes(store.get(b"count") or bytes(8), "big")
while True:
    number += 1
    content = number.to_bytes(8, "big")
    keys = [b"key" + bytes([index]) for index in range(50)]
    store.write([(b"count", content), *((key, content * 40) for key in keys)], sync=True)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.process
@pytest.mark.parametrize("kind", STORE_KINDS)
def test_a_killed_writer_leaves_whole_batches(kind: str, tmp_path: Path) -> None:
    acknowledged = 0
    for lines in (1, 40, 7):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path), kind],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        for _ in range(lines):
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        # What it said before it died counts too.
        rest = writer.stdout.read().split()
        acknowledged = int(rest[-1]) if rest else acknowledged
        writer.wait()
        store = open_store(tmp_path, kind)
        content = store.get(b"count")
        assert content is not None
        assert int.from_bytes(content, "big") >= acknowledged
        values = [value for _, value in store.iterate(b"key", b"kez")]
        assert values == [content * 40] * 50
        store.close()
