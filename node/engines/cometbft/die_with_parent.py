"""Becomes another program that is killed when the process that started it dies, however it dies.

`python -m node.engines.cometbft.die_with_parent PARENT_PID PROGRAM ARGUMENT…`

Linux only (prctl(2), PR_SET_PDEATHSIG); elsewhere the program is just started, and CometBFT ends by
itself when it loses the ABCI connection. The signal comes when the *thread* that started this
process ends, so it is started on the main thread.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Never returns."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            os._exit(1)
        # It may have died before this was said.
        if os.getppid() != parent:
            os._exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
