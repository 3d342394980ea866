"""PostgreSQL: the same transfers, one server, no signatures, synchronous commit."""

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compare.settings import Figures, Settings, missing
from benchmarks.network import first_port
from benchmarks.processes import (
    bytes_on_disk,
    children_of,
    processor_seconds,
    start,
    stopped_after,
)
from clients.demo.summary import percentile

PEER = Path(__file__).resolve().parents[1] / "peers" / "postgres"
DEBIAN = Path("/usr/lib/postgresql")
PROGRAMS = ("initdb", "postgres", "psql", "pgbench")
CONNECTIONS = (1, 8, 32)
THREADS_MAX = 2
START_BALANCE = 1 << 40
WARM_UP_SECONDS = 1.0
OPTIONS = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    # Larger than Debian's, so that no checkpoint falls into what is measured.
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "on",
    "max_connections": "64",
}
UNPRIVILEGED = ("postgres", "nobody")
READY_SECONDS_MAX = 60.0
RUN_SECONDS_MORE = 120.0
_TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)
_CARRIED = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)


def measure(settings: Settings) -> Figures:
    """One round: each number of connections at full speed, then the rates with the best one."""
    programs = find_programs()
    lacking = [name for name in PROGRAMS if name not in programs]
    if lacking:
        return missing(f"no {', '.join(lacking)} here: install Debian's postgresql")
    with _server(programs, settings) as server:
        by_connections = {count: server.at_full_speed(settings, count) for count in CONNECTIONS}
        best = max(
            CONNECTIONS, key=lambda count: float(by_connections[count]["payments_per_second"])
        )
        rates = {str(rate): server.at_rate(settings, best, rate) for rate in settings.rates}
    return {
        **by_connections[best],
        "connections": best,
        "payments_per_second_by_connections": {
            str(count): figures["payments_per_second"] for count, figures in by_connections.items()
        },
        "rates": rates,
    }


def find_programs() -> dict[str, str]:
    """Where the server's programs are, by name: on the path, or where Debian puts them."""
    folders = sorted(DEBIAN.glob("*/bin"), reverse=True)
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])
    found = {name: shutil.which(name, path=path) for name in PROGRAMS}
    return {name: program for name, program in found.items() if program is not None}


@dataclass
class _Server:
    """A running server in a folder of its own."""

    programs: dict[str, str]
    folder: Path
    port: int
    user: int | None
    process: subprocess.Popen[bytes]
    turn: int = 0

    def run(self, words: list[str], seconds: float = RUN_SECONDS_MORE) -> str:
        """Run one of its programs. Raises RuntimeError with what it said."""
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=seconds, user=self.user, cwd=self.folder
        )
        if done.returncode != 0:
            raise RuntimeError(f"{words[0]}: {done.stderr[-1_000:]}")
        return done.stdout

    @property
    def where(self) -> list[str]:
        """How a client finds it."""
        return ["-h", str(self.folder), "-p", str(self.port), "-U", "bench"]

    def bench(
        self, settings: Settings, connections: int, seconds: float, *more: str
    ) -> tuple[int, float]:
        """How many transfers these connections carried, and how many a second."""
        defined = {
            "turn": self.turn,
            "connections": connections,
            "accounts": settings.accounts,
        }
        words = [word for name, value in defined.items() for word in ("-D", f"{name}={value}")]
        told = self.run(
            [
                *(self.programs["pgbench"], *self.where, "-n", "-M", "prepared"),
                *("-f", str(self.folder / "transfer.sql"), *words),
                *("-c", str(connections), "-j", str(min(connections, THREADS_MAX))),
                *("-T", str(max(1, round(seconds))), *more, "postgres"),
            ],
            seconds + RUN_SECONDS_MORE,
        )
        failed, carried, rate = _FAILED.search(told), _CARRIED.search(told), _TPS.search(told)
        if carried is None or (failed and int(failed[1])):
            raise RuntimeError(f"pgbench: {told[-1_000:]}")
        self.turn += int(carried[1])  # no payment twice
        return int(carried[1]), float(rate[1]) if rate else 0.0

    def used(self) -> tuple[float, int]:
        """Processor seconds and bytes on disk, up to now."""
        pids = children_of(self.process.pid)
        seconds = processor_seconds([self.process.pid], with_ended_children=True)
        return seconds + processor_seconds(pids), bytes_on_disk(self.folder / "data")

    def at_full_speed(self, settings: Settings, connections: int) -> Figures:
        """As many transfers as these connections carry."""
        self.bench(settings, connections, WARM_UP_SECONDS)
        before, disk_before = self.used()
        carried, rate = self.bench(settings, connections, settings.seconds)
        after, disk_after = self.used()
        return {
            "payments_per_second": round(rate, 1),
            "processor_seconds_per_payment_and_replica": round(
                (after - before) / max(1, carried), 9
            ),
            "disk_bytes_per_payment_and_replica": round(
                (disk_after - disk_before) / max(1, carried)
            ),
        }

    def at_rate(self, settings: Settings, connections: int, rate: int) -> dict[str, float]:
        """How long a transfer takes from when it is due until it is committed."""
        for old in self.folder.glob("log.*"):
            old.unlink()
        more = ("-R", str(rate), "-l", "--log-prefix", str(self.folder / "log"))
        self.bench(settings, connections, settings.seconds, *more)
        latencies_ms = [
            int(line.split()[2]) / 1_000
            for log in self.folder.glob("log.*")
            for line in log.read_text().splitlines()
        ]
        return {
            "p50": round(percentile(latencies_ms, 0.50), 1),
            "p99": round(percentile(latencies_ms, 0.99), 1),
            "max": round(max(latencies_ms, default=0.0), 1),
        }


def _unprivileged() -> int | None:
    """The server refuses to run as root: whom it runs as instead."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise RuntimeError("no user without privileges for PostgreSQL")


@contextlib.contextmanager
def _server(programs: dict[str, str], settings: Settings) -> Iterator[_Server]:
    with tempfile.TemporaryDirectory(prefix="democite-postgres-") as name:
        folder, user, port = Path(name), _unprivileged(), first_port()
        for file in PEER.glob("*.sql"):
            shutil.copyfile(file, folder / file.name)
        if user is not None:
            for path in (folder, *folder.iterdir()):
                os.chown(path, user, -1)
        data = folder / "data"
        subprocess.run(
            [programs["initdb"], "-D", str(data), "-U", "bench", "--auth=trust", "-E", "UTF8"],
            check=True,
            stdout=subprocess.DEVNULL,
            user=user,
            cwd=folder,
            timeout=RUN_SECONDS_MORE,
        )
        options = {**OPTIONS, "unix_socket_directories": name, "port": port}
        words = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        process = start(
            [programs["postgres"], "-D", str(data), *words],
            folder / "server.log",
            user=user,
            cwd=folder,
        )
        server = _Server(programs, folder, port, user, process)
        with stopped_after([process]):
            _fill(server, settings)
            yield server


def _fill(server: _Server, settings: Settings) -> None:
    """Tables and accounts, once it answers."""
    psql = [server.programs["psql"], *server.where, "-q", "-v", "ON_ERROR_STOP=1", "postgres"]
    deadline = time.monotonic() + READY_SECONDS_MAX
    while True:
        try:
            server.run([*psql, "-f", str(server.folder / "schema.sql")])
            break
        except RuntimeError:
            if time.monotonic() > deadline or server.process.poll() is not None:
                raise
            time.sleep(0.2)
    rows = f"SELECT n, {START_BALANCE} FROM generate_series(0, {settings.accounts - 1}) AS n"
    server.run([*psql, "-c", f"INSERT INTO account (id, balance) {rows}"])
    server.run([*psql, "-c", "VACUUM ANALYZE account"])
