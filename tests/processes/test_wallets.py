"""Wallets, town hall and issuer against four real nodes, by the commands that people type."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.processes.dropping_proxy import DroppingProxy
from tests.processes.network import PROGRAM, Done, Network, create_network, democite, must

pytestmark = pytest.mark.process


class Residents:
    """Wallets in the first territory of a running network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.home = network.nodes[0]

    def words(self, name: str, *words: str | Path, urls: list[str] | None = None) -> list[str]:
        """A wallet command's whole line."""
        line = ["wallet", *map(str, words), "--wallet", str(self.network.folder / f"{name}.json")]
        if words[0] not in ("address", "request", "verify"):
            line += ["--passphrase-file", str(self.network.passphrase)]
        if words[0] not in ("init", "address", "request", "verify"):
            for url in urls or self.network.urls:
                line += ["--node", url]
        return [*line, "--json"]

    def run(self, name: str, *words: str | Path, urls: list[str] | None = None) -> Done:
        """Run a wallet command."""
        return democite(*self.words(name, *words, urls=urls))

    def make(self, name: str, kind: str = "resident") -> str:
        """A wallet with an open account; its address."""
        made = must(
            "wallet", "init", "--territory", self.home.prefix, "--kind", kind, "--genesis",
            self.network.genesis, "--wallet", self.network.folder / f"{name}.json",
            "--passphrase-file", self.network.passphrase, "--json",
        ).json  # fmt: skip
        self.office(
            "account", "open", str(made["account_request"]), "--keystore",
            self.home.staff_keystore,
        )  # fmt: skip
        return str(made["address"])

    def issue(self, address: str, amount: str) -> None:
        """Money from the issuer."""
        self.office(
            "reserve", "issue", address, amount, "--reference", "VIR 1", "--keystore",
            self.home.issuer_keystore,
        )  # fmt: skip

    def office(self, *words: str | Path) -> dict[str, object]:
        """Run an office command that must succeed."""
        return must(
            "office", *words, "--genesis", self.network.genesis, "--passphrase-file",
            self.network.passphrase, "--node", self.home.url, "--json",
        ).json  # fmt: skip

    def balance(self, name: str) -> int:
        """A wallet's proved balance, once the nodes agree on it."""
        self.network.settle()
        done = self.run(name, "balance")
        assert done.code == 0, done.err
        return int(str(done.json["balance_minor"]))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    built = create_network(tmp_path_factory.mktemp("network"))
    try:
        built.start()
        yield built
    finally:
        built.stop()


@pytest.fixture(scope="module")
def residents(network: Network) -> Residents:
    made = Residents(network)
    made.issue(made.make("alice"), "1000")
    made.make("baker", "service")
    return made


def _address(residents: Residents, name: str) -> str:
    return str(residents.run(name, "address").json["address"])


def test_a_payment_between_two_own_wallets(residents: Residents) -> None:
    baker = _address(residents, "baker")
    before = residents.balance("alice"), residents.balance("baker")
    paid = residents.run("alice", "pay", baker, "12,50", "--note", "pain")
    assert paid.code == 0, paid.err
    assert paid.json["status"] == "final"
    after = residents.balance("alice"), residents.balance("baker")
    assert after == (before[0] - 1_250, before[1] + 1_250)
    file = residents.network.folder / "receipt.json"
    receipt = residents.run("baker", "receipt", str(paid.json["id"]), "--out", file)
    assert receipt.code == 0, receipt.err
    assert receipt.json["number"] == paid.json["number"]
    verified = democite("verify", file, "--genesis", residents.network.genesis, "--json")
    assert verified.code == 0, verified.err
    assert (verified.json["amount_minor"], verified.json["members"]) == (1_250, 4)
    history = residents.run("baker", "history").json["items"]
    assert isinstance(history, list)
    assert history[0]["id"] == paid.json["id"]


def test_a_refund_and_a_redemption(residents: Residents) -> None:
    paid = residents.run("alice", "pay", _address(residents, "baker"), "20")
    assert paid.code == 0, paid.err
    given_back = residents.run("baker", "refund", str(paid.json["id"]), "5")
    assert given_back.code == 0, given_back.err
    too_much = residents.run("baker", "refund", str(paid.json["id"]), "15,01")
    assert too_much.code == 4
    assert too_much.json["error"]["code"] == "refund_above_original"  # type: ignore[index]
    before = residents.balance("baker")
    request = residents.network.folder / "redeem.json"
    asked = residents.run("baker", "redeem", "10", "--out", request, "--reference", "FR76 1")
    assert asked.code == 0, asked.err
    done = residents.office(
        "reserve", "redeem", "--request", request, "--keystore", residents.home.issuer_keystore
    )
    assert done["status"] == "final"
    assert residents.balance("baker") == before - 1_000


@pytest.mark.parametrize("lost", [b"POST /v1/transactions", b"GET /v1/transactions"])
def test_lost_answers_pay_once(residents: Residents, lost: bytes) -> None:
    baker = _address(residents, "baker")
    before = residents.balance("alice")
    with DroppingProxy(residents.home.http) as proxy:
        proxy.drops_after = lost
        first = residents.run("alice", "pay", baker, "1", "--no-wait", urls=[proxy.url])
        proxy.drops_after = b""
        second = residents.run("alice", "pay", baker, "1", urls=[proxy.url])
    assert second.code == 0, second.err
    if lost.startswith(b"POST"):
        assert first.code == 6
        assert proxy.dropped > 0
        assert second.json["id"] == first.json["id"]
        assert residents.balance("alice") == before - 100


def test_a_killed_command_pays_once_when_repeated(residents: Residents) -> None:
    baker = _address(residents, "baker")
    before = residents.balance("alice")
    for delay_seconds in (0.3, 0.5, 0.7, 0.9):
        process = subprocess.Popen(
            [PROGRAM, *residents.words("alice", "pay", baker, "3")], stdout=subprocess.PIPE
        )
        time.sleep(delay_seconds)
        process.send_signal(signal.SIGKILL)
        # What was printed was told, also by a process that was killed while it ended: to ask
        # again after that is to wish for a second payment.
        printed, _ = process.communicate()
        told = printed != b""
        again = residents.run("alice", "pay", baker, "3")
        assert again.code == 0, again.err
        paid = 600 if told else 300
        assert residents.balance("alice") in (before - 300, before - paid)
        before = residents.balance("alice")


def test_residents_pay_through_another_territory(residents: Residents) -> None:
    baker = _address(residents, "baker")
    residents.network.kill(residents.home)
    try:
        paid = residents.run("alice", "pay", baker, "2")
        assert paid.code == 0, paid.err
        assert paid.json["status"] == "final"
    finally:
        residents.network.start(residents.home)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        seen = residents.run("baker", "history", urls=[residents.home.url])
        items = seen.json.get("items") if seen.code == 0 else None
        if isinstance(items, list) and items and items[0]["id"] == paid.json["id"]:
            return
        time.sleep(0.5)
    pytest.fail("the node that was away did not catch up")


def test_bad_input_has_its_codes(residents: Residents) -> None:
    baker = _address(residents, "baker")
    for words, exit_code, code in [
        (("pay", baker, "1000000"), 4, "balance_insufficient"),
        (("pay", baker, "0"), 4, "amount_out_of_range"),
        (("pay", baker, "1.234"), 2, "amount_malformed"),
        (("pay", baker[:-1], "1"), 2, "address_malformed"),
    ]:
        done = residents.run("alice", *words)
        assert (done.code, done.json["error"]["code"]) == (exit_code, code)  # type: ignore[index]
        assert done.err.startswith(f"error[{code}]: ")
        assert "\nhint: " in done.err


def test_reading_is_not_public(residents: Residents) -> None:
    import urllib.error
    import urllib.request

    address = _address(residents, "alice")
    for path in (f"/v1/accounts/{address}", f"/v1/accounts/{address}/history"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(residents.home.url + path, timeout=30)
        assert caught.value.code in (401, 404)
        assert json.loads(caught.value.read())["code"]
