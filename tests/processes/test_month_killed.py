"""A territory's node is killed at every step between its registry and the ledger, and started
again: nothing is credited twice, nothing is lost."""

import http.client
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.accounts import open_fields
from ledger.consent_statements import consent_message
from ledger.envelope import build_body, cosign, sign_transaction
from ledger.fields import ACCOUNT_OPEN, RESERVE_ISSUE, WAGES_PAY, OpenedAccount, OpenedKey
from ledger.founders import Territory
from ledger.genesis import Genesis
from ledger.objects import Account
from ledger.reserve import issue_fields
from ledger.roles import SPEND
from ledger.wages import wages_pay_fields
from node.keys import read_key
from primitives.addresses import account_id, format_address
from primitives.encoding import Value
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey
from tests.patience import PATIENCE_SECONDS
from tests.processes.dying_node import STEPS
from tests.processes.network import ROOT, Network, Node, create_network
from wallet.request_signing import authorization

pytestmark = pytest.mark.process

PREFIX, CURRENCY, PERIOD = "arden", "ARD", "2026-05"
RESIDENTS = 3
BUDGET_MINOR, EMPLOYER_MINOR = 100_000, 500_000
HOURS_MINOR, WAGE_MINOR = 1_500, 10_000
Json = dict[str, object]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Gone(Exception):
    """The node died before it answered."""


class Town:
    """What its people hold and do, over HTTP."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.node: Node = network.nodes[0]
        self.genesis = Genesis.from_json(network.genesis.read_text("utf-8"))
        self.territory: Territory = self.genesis.territories[0]
        passphrase = network.passphrase.read_text("utf-8").strip()
        self.staff = read_key(self.node.staff_keystore, "staff-1", passphrase)
        self.issuer = read_key(self.node.issuer_keystore, "issuer", passphrase)
        self.people = [self.key(f"resident {number}") for number in range(RESIDENTS)]
        self.employer = self.key("employer")

    @staticmethod
    def key(name: str) -> SigningKey:
        return SigningKey.from_seed(hash_bytes("test_key", name.encode()))

    @staticmethod
    def id_of(key: SigningKey) -> bytes:
        return account_id(PREFIX, key.public_key)

    def address(self, key: SigningKey) -> str:
        return format_address(PREFIX, self.id_of(key))

    # -- the node -------------------------------------------------------------------------------

    def start_dying(self, step: str) -> None:
        """Start the node so that it dies when it comes to a step."""
        log = (self.node.folder / "node.log").open("a")
        self.node.process = subprocess.Popen(
            [
                sys.executable, "-m", "tests.processes.dying_node", step, "node", "start",
                "--data", str(self.node.data), "--genesis", str(self.network.genesis),
                "--passphrase-file", str(self.network.passphrase),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )  # fmt: skip
        self.network._wait_ready(self.node)

    def start_again(self) -> None:
        """Once it is dead, start it as it is."""
        assert self.node.process is not None
        assert self.node.process.wait(PATIENCE_SECONDS) == -9
        self.network.start(self.node)

    # -- requests -------------------------------------------------------------------------------

    def ask(self, method: str, path: str, key: SigningKey | None, content: object = None) -> Json:
        """A request, signed if there is a key; its answer whatever its status, as `status`."""
        body = b"" if content is None else json.dumps(content).encode()
        headers = {"Democite-Reason": "test", "Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = authorization(
                key, self.genesis.network_id, method, path, body,
                time_ms=now_ms(), nonce=secrets.token_bytes(16),
            )  # fmt: skip
        return self._send(method, path, body, headers)

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Json:
        host, port = self.node.http.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content: Json = json.loads(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise Gone from error
        finally:
            connection.close()
        return {"status": answer.status, **content}

    def done(self, method: str, path: str, key: SigningKey | None, content: object = None) -> Json:
        """The same, which must succeed."""
        answer = self.ask(method, path, key, content)
        assert answer["status"] in (200, "signed", "final", "waiting"), answer
        return answer

    def settle(self, kind: str, key: SigningKey, number: int, fields: tuple[Value, ...]) -> None:
        """A transaction, until it is final."""
        body = build_body(
            kind, self.genesis.network_id, created_ms=now_ms(),
            valid_until_ms=now_ms() + 3_600_000, account=self._lane_of(key),
            device=key.public_key, number=number, fields=fields,
        )  # fmt: skip
        raw = sign_transaction(body, self.genesis.network_id, key)
        headers = {"Content-Type": "application/msgpack"}
        answer = self._send("POST", "/v1/transactions?wait_ms=10000", raw, headers)
        assert answer["status"] == "final", answer

    def _lane_of(self, key: SigningKey) -> bytes:
        if key is self.staff:
            return self.territory.account_id
        return self.territory.issuer_id if key is self.issuer else self.id_of(key)

    def account(self, key: SigningKey) -> Account:
        """An account as its own key reads it, at the newest header that shows all of it."""
        path = f"/v1/accounts/{self.address(key)}"
        raw = self.done("GET", path, key)["object"]
        return Account.decode(bytes.fromhex(str(raw)))

    def balances(self) -> tuple[list[int], int]:
        """What residents and the employer hold."""
        people = [self.account(key).balance_minor for key in self.people]
        return people, self.account(self.employer).balance_minor

    # -- the month ------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Accounts, money, registers, a programme with its budget, consents."""
        opened = [
            OpenedAccount(kind, CURRENCY, bytes(16), 1, (OpenedKey(key.public_key, SPEND, None),))
            for kind, key in [
                *(("resident", key) for key in self.people),
                ("employer", self.employer),
            ]
        ]
        self.settle(ACCOUNT_OPEN, self.staff, 1, open_fields(opened))
        lines = [
            (self.territory.commons_id, BUDGET_MINOR, bytes(32)),
            (self.id_of(self.employer), EMPLOYER_MINOR, bytes(32)),
        ]
        self.settle(RESERVE_ISSUE, self.issuer, 1, issue_fields(CURRENCY, lines))
        self._register()
        operation = self.done("POST", "/v1/office/programmes/GARDEN/open", self.staff, {})
        assert self.sign(operation)["state"] == "final"
        for key in self.people:
            self._consent(key)

    def _register(self) -> None:
        people = [f"P{number}" for number in range(RESIDENTS)]
        self.bring("residents", [
            {"person": one, "name": "N", "first_name": "F", "birth_date": "1990-01-01",
             "email": ""} for one in people
        ])  # fmt: skip
        self.bring("employers", [{"code": "E1", "name": "Forge", "siret": "", "sector": "metal"}])
        self.bring("programmes", [
            {"programme": "GARDEN", "title": "Jardin", "budget_minor": BUDGET_MINOR,
             "from": "2026-01-01", "to": "2026-12-31"}
        ])  # fmt: skip
        self.bring("levels", [{"level": "N1", "rate_per_hour_minor": 1_000}])
        links = [
            {"kind": "resident", "code": code, "account": self.address(key)}
            for code, key in zip(people, self.people, strict=True)
        ]
        links.append({"kind": "employer", "code": "E1", "account": self.address(self.employer)})
        self.done("POST", "/v1/office/links", self.staff, {"links": links})

    def bring(self, register: str, rows: list[Json]) -> None:
        """A file's rows."""
        content = {
            "file_name": f"{register}.csv",
            "file_sha256": hash_bytes("test_file", repr(rows).encode()).hex(),
            "rows": [{"line": line, **row} for line, row in enumerate(rows, 2)],
        }
        self.done("POST", f"/v1/office/imports/{register}", self.staff, content)

    def _consent(self, key: SigningKey) -> None:
        time_ms = now_ms()
        message = consent_message(
            self.genesis.network_id, self.id_of(key), self.id_of(self.employer), True, time_ms
        )
        self.done("POST", "/v1/consents", None, {
            "account": self.address(key), "employer": self.address(self.employer), "given": True,
            "time_ms": time_ms, "key": key.public_key.hex(), "signature": key.sign(message).hex(),
        })  # fmt: skip

    def sign(self, operation: Json) -> Json:
        """Staff signs an operation, and waits."""
        one = cosign(bytes.fromhex(str(operation["body"])), self.genesis.network_id, self.staff)
        path = f"/v1/office/operations/{operation['id']}/signatures?wait_ms=10000"
        content = {"key": one.key.hex(), "signature": one.signature.hex()}
        return self.done("POST", path, self.staff, content)

    def register_day(self, day: int) -> None:
        """Everybody gave an hour and a half on that day."""
        self.bring("activities", [
            {"person": f"P{number}", "programme": "GARDEN", "date": f"{PERIOD}-{day:02}",
             "minutes": 90, "level": "N1", "confirmed_by": "REF"}
            for number in range(RESIDENTS)
        ])  # fmt: skip

    def credit(self) -> None:
        """What staff do, from the beginning, as often as it takes."""
        issued = self.done("POST", f"/v1/office/bulletins/{PERIOD}/issue", self.staff, {})
        self.sign_all(issued["operations"])

    def sign_all(self, operations: object) -> None:
        """Sign each of them."""
        assert isinstance(operations, list)
        for operation in operations:
            self.sign(operation)

    def wait_until_settled(self) -> None:
        """Until no operation is under way."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            left = [
                self.done("GET", f"/v1/office/operations?state={state}", self.staff)["operations"]
                for state in ("waiting", "signed")
            ]
            if left == [[], []]:
                return
            time.sleep(0.2)
        raise TimeoutError("an operation is not settled")

    # -- wages ----------------------------------------------------------------------------------

    def payroll(self, day: int) -> Json:
        """A payroll that differs from day to day; the gross leaves room for all of them."""
        lines = [
            {"line": line, "employee": f"P{line - 2}", "account": None, "gross_minor": 1_000_000,
             "local_minor": WAGE_MINOR, "consent": True, "period": PERIOD}
            for line in range(2, 2 + RESIDENTS)
        ]  # fmt: skip
        return {
            "employer": self.address(self.employer), "period": PERIOD,
            "file_sha256": hash_bytes("test_file", str(day).encode()).hex(), "run_name": None,
            "lines": lines,
        }  # fmt: skip

    def pay(self, day: int, number: int) -> Json:
        """What an employer does from the beginning: draft, sign with a new body, hand in."""
        draft = self.ask("POST", "/v1/payrolls", self.employer, self.payroll(day))
        if draft["status"] != 200:
            return draft
        lines = draft["lines"]
        assert isinstance(lines, list)
        wanted = [
            (bytes.fromhex(one["account"]), one["amount_minor"], bytes.fromhex(one["commitment"]))
            for one in lines
        ]
        run_id = str(draft["run_id"])
        body = build_body(
            WAGES_PAY, self.genesis.network_id, created_ms=now_ms(),
            valid_until_ms=now_ms() + 3_600_000, account=self.id_of(self.employer),
            device=self.employer.public_key, number=number,
            fields=wages_pay_fields(bytes.fromhex(run_id), None, wanted),
        )  # fmt: skip
        one = cosign(body, self.genesis.network_id, self.employer)
        return self.ask("POST", f"/v1/payrolls/{run_id}/signatures?wait_ms=10000", self.employer, {
            "employer": self.address(self.employer), "body": body.hex(),
            "signatures": [{"key": one.key.hex(), "signature": one.signature.hex()}],
        })  # fmt: skip

    def wait_until_paid(self, runs: int) -> None:
        """Until so many runs are final, and none is under way."""
        path = f"/v1/payrolls?employer={self.address(self.employer)}"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = self.done("GET", path, self.employer)["runs"]
            assert isinstance(found, list)
            if [one["state"] for one in found] == ["final"] * runs:
                return
            time.sleep(0.2)
        raise TimeoutError(f"a run is not final: {found}")


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    """A network of one territory, prepared and stopped."""
    network = create_network(folder, 1)
    try:
        network.start()
        made = Town(network)
        made.prepare()
        yield made
    finally:
        network.stop()


def stop(network: Network) -> None:
    """Stop the node in order, so that a dying one can take its place."""
    network.stop()


def test_bulletins_survive_a_kill_at_every_step(tmp_path: Path) -> None:
    with town(tmp_path) as arden:
        for times, step in enumerate(STEPS, 1):
            arden.register_day(times)
            stop(arden.network)
            arden.start_dying(step)
            with pytest.raises(Gone):
                arden.credit()
                arden.wait_until_settled()
            arden.start_again()
            # Staff who saw no answer begin again, and sign whatever waits.
            arden.credit()
            waiting = arden.done("GET", "/v1/office/operations?state=waiting", arden.staff)
            arden.sign_all(waiting["operations"])
            arden.wait_until_settled()
            arden.credit()
            # A header shows the state before its own block: one more block shows all of it.
            arden.settle(*another_block(arden, times))
            people, _ = arden.balances()
            assert people == [times * HOURS_MINOR] * RESIDENTS, step
            listed = arden.done("GET", "/v1/office/programmes", arden.staff)["items"]
            assert isinstance(listed, list)
            spent = times * HOURS_MINOR * RESIDENTS
            assert listed[0]["balance_minor"] == BUDGET_MINOR - spent, step


def test_wages_survive_a_kill_at_every_step(tmp_path: Path) -> None:
    with town(tmp_path) as arden:
        for times, step in enumerate(STEPS, 1):
            stop(arden.network)
            arden.start_dying(step)
            with pytest.raises(Gone):
                arden.pay(times, 2 * times - 1)
                arden.wait_until_paid(times)
            arden.start_again()
            # The employer lost what it signed, and signs something else for the same payroll.
            again = arden.pay(times, 2 * times)
            assert again["status"] == 422 or again["state"] in ("signed", "final"), again
            if again["status"] == 422:
                assert again["code"] == "payroll_already_submitted", again
            arden.wait_until_paid(times)
            arden.settle(*another_block(arden, times))
            people, employer = arden.balances()
            assert people == [times * WAGE_MINOR] * RESIDENTS, step
            assert employer == EMPLOYER_MINOR - times * WAGE_MINOR * RESIDENTS, step


def another_block(arden: Town, times: int) -> tuple[str, SigningKey, int, tuple[Value, ...]]:
    """The issuer's next transaction, which credits the commons with one."""
    fields = issue_fields(CURRENCY, [(arden.territory.commons_id, 1, bytes(32))])
    return RESERVE_ISSUE, arden.issuer, 1 + times, fields
