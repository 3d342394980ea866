"""A wallet whose home left, and half of whose known nodes are gone: it goes on with the others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.changes import PauseMember, RemoveMember
from tests.wallet.people import empty_chain
from tests.wallet.town import Town
from tests.wallet.votes import enact, end_epoch

NOBODY = "127.0.0.1:9"


@pytest.fixture
def town(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    """Of the four addresses in the genesis only the third answers; the first is the home's."""
    for name in ("NODES", "GENESIS", "WALLET", "PASSPHRASE_FILE", "LANG"):
        monkeypatch.delenv(f"DEMOCITE_{name}", raising=False)
    built = Town(tmp_path, capsys)
    with built.serve():
        host = built.node.url.removeprefix("http://")
        built.chain = built.node.chain = empty_chain(http=[NOBODY, NOBODY, host, NOBODY])
        built.genesis.write_text(built.chain.genesis.to_json())
        yield built


def alone(town: Town, *words: str) -> tuple[int, dict[str, object], str]:
    """A command of Alice's wallet that names no node."""
    return town.run_line(
        "wallet", *words, "--wallet", town.folder / "alice.json",
        "--passphrase-file", town.passphrase, named=False,
    )  # fmt: skip


def test_the_home_territory_left(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    enact(town.chain, RemoveMember("arden"), ("cassis", "dune"), "brume")
    end_epoch(town.chain)
    town.chain.seal()
    code, paid, error = alone(town, "pay", bob, "12,50")
    assert (code, paid["status"]) == (0, "final"), error
    code, balance, error = alone(town, "balance")
    assert (code, balance["balance_minor"], balance["members"]) == (0, 8_750, 3), error
    assert "note: the territory 'Arden' is no member of the network any more" in error
    # Where nobody answers, that is said, and where was asked.
    town.node.faults.down = True
    code, failed, error = alone(town, "balance")
    assert (code, failed["error"]["code"]) == (3, "node_unreachable")  # type: ignore[index]


def test_the_home_territory_is_paused(town: Town) -> None:
    alice, bob = town.make("alice"), town.make("bob")
    town.issue(alice, "100")
    enact(town.chain, PauseMember("arden"), ("cassis", "dune"), "brume")
    end_epoch(town.chain)
    town.chain.seal()
    code, paid, error = alone(town, "pay", bob, "1")
    assert (code, paid["status"]) == (0, "final"), error
    code, balance, error = alone(town, "balance")
    assert (code, balance["balance_minor"], balance["members"]) == (0, 9_900, 3), error
    assert "no member" not in error
