"""A phone is lost, stolen, vetoing: the commands that people type, against four real nodes."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.processes.network import Done, Network, create_network, democite

pytestmark = pytest.mark.process

DELAY_MS = 2_000


class Street:
    """People of the first territory with wallets, and the town hall's two clerks."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.home = network.nodes[0]

    def wallet(self, name: str, *words: str | Path) -> Done:
        """A wallet command."""
        line = ["wallet", *words, "--wallet", self.network.folder / f"{name}.json", "--json"]
        if words[0] != "address":
            line += ["--node", self.home.url]
        if words[0] not in ("address", "recover"):
            line += ["--passphrase-file", self.network.passphrase]
        return democite(*line)

    def make(self, name: str, account: str | None = None) -> dict[str, object]:
        """A new wallet, for a new account or to join one."""
        joined = [] if account is None else ["--account", account]
        done = democite(
            "wallet", "init", "--territory", self.home.prefix, "--genesis", self.network.genesis,
            "--wallet", self.network.folder / f"{name}.json", "--passphrase-file",
            self.network.passphrase, "--json", *joined,
        )  # fmt: skip
        assert done.code == 0, done.err
        return done.json

    def open(self, name: str) -> str:
        """A wallet with an open account and money; its address."""
        made = self.make(name)
        assert self.office("open", str(made["account_request"]), clerks=1, reason=False).code == 0
        issued = democite(
            "office", "reserve", "issue", str(made["address"]), "100", "--keystore",
            self.home.issuer_keystore, "--genesis", self.network.genesis, "--passphrase-file",
            self.network.passphrase, "--node", self.home.url,
        )  # fmt: skip
        assert issued.code == 0, issued.err
        return str(made["address"])

    def office(self, *words: str | Path, clerks: int = 2, reason: bool = True) -> Done:
        """A command of `office account`, signed by so many clerks."""
        keys = [self.home.folder / f"recovery-staff-{n}.json" for n in range(1, clerks + 1)]
        return democite(
            "office", "account", *words, *[word for key in keys for word in ("--keystore", key)],
            *(["--reason", "lost phone, case 7"] if reason else []), "--genesis",
            self.network.genesis, "--passphrase-file", self.network.passphrase, "--node",
            self.home.url, "--json",
        )  # fmt: skip

    def when_due(self, *words: str | Path, wallet: str | None = None) -> Done:
        """Try to complete until it is due."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            done = self.wallet(wallet, *words) if wallet else self.office(*words, clerks=1)
            if done.code == 0 or time.monotonic() > deadline:
                return done
            assert done.json["error"]["code"] == "request_not_due", done.err  # type: ignore[index]
            time.sleep(1)


def code(done: Done) -> object:
    """A failure's code."""
    assert done.code == 4, (done.code, done.out, done.err)
    error = done.json["error"]
    assert isinstance(error, dict)
    return error["code"]


def devices(done: Done) -> dict[str, str]:
    """Keys of an account and whether each is blocked."""
    assert done.code == 0, done.err
    found = done.json["devices"]
    assert isinstance(found, list)
    return {str(one["key"]): str(one["blocked"]) for one in found}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("network")
    network = create_network(folder, parameters=[f"recovery_delay_ms={DELAY_MS}"])
    try:
        network.start()
        yield Street(network)
    finally:
        network.stop()


@pytest.fixture(scope="module")
def baker(street: Street) -> str:
    return street.open("baker")


def test_the_town_hall_recovers_a_lost_phone(street: Street, baker: str) -> None:
    address = street.open("alice")
    old = next(iter(devices(street.wallet("alice", "devices", "list"))))
    assert code(street.office("block", address, old[:8], clerks=1)) == "signatures_insufficient"
    assert street.office("block", address, old[:8]).code == 0
    assert code(street.wallet("alice", "pay", baker, "1")) == "key_blocked"
    card = str(street.make("alice-2", address)["device_card"])
    asked = street.office("recover", card, "--replace", old[:8])
    assert asked.code == 0, asked.err
    # Whoever has the phone sees the request at once, though the phone is blocked.
    street.network.settle()
    seen = street.wallet("alice", "balance")
    assert seen.code == 0 and "WARNING" in seen.err
    done = street.when_due("complete", address)
    assert done.code == 0, done.err
    paid = street.wallet("alice-2", "pay", baker, "1,50")
    assert paid.code == 0, paid.err
    assert code(street.wallet("alice", "balance")) in ("account_unknown", "key_unknown")
    history = street.wallet("alice-2", "history")
    assert history.code == 0
    kinds = [item["kind"] for item in history.json["items"]]  # type: ignore[attr-defined]
    assert kinds[:4] == ["payment.pay", "account.complete", "account.keys", "account.block"]


def test_twelve_words_bring_the_account_back_at_once(street: Street, baker: str) -> None:
    address = street.open("bruno")
    made = street.wallet("bruno", "paper")
    assert made.code == 0, made.err
    words = street.network.folder / "words"
    words.write_text(f"{made.json['words']}\n")
    kept = [path for path in street.network.folder.rglob("*") if path.is_file() and path != words]
    assert not [p for p in kept if str(made.json["words"]).encode() in p.read_bytes()]
    assert street.when_due("complete", wallet="bruno").code == 0
    assert street.make("bruno-2", address)["address"] == address
    back = street.wallet("bruno-2", "recover", "--others", "remove", "--words-file", words)
    assert back.code == 0, back.err
    assert street.wallet("bruno-2", "pay", baker, "2").code == 0
    assert len(devices(street.wallet("bruno-2", "devices", "list"))) == 2
    words.write_text("abandon " * 12)
    wrong = street.wallet("bruno-2", "recover", "--words-file", words)
    assert code(wrong) == "words_invalid"


def test_another_device_blocks_and_two_vetoes_bring_three_signatures(
    street: Street, baker: str
) -> None:
    address = street.open("chloe")
    first = next(iter(devices(street.wallet("chloe", "devices", "list"))))
    card = str(street.make("chloe-2", address)["device_card"])
    added = street.wallet("chloe", "devices", "add", card)
    assert added.code == 0, added.err
    assert street.when_due("complete", wallet="chloe").code == 0
    # A stolen first phone: the second blocks it, and then it reads nothing any more.
    assert street.wallet("chloe-2", "devices", "block", first[:8]).code == 0
    assert code(street.wallet("chloe", "pay", baker, "1")) == "account_unknown"
    third = str(street.make("chloe-3", address)["device_card"])
    assert street.office("recover", third).code == 0
    assert street.wallet("chloe-2", "veto").code == 0
    assert code(street.office("complete", address, clerks=1)) == "request_stopped"
    assert street.office("insist", address).code == 0
    assert street.wallet("chloe-2", "veto").code == 0
    other = street.network.nodes[1].folder / "recovery-staff-1.json"
    decided = street.office("decide", address, "--other-keystore", other, "--agree")
    assert decided.code == 0, decided.err
    assert street.when_due("complete", address).code == 0
    assert street.wallet("chloe-3", "pay", baker, "1").code == 0
    # A key that reads nothing still blocks, by the other's whole name.
    keys = devices(street.wallet("chloe-3", "devices", "list"))
    second = next(key for key in keys if key != first)
    assert code(street.wallet("chloe", "devices", "block", second[:8])) == "account_unknown"
    street.wallet("chloe", "devices", "block", second)
    assert devices(street.wallet("chloe-3", "devices", "list"))[second] == "owner"


def test_a_freeze_stops_paying_and_not_being_paid(street: Street, baker: str) -> None:
    address = street.open("denis")
    # The two clerks sit at two machines: one hands a file on, the other sees what it says.
    folder, home = street.network.folder, street.home
    freeze = ("freeze", address, "--because", "suspected_fraud", "--days", "29")
    drafted = street.office(*freeze, "--out", folder / "act.json", clerks=1)
    assert drafted.code == 0, drafted.err
    signing = (
        "office", "account", "sign", folder / "act.json", "--keystore",
        home.folder / "recovery-staff-2.json", "--genesis", street.network.genesis,
        "--passphrase-file", street.network.passphrase, "--node", home.url, "--json",
    )  # fmt: skip
    assert democite(*signing).code == 2
    frozen = democite(*signing, "--yes")
    assert frozen.code == 0, frozen.err
    assert address in frozen.err and "suspected_fraud" in frozen.err
    assert code(street.wallet("denis", "pay", baker, "1")) == "account_frozen"
    assert street.wallet("baker", "pay", address, "1").code == 0
    assert street.office("devices", address).json["freeze_reason"] == "suspected_fraud"
    assert street.office("unfreeze", address).code == 0
    assert street.wallet("denis", "pay", baker, "1").code == 0
