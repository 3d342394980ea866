"""The commands of `node` and `network` as one types them: words, exit codes, JSON, refusals."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from clients.cli import main
from node.data_folder import DataFolder
from tests.node.founding import PASSPHRASE, make_card, make_sealing_fast
from tests.ports import free_ports


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMOCITE_LANG", "en")
    for name in ("PASSPHRASE_FILE", "GENESIS", "NODES"):
        monkeypatch.delenv(f"DEMOCITE_{name}", raising=False)
    make_sealing_fast(monkeypatch)


class Shell:
    """Types commands in one folder."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(f"{PASSPHRASE}\n")

    def run(self, *words: str | Path) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        self._capture.readouterr()
        code = main.run([str(word) for word in words])
        shown = self._capture.readouterr()
        return code, shown.out, shown.err

    def json(self, *words: str | Path) -> dict[str, object]:
        """What a command that succeeds prints with `--json`."""
        code, out, err = self.run(*words, "--json")
        assert (code, err) == (0, "")
        content = json.loads(out)
        assert isinstance(content, dict)
        return content

    def refusal(self, exit_code: int, *words: str | Path) -> str:
        """The code of a refusal: the same on stderr and with `--json`, with a hint."""
        code, out, err = self.run(*words, "--json")
        assert (code, err.startswith("error[")) == (exit_code, True), err
        error = json.loads(out)["error"]
        assert f"error[{error['code']}]: " in err
        assert "\nhint: " in err
        assert error["hint"]
        return str(error["code"])

    def init_words(self, prefix: str, peer: str, http: str) -> list[str | Path]:
        """`node init`."""
        home = self.folder / prefix
        return [
            "node", "init", "--data", home / "data", "--name", prefix.capitalize(), "--prefix",
            prefix, "--currency", prefix[:3].upper(), "--peer", peer, "--http", http, "--card",
            home / "card.json", "--recovery-out", home / "recovery.json", "--passphrase-file",
            self.passphrase,
        ]  # fmt: skip

    def start_words(self, data: Path, genesis: Path) -> list[str | Path]:
        """`node start`."""
        return [
            "node", "start", "--data", data, "--genesis", genesis, "--passphrase-file",
            self.passphrase,
        ]  # fmt: skip


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


@pytest.fixture
def genesis(shell: Shell) -> Path:
    """A network of the one node `arden`, made by its commands."""
    ports = free_ports(2)
    shell.json(*shell.init_words("arden", f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}"))
    out = shell.folder / "genesis.json"
    shell.json("network", "create", "--out", out, shell.folder / "arden" / "card.json")
    return out


def data(shell: Shell) -> Path:
    return shell.folder / "arden" / "data"


# -- founding ---------------------------------------------------------------------------------


def test_init_tells_where_everything_is(shell: Shell) -> None:
    told = shell.json(*shell.init_words("arden", "127.0.0.1:1", "127.0.0.1:2"))
    home = shell.folder / "arden"
    assert told == {
        "data": str(home / "data"),
        "card": str(home / "card.json"),
        "recovery": str(home / "recovery.json"),
        "issuer": str(home / "recovery-issuer.json"),
        "staff": [str(home / f"recovery-staff-{number}.json") for number in (1, 2)],
        "store": "leveldb",
    }
    again = shell.init_words("arden", "127.0.0.1:1", "127.0.0.1:2")
    assert shell.refusal(2, *again) == "file_exists"


@pytest.mark.parametrize(
    ("option", "value", "exit_code", "code"),
    [
        ("--peer", "127.0.0.1", 2, "host_port_malformed"),
        ("--http", "127.0.0.1:0", 2, "host_port_malformed"),
        ("--http", "127.0.0.1:65536", 2, "host_port_malformed"),
        ("--http", "http://127.0.0.1:80", 2, "host_port_malformed"),
        ("--prefix", "Arden", 4, "genesis_invalid"),
        ("--currency", "€", 4, "genesis_invalid"),
        ("--passphrase-file", "/nowhere", 2, "file_missing"),
    ],
)
def test_init_refuses(shell: Shell, option: str, value: str, exit_code: int, code: str) -> None:
    words = shell.init_words("arden", "127.0.0.1:1", "127.0.0.1:2")
    words[words.index(option) + 1] = value
    assert shell.refusal(exit_code, *words) == code
    assert not (shell.folder / "arden").exists()


def test_init_refuses_an_unknown_store(shell: Shell) -> None:
    words = shell.init_words("arden", "127.0.0.1:1", "127.0.0.1:2")
    assert shell.refusal(2, *words, "--store", "sqlite") == "store_unknown"


def test_an_empty_passphrase(shell: Shell) -> None:
    shell.passphrase.write_text("\n")
    words = shell.init_words("arden", "127.0.0.1:1", "127.0.0.1:2")
    assert shell.refusal(5, *words) == "passphrase_empty"
    assert not (shell.folder / "arden").exists()


def test_an_issuers_keys_go_into_the_card(shell: Shell) -> None:
    card = shell.folder / "issuer.card"
    issued = shell.json(
        "network", "issuer", "--currency", "ARD", "--threshold", "2", "--keys", "3", "--out",
        shell.folder / "keys", "--card", card, "--passphrase-file", shell.passphrase,
    )  # fmt: skip
    assert issued["threshold"] == 2
    words = shell.init_words("arden", "127.0.0.1:1", "127.0.0.1:2")
    assert shell.json(*words, "--issuer", card)["issuer"] is None
    content = json.loads((shell.folder / "arden" / "card.json").read_text())
    assert content["issuer_keys"] == issued["keys"]


@pytest.mark.parametrize(("members", "faults"), [(1, 0), (2, 0), (3, 0), (4, 1), (7, 2)])
def test_create_says_how_many_may_fail(shell: Shell, members: int, faults: int) -> None:
    prefixes = ("arden", "brume", "cassis", "dune", "elbe", "faro", "gave")[:members]
    cards = [make_card(shell.folder, one, 7_000 + 2 * i) for i, one in enumerate(prefixes)]
    out = shell.folder / "genesis.json"
    code, shown, _ = shell.run("network", "create", "--out", out, *cards)
    assert code == 0
    network_id, sentence, _ = shown.splitlines()
    assert network_id == json.loads(out.read_text())["network_id"]
    assert ("no failure at all" in sentence) == (faults == 0)
    told = shell.json("network", "create", "--out", shell.folder / "again", *cards)
    assert (told["members"], told["faults_tolerated"]) == (members, faults)


def test_create_refuses(shell: Shell) -> None:
    card = make_card(shell.folder)
    demo = make_card(shell.folder, "brume", 7_002, demo_seed="1")
    out = shell.folder / "genesis"
    create = ("network", "create", "--out", out)
    assert shell.refusal(4, *create, card, card) == "genesis_invalid"
    assert shell.refusal(2, *create, card, demo) == "demo_card"
    assert shell.refusal(2, *create, card, "--engine", "paxos") == "engine_unknown"
    assert shell.refusal(2, *create, card, "--parameter", "delta=1") == "parameter_unknown"
    assert shell.refusal(2, *create, shell.folder / "none") == "file_missing"
    card.write_text(card.read_text().replace("Arden", "Ardem"))
    assert shell.refusal(4, *create, card) == "signature_invalid"
    card.write_text("{}")
    assert shell.refusal(2, *create, card) == "card_malformed"
    assert not out.exists()


# -- looking at a node that does not run ------------------------------------------------------


def test_keys_shows_public_keys_only(shell: Shell, genesis: Path) -> None:
    told = shell.json("node", "keys", "--data", data(shell))
    card = json.loads((shell.folder / "arden" / "card.json").read_text())
    assert told["voting"] == card["voting_key"]
    assert told["signing"] == card["node_key"]
    assert told["cometbft"] == card["cometbft_key"] and len(told) == 4
    checked = ("node", "keys", "--data", data(shell), "--passphrase-file", shell.passphrase)
    assert shell.json(*checked) == told
    wrong = shell.folder / "wrong"
    wrong.write_text("another\n")
    assert shell.refusal(5, *checked[:-1], wrong) == "passphrase_wrong"
    public = DataFolder(data(shell)).public_keys_file
    public.write_text(public.read_text().replace(str(told["voting"]), "00" * 32))
    assert shell.refusal(2, *checked) == "data_malformed"


def test_verify_and_compact_what_never_ran(shell: Shell, genesis: Path) -> None:
    found = shell.json("node", "verify", "--data", data(shell), "--genesis", genesis)
    assert (found["height"], found["journal"]) == (0, "whole")
    assert shell.json("node", "compact", "--data", data(shell))["bytes_after"]
    assert shell.refusal(2, "node", "verify", "--data", shell.folder / "none") == "data_missing"
    assert shell.refusal(2, "node", "compact", "--data", shell.folder / "none") == "data_missing"
    folder = DataFolder(data(shell))
    folder.lock()
    assert shell.refusal(2, "node", "verify", "--data", data(shell)) == "data_in_use"
    folder.unlock()


# -- what keeps a node from starting ----------------------------------------------------------


def test_start_asks_for_the_right_passphrase(shell: Shell, genesis: Path) -> None:
    shell.passphrase.write_text("another\n")
    assert shell.refusal(5, *shell.start_words(data(shell), genesis)) == "passphrase_wrong"
    DataFolder(data(shell)).lock()  # a start that failed lets the folder go


def test_start_needs_a_passphrase_only_when_the_rest_fits(shell: Shell, genesis: Path) -> None:
    words = shell.start_words(shell.folder / "none", genesis)[:-2]
    assert shell.refusal(2, *words) == "data_missing"


def test_start_refuses_another_network(shell: Shell, genesis: Path) -> None:
    other = make_card(shell.folder, "brume", 7_002)
    foreign = shell.folder / "foreign.json"
    shell.json("network", "create", "--out", foreign, other)
    words = shell.start_words(data(shell), foreign)
    assert shell.refusal(2, *words) == "genesis_without_us"
    DataFolder(data(shell)).bind(bytes(32), "simplex")
    assert shell.refusal(2, *words) == "data_of_other_network"
    assert shell.refusal(2, *shell.start_words(data(shell), genesis)) == "data_of_other_network"


def test_start_refuses_newer_data_and_data_in_use(shell: Shell, genesis: Path) -> None:
    folder = DataFolder(data(shell))
    words = shell.start_words(data(shell), genesis)
    folder.lock()
    assert shell.refusal(2, *words) == "data_in_use"
    folder.unlock()
    folder.file.write_text(folder.file.read_text().replace('"version": 1', '"version": 2'))
    assert shell.refusal(2, *words) == "data_of_newer_version"


def test_start_refuses_another_engine(shell: Shell, genesis: Path) -> None:
    made = ("network", "create", "--out", shell.folder / "x", "--engine", "paxos")
    assert shell.refusal(2, *made, shell.folder / "arden/card.json") == "engine_unknown"
    beside = genesis.with_name("genesis.json.engine")
    beside.write_text("cometbft\n")
    words = shell.start_words(data(shell), genesis)
    DataFolder(data(shell)).bind(
        bytes.fromhex(json.loads(genesis.read_text())["network_id"]), "simplex"
    )
    assert shell.refusal(4, *words) == "engine_mismatch"
    beside.write_text("paxos\n")
    assert shell.refusal(2, *words) == "engine_unknown"


def test_start_refuses_another_store(shell: Shell, genesis: Path) -> None:
    folder = DataFolder(data(shell))
    folder.file.write_text(folder.file.read_text().replace("leveldb", "rocksdb"))
    assert shell.refusal(2, *shell.start_words(data(shell), genesis)) == "store_of_other_kind"


@pytest.mark.parametrize("option", ["--http", "--peer"])
def test_start_refuses_a_port_in_use(shell: Shell, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = free_ports(2)
        words = shell.init_words("arden", f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}")
        words[words.index(option) + 1] = f"127.0.0.1:{taken.getsockname()[1]}"
        shell.json(*words)
        genesis = shell.folder / "genesis"
        shell.json("network", "create", "--out", genesis, shell.folder / "arden" / "card.json")
        assert shell.refusal(3, *shell.start_words(data(shell), genesis)) == "port_in_use"


@pytest.mark.parametrize(
    ("peer", "http", "demo", "code"),
    [
        ("127.0.0.1:7000", "192.0.2.1:80", True, "demo_not_on_loopback"),
        ("192.0.2.1:7000", "127.0.0.1:80", True, "demo_not_on_loopback"),
        ("127.0.0.1:7000", "0.0.0.0:80", True, "demo_not_on_loopback"),
        ("192.0.2.1:7000", "192.0.2.1:80", False, "http_without_tls"),
        ("192.0.2.1:7000", "[::]:80", False, "http_without_tls"),
    ],
)
def test_start_refuses_to_be_seen(
    shell: Shell, peer: str, http: str, demo: bool, code: str
) -> None:
    shell.json(*shell.init_words("arden", peer, http))
    genesis, card = shell.folder / "genesis", shell.folder / "arden" / "card.json"
    shell.json("network", "create", "--out", genesis, card, *(["--demo"] if demo else []))
    assert shell.refusal(4, *shell.start_words(data(shell), genesis)) == code
    if code == "demo_not_on_loopback":
        words = (*shell.start_words(data(shell), genesis), "--behind-proxy")
        assert shell.refusal(4, *words) == code


def test_behind_a_proxy_an_address_that_is_not_ours_is_named(shell: Shell) -> None:
    shell.json(*shell.init_words("arden", "127.0.0.1:1", "192.0.2.1:80"))
    genesis, card = shell.folder / "genesis", shell.folder / "arden" / "card.json"
    shell.json("network", "create", "--out", genesis, card)
    words = (*shell.start_words(data(shell), genesis), "--behind-proxy")
    assert shell.refusal(3, *words) == "address_unusable"


def test_a_wrong_peer_address_binds_the_folder_to_nothing(shell: Shell) -> None:
    shell.json(*shell.init_words("arden", "nowhere.invalid:7000", "127.0.0.1:1"))
    genesis = shell.folder / "genesis"
    shell.json("network", "create", "--out", genesis, shell.folder / "arden/card.json")
    listen = ("--http-listen", f"127.0.0.1:{free_ports(1)[0]}")
    words = (*shell.start_words(data(shell), genesis), *listen)
    assert shell.refusal(3, *words) == "address_unusable"
    assert DataFolder(data(shell)).read().network_id == ""


# -- asking a node ----------------------------------------------------------------------------

STATUS = {
    "network_id": "00" * 32,
    "height": 7,
    "view": 9,
    "state_root": "11" * 32,
    "peers": 1,
    "members": 3,
    "peer_details": [
        {"prefix": "brume", "address": "192.0.2.1:7000", "connected": True},
        {"prefix": "dune", "address": "192.0.2.2:7000", "connected": False},
    ],
    "mempool_transactions": 2,
    "ready": True,
}


@pytest.fixture
def answers() -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers with the last of a list."""
    given = [json.dumps(STATUS).encode()]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(given[-1])

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", given
    server.shutdown()
    thread.join()
    server.server_close()


def test_status_and_peers(shell: Shell, answers: tuple[str, list[bytes]]) -> None:
    url, given = answers
    assert shell.json("node", "status", "--node", url) == STATUS
    gone = f"http://127.0.0.1:{free_ports(1)[0]}"
    assert shell.json("node", "status", "--node", f"{gone},{url}")["height"] == 7
    code, shown, _ = shell.run("node", "peers", "--node", gone, "--node", url)
    assert code == 0
    assert shown.splitlines()[1:] == ["brume  192.0.2.1:7000  connected", "dune  192.0.2.2:7000  -"]
    for raw in (b"", b"[]", b"{}", b"[" * 60_000, b'{"network_id": "00"}'):
        given.append(raw)
        assert shell.refusal(3, "node", "status", "--node", url) == "node_answer_malformed"


def test_asking_nobody(shell: Shell) -> None:
    gone = f"http://127.0.0.1:{free_ports(1)[0]}"
    assert shell.refusal(3, "node", "status", "--node", gone) == "node_unreachable"
    assert shell.refusal(3, "node", "peers", "--node", "file:///etc/passwd") == "node_unreachable"
    assert shell.refusal(2, "node", "status") == "option_missing"


@pytest.mark.parametrize("group", ["node", "network"])
def test_help_does_not_load_what_only_work_needs(group: str) -> None:
    source = (
        f"import sys; from clients.cli.main import run; run([{group!r}, '--help']);"
        "heavy = {'aiohttp', 'pydantic', 'rich', 'cryptography', 'structlog', 'nacl', 'plyvel'};"
        "sys.exit(sorted(heavy & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
