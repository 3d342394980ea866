"""`payroll submit` is killed at any moment and typed again: the wages are paid once."""

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.processes.network import PROGRAM, create_network, democite, must
from tests.processes.test_month_commands import PERIOD, Town

pytestmark = pytest.mark.process

DELAYS_SECONDS = (0.35, 0.5, 0.65, 0.8, 1.0)


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    network = create_network(tmp_path_factory.mktemp("killed"), 1)
    try:
        network.start()
        made = Town(network)
        done = made.office(
            "resident", "register", "--person", "ana", "--name", "Ana", "--birth-date", "1980-01-01"
        )
        assert done.code == 0, done.err
        done = made.office("employer", "register", "--code", "scierie", "--name", "La Scierie")
        assert done.code == 0, done.err
        made.make("ana", "resident")
        made.issue_money(made.make("scierie", "employer"), "5000")
        yield made
    finally:
        network.stop()


def test_a_killed_submission_pays_once_when_repeated(town: Town) -> None:
    scierie = must("wallet", "address", "--wallet", town.folder / "scierie.json", "--json").json
    must("wallet", "consent", "give", str(scierie["address"]), *town.wallet("ana"))
    employer = [str(word) for word in town.wallet("scierie")]
    before = town.balance("ana")
    # Each round is a payroll of another size, and the cap holds for all of the month together.
    for number, delay_seconds in enumerate(DELAYS_SECONDS, 1):
        file = town.file(
            f"paie-{number}.csv",
            "employee;account;gross_wage;local_share;consent;period",
            f"ana;;{3000 + number};{10 + number};oui;{PERIOD}",
        )
        process = subprocess.Popen(
            [PROGRAM, "payroll", "submit", file, *employer], stdout=subprocess.PIPE
        )
        time.sleep(delay_seconds)
        process.send_signal(signal.SIGKILL)
        told = process.communicate()[0] != b""
        again = democite("payroll", "submit", file, *employer, "--json")
        if told:
            assert again.code in (0, 4), again.err
        else:
            assert again.code == 0, again.err
            assert again.json["status"] == "final"
        after = town.balance("ana")
        assert after == before + 1000 + 100 * number, f"killed after {delay_seconds} s"
        before = after
