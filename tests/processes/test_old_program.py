"""The network votes for rules that one node's program does not know: that node says so before,
stops before it executes anything under them, and goes on once its program is updated."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.changes import ChangeParameter, ChangeRules
from ledger.rules import RULE_VERSION
from tests.patience import PATIENCE_SECONDS
from tests.processes.network import ROOT, Done, Network, Node, democite, must
from tests.processes.quick import Council, quick_network
from tests.reliability.testbed import ask

pytestmark = pytest.mark.process


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    built = quick_network(tmp_path, rule_version=RULE_VERSION - 1)
    try:
        yield built
    finally:
        built.stop()


def start_older(network: Network, node: Node) -> subprocess.Popen[str]:
    """Start it with the program that the network was founded with."""
    words = [
        sys.executable, "-m", "tests.processes.older_program", "node", "start", "--data",
        str(node.data), "--genesis", str(network.genesis), "--passphrase-file",
        str(network.passphrase), "--lang", "en",
    ]  # fmt: skip
    node.process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return node.process


def until(node: Node, **wanted: object) -> dict[str, object]:
    """Until a node says so of itself."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        said = ask(f"{node.url}/v1/status") or {}
        if said and all(said.get(name) == value for name, value in wanted.items()):
            return said
        if time.monotonic() > deadline:
            raise AssertionError(f"{node.prefix}: {wanted} is not {said}")
        time.sleep(0.1)


def together(*nodes: Node) -> object:
    """Until they stand at one height with one state; the height."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        said = [ask(f"{node.url}/v1/status") or {} for node in nodes]
        places = {(one.get("height"), one.get("state_root"), one.get("epoch")) for one in said}
        if len(places) == 1 and all(one.get("mempool_transactions") == 0 for one in said):
            return places.pop()[0]
        if time.monotonic() > deadline:
            raise AssertionError(f"they do not come together: {places}")
        time.sleep(0.1)


def ended(process: subprocess.Popen[str]) -> Done:
    """How a process ended by itself."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Done(process.returncode, out, err)


def check_refusal(done: Done) -> None:
    assert done.code == 4, done.err
    assert "error[rule_version_unknown]: " in done.err and "\nhint: " in done.err
    assert f"rule version {RULE_VERSION}" in done.err


def verified(network: Network, node: Node) -> dict[str, object]:
    """Every block executed again, each under the rules of its epoch."""
    words = ("node", "verify", "--data", node.data, "--genesis", network.genesis, "--json")
    found = must(*words).json
    found.pop("certificates")  # a node that caught up keeps fewer of them
    return found


def test_a_program_that_is_too_old_stops_before_the_switch(network: Network) -> None:
    arden, brume, cassis, dune = network.nodes
    older = start_older(network, dune)
    network.start(arden, brume, cassis)
    until(dune, ready=True, rule_version=RULE_VERSION - 1, rule_version_unknown=None)
    council = Council(network)
    proposal = council.propose(arden, ChangeRules(RULE_VERSION))

    # It says so as soon as they are proposed: once they are voted, the next block ends the epoch.
    until(dune, epoch=0, rule_version_unknown=RULE_VERSION)
    told = democite("node", "status", "--node", dune.url)
    assert f"BEWARE: rules {RULE_VERSION} are proposed or voted" in told.out
    until(arden, rule_version_unknown=None)
    council.agree(proposal, brume)
    until(dune, ready=True, observing=False, rule_version=RULE_VERSION - 1)
    assert older.poll() is None
    council.agree(proposal, cassis)
    check_refusal(ended(older))
    for node in (arden, brume, cassis):
        until(node, epoch=1, rule_version=RULE_VERSION)
    council.propose(brume, ChangeParameter("lines_max", 1_600))
    check_refusal(ended(start_older(network, dune)))

    # Updated, and its store made again from the others: the chain is executed under both rules.
    must("node", "rebuild", "--data", dune.data)
    network.start(dune)
    until(dune, epoch=1, observing=False)
    height = together(arden, dune)
    network.stop()
    first, second = (verified(network, node) for node in (arden, dune))
    assert first == second and first["height"] == height
