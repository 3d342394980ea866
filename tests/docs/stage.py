"""Where the documents' commands are run: a real network of five territories on this machine.

Valmont is made by the commands of the operators' guide. The others (Jura, Brenta, Liria, and Élan,
which joins later) were made elsewhere, as the guide says; here in this process, with keys sealed
cheaply. All run as processes of their own, with real disks and TLS between them.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE_SECONDS, wait_until
from tests.ports import free_ports
from tests.processes.network import PROGRAM, Done, Network, Node
from tests.processes.quick import PASSPHRASE, Council, make_node
from tests.reliability.testbed import ask

TERRITORIES = (
    ("Valmont", "valmont", "VAL"),
    ("Jura", "jura", "JUR"),
    ("Brenta", "brenta", "BRE"),
    ("Liria", "liria", "LIR"),
    ("Élan", "elan", "ELA"),
)
FOUNDERS = 4


class Stage(Network):
    """A network under `folder`, where its commands are typed too; `said` is what was noted from
    one command's answer for a later one."""

    def __init__(self, folder: Path) -> None:
        passphrase = folder / "passphrase"
        passphrase.write_text(f"{PASSPHRASE}\n")
        passphrase.chmod(0o600)
        super().__init__(folder, passphrase, folder / "genese.json")
        ports = iter(free_ports(2 * len(TERRITORIES)))
        for name, prefix, currency in TERRITORIES:
            peer, http = (f"127.0.0.1:{next(ports)}" for _ in range(2))
            self.nodes.append(Node(name, prefix, currency, folder / prefix, peer, http))
        self.said: dict[str, str] = {}
        self._council = _Council(self)

    def node(self, prefix: str) -> Node:
        """The node of a territory."""
        return next(node for node in self.nodes if node.prefix == prefix)

    # -- what people type ---------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """What a terminal has here. Passphrases that people are asked for come from a file."""
        return {
            **os.environ,
            "PATH": f"{PROGRAM.parent}:{os.environ.get('PATH', '')}",
            "DEMOCITE_LANG": "en",
            "DEMOCITE_PASSPHRASE_FILE": str(self.passphrase),
            "DEMOCITE_WALLET": str(self.folder / "alice.json"),
        }

    def type(self, session: Sequence[str], command: str, folder: Path | None = None) -> Done:
        """Type a command into a shell in which the commands of `session` were typed before."""
        script = "\n".join(["set -e", *session, command])
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder or self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def keep_running(self, prefix: str, session: Sequence[str], command: str) -> Done:
        """Type a command that stays in the foreground; what it said when it was ready."""
        node = self.node(prefix)
        with (node.folder / "node.log").open("a") as log:
            node.process = subprocess.Popen(
                ["bash", "-c", "\n".join(["set -e", *session, f"exec {command}"])],
                cwd=self.folder,
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.start_others(node)
        if node.process.stdout is None:
            raise RuntimeError("no pipe")
        line = node.process.stdout.readline()
        return Done(node.process.poll() or 0, line, (node.folder / "node.log").read_text()[-2_000:])

    # -- where things stand -------------------------------------------------------------------

    def make_others(self) -> None:
        """The nodes that the guide says others make."""
        for node in self.nodes[1:]:
            make_node(node, node.folder)

    def start_others(self, but: Node) -> None:
        """Start every other founder that does not run."""
        away = [n for n in self.nodes[:FOUNDERS] if n is not but and n.process is None]
        if away:
            self.start(*away)

    def halt(self, prefix: str) -> None:
        """SIGTERM, as the guide says; the node says it ended well."""
        node = self.node(prefix)
        if node.process is not None:
            node.process.send_signal(signal.SIGTERM)
            code = node.process.wait(PATIENCE_SECONDS)
            node.process = None
            if code != 0:
                raise RuntimeError(f"{prefix} ended with {code}")

    def status(self, prefix: str) -> dict[str, object]:
        """What a node says of itself; nothing if it does not answer."""
        return ask(f"{self.node(prefix).url}/v1/status", 5.0) or {}

    def until(self, prefix: str, **wanted: object) -> None:
        """Until a node says so of itself; `epoch` and `height` may be later ones."""
        said: dict[str, object] = {}

        def fits() -> bool:
            said.clear()
            said.update(self.status(prefix))
            return all(_fits(said.get(name), value) for name, value in wanted.items())

        wait_until(fits, lambda: f"{prefix}: {wanted} is not {said}")

    def vote(self, proposal: str, *prefixes: str) -> None:
        """Other territories say yes, each at its own node."""
        self._council.agree(proposal, *(self.node(prefix) for prefix in prefixes))

    def staff_keystore(self, prefix: str, number: int) -> Path:
        """The key of a territory's first or second clerk."""
        return self._council.keystore(self.node(prefix), number)


class _Council(Council):
    """Valmont's keys are where the guide has them."""

    def keystore(self, node: Node, number: int) -> Path:
        if node.prefix == "valmont":
            return node.folder.parent / "usb" / f"valmont-recuperation-staff-{number}.json"
        return super().keystore(node, number)


def _fits(said: object, wanted: object) -> bool:
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        return isinstance(said, int) and said >= wanted
    return said == wanted


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    """A stage; all that runs on it is stopped at the end."""
    stage = Stage(folder)
    try:
        yield stage
    finally:
        stage.stop()
