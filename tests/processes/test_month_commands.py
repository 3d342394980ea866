"""The month by the commands that people type, against a real node: office, payroll, consents."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clients.payroll.employer_desk import EmployerDesk
from clients.payroll.payroll_file import parse_payroll
from ledger.genesis import Genesis
from primitives.addresses import format_address
from terminal.line_refusals import LinesRefused
from tests.processes.network import Done, Network, create_network, democite, must
from wallet.consents import state_consent
from wallet.keystore_file import unlock
from wallet.lane_owner import LaneOwner
from wallet.light.trust import TrustedNetwork

pytestmark = pytest.mark.process

PERIOD = datetime.now(UTC).strftime("%Y-%m")
DAY = f"{PERIOD}-01"


class Town:
    """One territory: its hall, an employer, three employees."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.home = network.nodes[0]
        self.folder = network.folder
        genesis = Genesis.from_json(network.genesis.read_text())
        self.commons = format_address(self.home.prefix, genesis.territories[0].commons_id)

    def file(self, name: str, *lines: str) -> Path:
        """A file as a spreadsheet saves it, with its mark."""
        path = self.folder / name
        path.write_bytes("\r\n".join((*lines, "")).encode("utf-8-sig"))
        return path

    def staff(self, number: int = 1) -> Path:
        """A member of staff's key."""
        return self.home.folder / f"recovery-staff-{number}.json"

    def office(self, *words: str | Path, staff: int = 1) -> Done:
        """An office command, signed by a member of staff."""
        return democite(
            "office", *words, "--keystore", self.staff(staff), "--genesis", self.network.genesis,
            "--passphrase-file", self.network.passphrase, "--node", self.home.url, "--json",
        )  # fmt: skip

    def wallet(self, name: str) -> list[str | Path]:
        """The options of a wallet."""
        return [
            "--wallet", self.folder / f"{name}.json", "--passphrase-file",
            self.network.passphrase, "--node", self.home.url,
        ]  # fmt: skip

    def make(self, name: str, kind: str) -> str:
        """A wallet, its account opened for who is registered under this name; its address."""
        made = must(
            "wallet", "init", "--territory", self.home.prefix, "--kind", kind, "--genesis",
            self.network.genesis, *self.wallet(name)[:4], "--json",
        ).json  # fmt: skip
        opened = self.office(kind, "open", name, str(made["account_request"]))
        assert opened.code == 0, opened.err
        return str(made["address"])

    def issue_money(self, address: str, amount: str) -> None:
        """Money from the issuer."""
        must(
            "office", "reserve", "issue", address, amount, "--reference", address[-6:],
            "--keystore", self.home.issuer_keystore, "--genesis", self.network.genesis,
            "--passphrase-file", self.network.passphrase, "--node", self.home.url,
        )  # fmt: skip

    def balance(self, name: str) -> int:
        """A wallet's proved balance, once the node proves the newest."""
        self.network.settle()
        found = must("wallet", "balance", *self.wallet(name), "--json").json
        return int(str(found["balance_minor"]))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    network = create_network(tmp_path_factory.mktemp("month"), 1)
    try:
        network.start()
        made = Town(network)
        _register(made)
        yield made
    finally:
        network.stop()


def _register(town: Town) -> None:
    residents = town.file(
        "residents.csv",
        "person;name;first_name;birth_date;email",
        "ana;Étienne;Ana;1980-02-29;",
        "bea;Le Goff;Béa;1981-01-01;bea@example.org",
        "cyr;Da Silva;Cyr;1990-12-31;",
    )
    levels = town.file("levels.csv", "level;rate_per_hour", "A;12,50", "B;10")
    programmes = town.file(
        "programmes.csv",
        "programme;title;budget;from;to",
        f"jardin;Jardins partagés;500;{DAY};{PERIOD}-28",
        f"lecture;Aide à la lecture;1500,50;{DAY};{PERIOD}-28",
    )
    for register, file in (("resident", residents), ("level", levels), ("programme", programmes)):
        done = town.office(register, "import", file)
        assert done.code == 0, done.err
    assert town.office("resident", "import", residents).json["unchanged"] == 3
    done = town.office("employer", "register", "--code", "scierie", "--name", "La Scierie")
    assert done.code == 0, done.err
    for name in ("ana", "bea", "cyr"):
        town.make(name, "resident")
    town.issue_money(town.make("scierie", "employer"), "5000")
    town.issue_money(town.commons, "5000")


def _items(done: Done, name: str) -> list[dict[str, object]]:
    listed = done.json[name]
    assert isinstance(listed, list), done.err
    return listed


def _codes(done: Done) -> list[tuple[object, object]]:
    return [(one.get("line"), one["code"]) for one in _items(done, "refusals")]


def test_bulletins_from_the_sheets_to_a_disclosed_line(town: Town) -> None:
    unasked = town.office("programme", "open", "jardin")
    assert (unasked.code, unasked.json["error"]["code"]) == (2, "confirmation_missing")  # type: ignore[index]
    opened = town.office("programme", "open", "jardin", "--yes")
    assert opened.code == 0, opened.err
    assert _items(opened, "operations")[0]["state"] == "final"
    sheet = town.file(
        "activities.csv",
        "person;programme;date;minutes;level;confirmed_by",
        f"ana;jardin;{DAY};90;A;mme Roy",
        f"bea;jardin;{DAY};61;B;",
    )
    assert town.office("activity", "import", sheet).code == 0
    preview = town.office("bulletin", "preview", PERIOD, "--reason", "bulletins")
    assert preview.code == 0, preview.err
    assert (preview.json["residents"], preview.json["amount_minor"]) == (1, 1_875)
    refused = town.office("bulletin", "issue", PERIOD, "--reason", "bulletins", "--yes")
    assert refused.code == 4
    assert [code for _, code in _codes(refused)] == ["activity_unconfirmed"]
    assert "refused[activity_unconfirmed]" in refused.err
    listed = town.office("activity", "list", "--unconfirmed", "--reason", "bulletins")
    (activity,) = _items(listed, "items")
    confirmed = town.office("activity", "confirm", str(activity["id"]), "--by", "mme Roy")
    assert confirmed.json["confirmed"] == 1, confirmed.err
    issued = town.office("bulletin", "issue", PERIOD, "--reason", "bulletins", "--yes")
    assert issued.code == 0, issued.err
    assert _items(issued, "operations")[0]["state"] == "final"
    assert (town.balance("ana"), town.balance("bea")) == (1_875, 1_016)
    again = town.office("bulletin", "issue", PERIOD, "--reason", "bulletins", "--yes")
    assert (again.code, again.json["operations"]) == (0, [])

    line = town.folder / "line.json"
    shown = town.office(
        "bulletin", "disclose", PERIOD, "ana", "--reason", "contrôle", "--out", line
    )
    assert shown.code == 0, shown.err
    checked = democite("verify", line, "--genesis", town.network.genesis, "--json")
    assert checked.code == 0, checked.err
    assert (checked.json["person"], checked.json["amount_minor"]) == ("ana", 1_875)
    line.write_text(line.read_text().replace('"ana"', '"bea"'))
    checked = democite("verify", line, "--genesis", town.network.genesis, "--json")
    assert (checked.code, checked.json["error"]["code"]) == (4, "disclosure_invalid")  # type: ignore[index]


def test_above_the_threshold_a_second_signs_later(town: Town) -> None:
    opened = town.office("programme", "open", "lecture", "--yes")
    assert opened.code == 0, opened.err
    (operation,) = _items(opened, "operations")
    id = str(operation["id"])
    assert (operation["state"], operation["staff_needed"]) == ("waiting", 2)
    waiting = town.office("programme", "status", staff=2)
    assert [one["id"] for one in _items(waiting, "operations")] == [id]
    twice = town.office("programme", "sign", id, "--yes")
    assert _items(twice, "operations")[0]["state"] == "waiting", twice.err
    signed = town.office("programme", "sign", id, "--yes", staff=2)
    assert signed.code == 0, signed.err
    assert "open a programme, budget 1500.50 ARD" in signed.err
    assert _items(signed, "operations")[0]["state"] == "final"


COLUMNS = "employee;account;gross_wage;local_share;consent;period"


def test_a_payroll_with_wrong_lines_is_refused_line_by_line(town: Town) -> None:
    wrong = town.file(
        "wrong.csv",
        COLUMNS,
        f"ana;;2000;200,01;oui;{PERIOD}",
        f"bea;;1999,99;199,99;oui;{PERIOD}",
        f"zoe;;1800;100;oui;{PERIOD}",
        f"cyr;;1800;100;non;{PERIOD}",
    )
    employer = town.wallet("scierie")
    offline = democite("payroll", "check", wrong, "--offline", *employer, "--json")
    assert _codes(offline) == [(2, "wage_share_above_cap"), (5, "wage_consent_missing")]
    refused = democite("payroll", "check", wrong, *employer, "--json")
    assert (2, "wage_share_above_cap") in _codes(refused)
    assert (3, "wage_consent_missing") in _codes(refused)
    assert (4, "employee_unknown") in _codes(refused)
    assert "wrong.csv, line 2, local_share" in refused.err
    assert "at most 200.00 ARD" in refused.err


def test_a_corrected_payroll_is_paid_once(town: Town) -> None:
    wallet = town.folder / "scierie.json"
    scierie = str(must("wallet", "address", "--wallet", wallet, "--json").json["address"])
    employer = town.wallet("scierie")
    right = town.file(
        "right.csv", COLUMNS, f"ana;;2000;200;oui;{PERIOD}", f"bea;;1999,99;190;yes;{PERIOD}"
    )
    assert _codes(democite("payroll", "submit", right, *employer, "--json")) == [
        (2, "wage_consent_missing"), (3, "wage_consent_missing"),
    ]  # fmt: skip
    for name in ("ana", "bea"):
        given = democite("wallet", "consent", "give", scierie, *town.wallet(name), "--json")
        assert given.code == 0, given.err
    listed = must("wallet", "consent", "list", *town.wallet("ana"), "--json")
    assert [one["given"] for one in _items(listed, "consents")] == [True]
    checked = democite("payroll", "check", right, *employer, "--json")
    assert checked.code == 0, checked.err
    assert checked.json["suggestions"] == [
        {"line": 2, "local_minor": 20_000, "suggested_minor": 19_000}
    ]

    must("wallet", "consent", "withdraw", scierie, *town.wallet("bea"))
    assert _codes(democite("payroll", "submit", right, *employer, "--json")) == [
        (3, "wage_consent_missing")
    ]
    must("wallet", "consent", "give", scierie, *town.wallet("bea"))
    before = town.balance("ana"), town.balance("scierie")
    paid = democite("payroll", "submit", right, *employer, "--json")
    assert paid.code == 0, paid.err
    assert (paid.json["status"], paid.json["local_total_minor"]) == ("final", 39_000)
    assert (town.balance("ana"), town.balance("scierie")) == (
        before[0] + 20_000,
        before[1] - 39_000,
    )
    again = democite("payroll", "submit", right, *employer, "--json")
    assert (again.code, next(code for _, code in _codes(again))) == (4, "payroll_already_submitted")
    assert town.balance("scierie") == before[1] - 39_000
    runs = _items(must("payroll", "status", *employer, "--json"), "runs")
    assert [(run["state"], run["lines"]) for run in runs] == [("final", 2)]

    line = town.folder / "payslip.json"
    must("payroll", "disclose", str(paid.json["id"]), "bea", "--out", line, *employer)
    checked = democite("verify", line, "--genesis", town.network.genesis, "--json")
    assert checked.code == 0, checked.err
    assert (checked.json["gross_minor"], checked.json["amount_minor"]) == (199_999, 19_000)


def test_wrong_files_name_their_lines(town: Town) -> None:
    cases = [
        (b"person;name;first_name;birth_date\nx;y;z;2000-01-01\n", 1, "file_column_missing", 2),
        (b"person;name;first_name;birth_date;email\nx;y;z;2001-02-29;\n", 2,
         "date_out_of_range", 4),
        ("person;name;first_name;birth_date;email\nx;é;z;2001-02-28;\n".encode("latin-1"), 2,
         "file_encoding_unknown", 2),
    ]  # fmt: skip
    for raw, line, code, exit_code in cases:
        path = town.folder / "bad.csv"
        path.write_bytes(raw)
        done = town.office("resident", "import", path)
        assert (done.code, _codes(done)[0]) == (exit_code, (line, code)), done.err
        assert f"bad.csv, line {line}" in done.err


def test_a_program_pays_for_an_employer_in_memory(town: Town) -> None:
    network = TrustedNetwork(Genesis.from_json(town.network.genesis.read_text()))

    def owner(name: str) -> LaneOwner:
        identity, key = unlock(town.folder / f"{name}.json", "quatre mots au hasard")
        return LaneOwner(identity.prefix, identity.account_id, key)

    payer, cyr = owner("scierie"), owner("cyr")
    payroll = parse_payroll(f"{COLUMNS}\ncyr;;1900;150;oui;{PERIOD}\n".encode(), 2, file="m.csv")

    async def play() -> None:
        async with EmployerDesk(network, [town.home.url], payer) as desk:
            with pytest.raises(LinesRefused, match="wage_consent_missing"):
                await desk.submit(payroll)
            client, id = desk.lane.client, network.network_id
            await state_consent(client, id, cyr, payer.address, given=True)
            run = await desk.submit(payroll)
            assert (run.is_final, run.total_minor) == (True, 15_000)
            with pytest.raises(LinesRefused, match="payroll_already_submitted"):
                await desk.submit(payroll)
            assert run.run_id in [one.run_id for one in await desk.runs()]

    before = town.balance("cyr")
    asyncio.run(play())
    assert town.balance("cyr") == before + 15_000
