"""Threads that ask for their first messages together get classes that go into each other."""

import subprocess
import sys

TOGETHER = """
import sys, threading
sys.setswitchinterval(1e-6)
from node.engines.cometbft.descriptors import message_class
names = ("abci.Response", "abci.ExecTxResult", "abci.ResponseFinalizeBlock")
begin, found = threading.Barrier(8), []
def ask(first):
    begin.wait()
    for place in range(3):
        name = names[(first + place) % 3]
        found.append((name, message_class(name)))
threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(found) == 24 and len(set(found)) == 3, len(set(found))
response = message_class("abci.Response")()
response.finalize_block.tx_results.extend([message_class("abci.ExecTxResult")(code=0)])
"""


def test_all_threads_get_the_same_classes() -> None:
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", TOGETHER], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
