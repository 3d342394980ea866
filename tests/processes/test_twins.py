"""One genesis, two running networks, one for each engine: the final order of the one, handed to the
other, gives the same signed state root after the same number of transactions.

What is compared, and what is not (protocol.md, section 5): the state is a function of the accepted
transactions, in order, each with the rule version it was executed under, and of nothing else. So
roots are compared by the number of transactions below them, and other terms must come into force
after the same number. Heights, times, empty blocks, views and the numbers of epochs, which end by
time too, are each engine's own; closing blocks have no transactions. No root holds any of these.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.changes import ChangeParameter, ChangeRules
from node.genesis_file import COMETBFT, SIMPLEX
from tests.node.cometbft.conftest import cometbft
from tests.patience import wait_until
from tests.processes.network import Network, must
from tests.processes.quick import Council, quick_network, submit
from tests.processes.test_cometbft import metric
from tests.processes.twins import (
    Books,
    Record,
    hold,
    record_of,
    refused,
    signed_headers,
    twin_of,
)

__all__ = ["cometbft"]

pytestmark = pytest.mark.process

PEOPLE = ("alice", "bob", "carol", "dan")
EPOCH_MS = 5_000
"""Epochs end by time in the middle of it all, elsewhere in each network."""


@dataclass
class Played:
    """What was refused: after how many transactions, and with which code."""

    refusals: list[tuple[int, bytes, str]] = field(default_factory=list)
    final: int = 0


class Play:
    """The first network's day. Its own order is what counts, so payments go in at once at different
    nodes."""

    def __init__(self, network: Network) -> None:
        self.network, self.books, self.council = network, Books(network), Council(network)
        self.played = Played()
        self.numbers: dict[bytes, int] = {}

    def do(self, *raws: bytes) -> None:
        """All of these at once, in turn at each node, until they are final on all of them."""
        nodes = self.network.nodes
        with ThreadPoolExecutor(len(raws)) as threads:
            places = [nodes[index % len(nodes)] for index in range(len(raws))]
            told = list(threads.map(submit, places, raws))
        self.numbers |= {raw: int(str(one["number"])) for raw, one in zip(raws, told, strict=True)}
        self._are_final(len(raws))

    def _are_final(self, count: int) -> None:
        """On each node, so that whoever is asked next knows it."""
        self.played.final += count

        def hold_all() -> bool:
            nodes, name = self.network.nodes, "cometbft_consensus_total_txs"
            return all(metric(node, name) >= self.played.final for node in nodes)

        wait_until(hold_all, "not every node has them")

    def is_refused(self, raw: bytes) -> str:
        """The code; the other network must say the same here."""
        code = refused(self.network.nodes[0], raw)
        self.played.refusals.append((self.played.final, raw, code))
        return code

    def vote(self, change: ChangeRules | ChangeParameter) -> None:
        """Three of four."""
        first, second, third, _ = self.network.nodes
        proposal = self.council.propose(first, change)
        self.council.agree(proposal, second, third)
        self._are_final(3)

    def whole_day(self) -> None:
        """Payments, accounts, issues, refunds, votes on rules and on a figure, and refused ones."""
        books = self.books
        self.do(books.open(*PEOPLE[:3]))
        self.do(books.issue(10_000, *PEOPLE[:3]))
        paid = books.pay("alice", "bob", 1_250)
        self.do(paid, books.pay("bob", "carol", 100), books.pay("carol", "alice", 75))
        self.do(books.refund("bob", paid, self.numbers[paid], 250))
        too_much = books.refund("bob", paid, self.numbers[paid], 1_001)
        assert self.is_refused(too_much) == "refund_above_original"
        assert self.is_refused(books.pay("carol", "bob", 1_000_000)) == "balance_insufficient"
        assert self.is_refused(books.pay("alice", "carol", 1, number=1)) == "number_used"
        assert self.is_refused(books.freeze("bob")) == "kind_unknown"

        self.vote(ChangeRules(2))
        hold(self.network, lambda terms: terms[0] == 2)
        self.do(books.freeze("bob"))
        assert self.is_refused(books.pay("bob", "alice", 1)) == "account_frozen"
        self.do(books.open("dan"), books.pay("alice", "carol", 333), books.pay("carol", "alice", 1))
        self.do(books.issue(500, "alice", "carol", "dan"))

        self.vote(ChangeParameter("lines_max", 2))
        hold(self.network, lambda terms: terms[1].lines_max == 2)
        assert self.is_refused(books.issue(1, "alice", "carol", "dan")) == "transaction_too_large"
        self.do(books.issue(1, "alice", "dan"))
        self.do(books.pay("dan", "carol", 20), books.pay("carol", "dan", 30))


def ended(network: Network, engine: str) -> Record:
    """Stop it once its newest state is proved; what it decided, the same on each node, and checked
    from the first block on by `node verify`."""
    network.settle()
    signed = signed_headers(network, engine)
    network.stop()
    records = [record_of(network, node, signed) for node in network.nodes]
    assert all(each.order == records[0].order for each in records)
    assert all(each.switches == records[0].switches for each in records)
    assert len(records[0].order) in records[0].roots, "the last state is not proved yet"
    for node in network.nodes:
        words = ("node", "verify", "--data", node.data, "--genesis", network.genesis, "--json")
        assert must(*words).json["transactions"] == len(records[0].order)
    return records[0]


def hand_over(record: Record, played: Played, other: Network) -> None:
    """One after the other, each final before the next; other terms where the first network had
    them; and what it refused, where it did."""
    node = other.nodes[0]
    terms = dict(record.switches)
    for count, raw in enumerate((*record.order, None)):
        if count in terms:
            hold(other, terms[count].__eq__)
        for at, bad, code in played.refusals:
            if at == count:
                assert refused(node, bad) == code
        if raw is not None:
            submit(node, raw)


@pytest.fixture(params=[(SIMPLEX, COMETBFT), (COMETBFT, SIMPLEX)], ids="-to-".join)
def twins(
    request: pytest.FixtureRequest, tmp_path: Path, cometbft: Path
) -> Iterator[tuple[Network, Network]]:
    engine, other = request.param
    (tmp_path / "one").mkdir()
    one = quick_network(
        tmp_path / "one", rule_version=1, engine=engine, figures=[f"epoch_ms={EPOCH_MS}"]
    )
    two = twin_of(one, tmp_path / "two", other)
    try:
        yield one, two
    finally:
        one.stop()
        two.stop()


def test_one_order_one_root(twins: tuple[Network, Network], request: pytest.FixtureRequest) -> None:
    one, two = twins
    engine, other = request.node.callspec.params["twins"]
    one.start()
    play = Play(one)
    play.whole_day()
    first = ended(one, engine)
    assert len(first.order) == play.played.final
    assert {version for _, (version, _) in first.switches} == {1, 2}
    assert len(first.switches) == 3, "the rules and a figure came into force"

    two.start()
    hand_over(first, play.played, two)
    second = ended(two, other)
    assert second.order == first.order
    assert second.rules == first.rules
    assert second.switches == first.switches
    # Whoever hands in one at a time has a proved root after every one.
    both = first.roots.keys() & second.roots.keys()
    assert {count: first.roots[count] for count in both} == {
        count: second.roots[count] for count in both
    }
    assert both == first.roots.keys(), "each block of the first ends where one of the second does"
    assert len(set(second.roots.values())) == len(first.order) + 1
