"""Commands of `democite` in processes of their own that need not load the program first."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.architecture.sources import ROOT
from tests.patience import PATIENCE_SECONDS
from tests.processes.fork_server import READY, Request

_ANSWER_BYTES = 64
_lock = threading.Lock()
_servers: dict[int, tuple[Path, "subprocess.Popen[str]"]] = {}
"""By the process that started it: a child of this one must not use its parent's."""


class RunningProcess(Protocol):
    """What tests do with a process, as `subprocess.Popen` has it."""

    pid: int

    def poll(self) -> int | None:
        """Its exit code, below 0 for a signal; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """The same once it ended. Raises `subprocess.TimeoutExpired`."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it ended."""

    def terminate(self) -> None:
        """SIGTERM."""

    def kill(self) -> None:
        """SIGKILL."""


class ForkedProcess:
    """A command's process; its output is appended to the two files."""

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], out: Path | str, err: Path
    ) -> None:
        self._words = list(words)
        self._code: int | None = None
        self._told = b""
        self._reading = threading.Lock()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.connect(str(_server() / "socket"))
        request = Request(
            words=self._words,
            environment=dict(environment),
            folder=os.getcwd(),
            out=str(out),
            err=str(err),
        )
        self._connection.sendall(json.dumps(request).encode() + b"\n")
        self.pid = int(self._line())

    def poll(self) -> int | None:
        """See `RunningProcess`."""
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """See `RunningProcess`."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self._words, timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        """See `RunningProcess`."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """See `RunningProcess`."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """See `RunningProcess`."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        """The exit code once it is told; None where that takes longer."""
        if not self._reading.acquire(timeout=-1 if timeout is None else timeout):
            return self._code
        try:
            if self._code is None:
                # 0 would mean not to wait for what is there already.
                self._connection.settimeout(timeout if timeout is None else max(timeout, 1e-6))
                self._code = os.waitstatus_to_exitcode(int(self._line()))
                self._connection.close()
        except TimeoutError:
            return None
        finally:
            self._reading.release()
        return self._code

    def _line(self) -> bytes:
        """The next of the answer's two lines."""
        while b"\n" not in self._told:
            more = self._connection.recv(_ANSWER_BYTES)
            if not more:
                raise RuntimeError("the fork server is gone")
            self._told += more
        line, _, self._told = self._told.partition(b"\n")
        return line


def run_forked(words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr. Raises `subprocess.TimeoutExpired` where patience ends; the
    process is gone then."""
    with tempfile.TemporaryDirectory(dir=_server()) as place:
        out, err = Path(place, "out"), Path(place, "err")
        process = ForkedProcess(words, environment, out, err)
        try:
            code = process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
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
