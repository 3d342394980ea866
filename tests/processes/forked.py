"""Commands of `democite` in processes of their own that need not load the program first."""

import atexit
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.architecture.sources import ROOT
from tests.patience import PATIENCE_SECONDS
from tests.processes.fork_server import LINE_BYTES_MAX, READY, Request

_lock = threading.Lock()
_servers: dict[int, tuple[Path, "subprocess.Popen[str]"]] = {}
"""By the process that started it: a child of this one must not use its parent's."""


def run_forked(words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Exit code (that of a shell's `$?` less 128, below 0, for a signal), stdout and stderr.

    Raises `subprocess.TimeoutExpired` where patience ends; the process is gone then.
    """
    folder = _server()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        out, err = Path(place, "out"), Path(place, "err")
        request = Request(
            words=list(words),
            environment=dict(environment),
            folder=os.getcwd(),
            out=str(out),
            err=str(err),
        )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect(str(folder / "socket"))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as stream:
                child = int(stream.readline(LINE_BYTES_MAX))
                try:
                    status = int(stream.readline(LINE_BYTES_MAX))
                except TimeoutError:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, 9)
                    raise subprocess.TimeoutExpired(list(words), PATIENCE_SECONDS) from None
        code = os.waitstatus_to_exitcode(status)
        return code, out.read_text("utf-8"), err.read_text("utf-8")


def _server() -> Path:
    """The folder of this process's fork server, which is started when it is first needed."""
    with _lock:
        known = _servers.get(os.getpid())
        if known is not None:
            return known[0]
        folder = Path(tempfile.mkdtemp(prefix="democite-forks-"))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.fork_server", folder / "socket"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if process.stdout is None or process.stdout.readline().strip() != READY:
            raise RuntimeError("the fork server does not start")
        _servers[os.getpid()] = folder, process
        atexit.register(_end, os.getpid())
        return folder


def _end(owner: int) -> None:
    if os.getpid() == owner and owner in _servers:
        folder, process = _servers.pop(owner)
        if process.stdin is not None:
            process.stdin.close()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
