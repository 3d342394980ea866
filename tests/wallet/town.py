"""A network in a thread, and the command line as people type it."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clients.cli import main
from primitives import keystore
from tests.wallet.chain import Chain
from tests.wallet.people import empty_chain, key_of
from tests.wallet.standin import StandInNode


class Town:
    """A network in a thread, a folder, and the command line."""

    def __init__(
        self, folder: Path, capsys: pytest.CaptureFixture[str], chain: Chain | None = None
    ) -> None:
        self.folder = folder
        self.chain: Chain = chain or empty_chain()
        self.node = StandInNode(self.chain)
        self._capsys = capsys
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text("quatre mots au hasard\n")
        self.genesis = folder / "genesis.json"
        self.genesis.write_text(self.chain.genesis.to_json())

    @contextmanager
    def serve(self) -> Iterator[None]:
        """Run the stand-in's loop in a thread."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.node.__aenter__(), loop).result(5)
            yield
            asyncio.run_coroutine_threadsafe(self.node.__aexit__(None, None, None), loop).result(5)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(5)

    def words(self, name: str, *words: str | Path) -> list[str]:
        """A wallet command's whole line."""
        line = ["wallet", *map(str, words), "--wallet", str(self.folder / f"{name}.json")]
        if words[0] not in ("address", "request", "verify", "trust"):
            line += ["--passphrase-file", str(self.passphrase)]
        if words[0] not in ("init", "address", "request", "verify", "trust"):
            line += ["--node", self.node.url]
        return [*line, "--lang", "en"]

    def run(self, name: str, *words: str | Path) -> tuple[int, dict[str, object], str]:
        """Run a wallet command with `--json`: exit code, object, stderr."""
        self._capsys.readouterr()
        code = main.run([*self.words(name, *words), "--json"])
        captured = self._capsys.readouterr()
        lines = captured.out.splitlines()
        assert len(lines) == 1, captured
        content = json.loads(lines[0])
        assert isinstance(content, dict)
        return code, content, captured.err

    def text(self, name: str, *words: str | Path) -> tuple[int, str, str]:
        """Run a wallet command for people: exit code, stdout, stderr."""
        self._capsys.readouterr()
        code = main.run(self.words(name, *words))
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err

    def office(self, *words: str | Path) -> tuple[int, dict[str, object], str]:
        """Run an office command with `--json`."""
        self._capsys.readouterr()
        line = ["office", *map(str, words), "--genesis", str(self.genesis)]
        line += ["--passphrase-file", str(self.passphrase), "--node", self.node.url, "--json"]
        code = main.run([*line, "--lang", "en"])
        captured = self._capsys.readouterr()
        return code, json.loads(captured.out), captured.err

    def hall(self, *words: str | Path) -> tuple[int, dict[str, object], str]:
        """A command of `office account` that both clerks of the first territory sign."""
        clerks = [self.keystore("arden staff"), self.keystore("arden staff 2")]
        keys = [word for key in clerks for word in ("--keystore", key)]
        return self.office("account", *words, *keys, "--reason", "case 7")

    def run_line(
        self, *words: str | Path, named: bool = True
    ) -> tuple[int, dict[str, object], str]:
        """Run any command with `--json`; `named`: with the passphrase, the genesis and the node."""
        self._capsys.readouterr()
        line = [*map(str, words), "--json", "--lang", "en"]
        if named:
            line += ["--genesis", str(self.genesis), "--node", self.node.url]
            line += ["--passphrase-file", str(self.passphrase)] if "--keystore" in line else []
        code = main.run(line)
        captured = self._capsys.readouterr()
        return code, json.loads(captured.out), captured.err

    def verify(self, file: Path) -> tuple[int, dict[str, object], str]:
        """Check a file with the genesis alone."""
        self._capsys.readouterr()
        code = main.run(["verify", str(file), "--genesis", str(self.genesis), "--json"])
        captured = self._capsys.readouterr()
        return code, json.loads(captured.out), captured.err

    def keystore(self, name: str) -> Path:
        """A sealed key file of someone of the office."""
        file = self.folder / f"{name.replace(' ', '-')}.json"
        if not file.exists():
            payload = ("key", 1, "signing", key_of(name).seed)
            file.write_bytes(
                keystore.seal(payload, "quatre mots au hasard", salt=bytes(16), nonce=bytes(24))
            )
        return file

    def make(self, name: str, kind: str = "resident") -> str:
        """A wallet with an open account; its address."""
        code, made, _ = self.run(
            name, "init", "--territory", "arden", "--kind", kind, "--genesis", self.genesis
        )
        assert code == 0
        request = str(made["account_request"])
        code, opened, error = self.office(
            "account", "open", request, "--keystore", self.keystore("arden staff")
        )
        assert (code, opened["status"]) == (0, "final"), error
        return str(made["address"])

    def issue(self, address: str, amount: str) -> None:
        """Money from the issuer."""
        code, issued, error = self.office(
            "reserve", "issue", address, amount, "--reference", "VIR 2026-11",
            "--keystore", self.keystore("arden issuer 0"),
            "--keystore", self.keystore("arden issuer 1"),
        )  # fmt: skip
        assert (code, issued["status"]) == (0, "final"), error
