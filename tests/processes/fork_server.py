"""`python -m tests.processes.fork_server SOCKET`: has the program `democite` loaded, and forks a
process for each command that it is asked for.

Most of what a command costs is to load the program, 0.7 s of a processor, hundreds of times over.
The process is the command's own all the same: its words, environment, folder, streams, signals and
exit code. It seals new keys cheaply, which any program opens. Each request is a line of JSON (see
`Request`); the answer is two lines, the process's id and then how it ended, as `os.waitpid` has it.
The server ends with whoever holds its stdin.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from typing import TypedDict

import clients.office
import clients.payroll
import node
import wallet
from clients.cli.main import run
from primitives import keystore
from terminal.languages import set_language

LOADED = (wallet, node, clients.office, clients.payroll)
READY = "ready"
LINE_BYTES_MAX = 1 << 20


class Request(TypedDict):
    """A command; its output goes into the two files."""

    words: list[str]
    environment: dict[str, str]
    folder: str
    out: str
    err: str


def load() -> None:
    """All that any command loads. What this machine lacks, the command says that needs it."""
    for package in LOADED:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            with contextlib.suppress(ImportError):
                importlib.import_module(found.name)
    importlib.import_module("clients.verify")


def serve(path: str) -> None:
    """Until stdin ends. A command's process comes back from here, to run the command."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that answer
    print(READY, flush=True)
    while True:
        readable, _, _ = select.select([listener, sys.stdin], [], [])
        if listener not in readable:
            raise SystemExit(0)
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if answer(connection):
                return
            os._exit(0)
        connection.close()


def answer(connection: socket.socket) -> bool:
    """Fork the command and say how it ended; True in the command's own process."""
    with connection, connection.makefile("rwb") as stream:
        request: Request = json.loads(stream.readline(LINE_BYTES_MAX))
        child = os.fork()
        if child == 0:
            become(request)
            return True
        stream.write(f"{child}\n".encode())
        stream.flush()
        _, status = os.waitpid(child, 0)
        stream.write(f"{status}\n".encode())
    return False


def become(request: Request) -> None:
    """Be the process that a shell would have started."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    files = (
        os.open(os.devnull, os.O_RDONLY),
        os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        os.open(request["err"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
    )
    for place, descriptor in enumerate(files):
        os.dup2(descriptor, place)
        os.close(descriptor)
    sys.argv = ["democite", *request["words"]]


def main() -> None:
    """Load, serve, and be a command in each process that comes out of it."""
    set_language("en")
    load()
    seal = keystore.seal
    seal.__kwdefaults__ = {"opslimit": 1, "memlimit_bytes": 8_192}
    gc.collect()
    gc.freeze()  # else each process would copy all that it only looks at
    serve(sys.argv[1])
    code = run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # taking all of the program apart would cost more than most commands do


if __name__ == "__main__":
    main()
