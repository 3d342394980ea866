"""Compact proposals: filled from what is held, the rest asked for once, lies refused."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from consensus.header import Block, Header, genesis_digest
from consensus.messages import Proposal
from consensus.votes import NOTARIZE, Vote, vote_message
from ledger.transaction import Transaction, decode_transaction
from node.block_body import pack_body, transactions_root
from node.peers.groups import pack_group, read_group
from node.peers.proposals import (
    PartialProposal,
    Proposals,
    pack_these,
    read_these,
    read_want,
)
from primitives.errors import Refused
from tests.node.town import Person, Town, key_of


@dataclass
class Desk:
    """A proposals' desk with everything it asks recorded."""

    held: dict[bytes, Transaction] = field(default_factory=dict)
    coming: set[bytes] = field(default_factory=set)
    asked: list[tuple[bytes, bytes]] = field(default_factory=list)
    complete: list[PartialProposal] = field(default_factory=list)
    bytes_max: int = 1 << 20

    def __post_init__(self) -> None:
        self.proposals = Proposals(
            self.held.get,
            self.coming.__contains__,
            lambda peer, want: self.asked.append((peer, want)),
            self.complete.append,
            lambda: self.bytes_max,
        )


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder: Path = tmp_path_factory.mktemp("town")
    return Town(folder, 1)


def _proposal(town: Town, count: int, view: int = 1) -> tuple[Proposal, list[Transaction]]:
    payer, payee = Person("town0", f"payer {count}"), Person("town0", "payee")
    transactions = [
        decode_transaction(town.pay(payer, payee, 1, number=number), town.network_id)
        for number in range(1, count + 1)
    ]
    ids = [transaction.id for transaction in transactions]
    header = Header(
        network_id=town.network_id,
        epoch=0,
        view=view,
        parent_view=0,
        parent_digest=genesis_digest(town.network_id),
        height=1,
        time_ms=town.genesis.time_ms + 1,
        rule_version=1,
        transactions_root=transactions_root(ids),
        transactions_count=count,
        state_root=bytes(32),
    )
    key = key_of("town0 voting")
    message = vote_message(town.network_id, 0, view, NOTARIZE, header.digest)
    vote = Vote(0, view, NOTARIZE, header.digest, key.public_key, key.sign(message))
    return Proposal(Block(header, pack_body(transactions)), vote), transactions


def _run(scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario(Desk())

    asyncio.run(whole())


def _content(proposal: Proposal, transactions: list[Transaction]) -> bytes:
    return Proposals.pack(proposal, [transaction.id for transaction in transactions])


def test_what_is_held_is_enough(town: Town) -> None:
    proposal, transactions = _proposal(town, 5)

    async def scenario(desk: Desk) -> None:
        desk.held.update({each.id: each for each in transactions})
        desk.proposals.receive(b"peer", _content(proposal, transactions), lambda *_: True)
        await asyncio.sleep(0)
        (done,) = desk.complete
        assert done.header == proposal.block.header and done.vote == proposal.vote
        assert [done.found[each] for each in done.ids] == transactions
        assert desk.asked == []

    _run(scenario)


def test_what_is_missing_is_asked_for_and_supplied(town: Town) -> None:
    proposal, transactions = _proposal(town, 5)

    async def scenario(desk: Desk) -> None:
        desk.held.update({each.id: each for each in transactions[::2]})
        content = _content(proposal, transactions)
        desk.proposals.receive(b"peer", content, lambda *_: True)
        await asyncio.sleep(0)
        ((peer, want),) = desk.asked
        digest, indices = read_want(want)
        assert (peer, digest, indices) == (b"peer", proposal.block.digest, [1, 3])
        answer = pack_these(digest, [transactions[3].raw, transactions[1].raw, b"junk"])
        raws = desk.proposals.wanted(*read_these(answer))
        assert raws == [transactions[3].raw, transactions[1].raw]
        assert desk.proposals.wanted(bytes(32), raws) == []
        # Sent again and again, they are not decoded and verified again and again.
        assert desk.proposals.wanted(digest, raws) == []
        desk.proposals.supply(digest, [transactions[3]])
        assert desk.complete == []
        desk.proposals.receive(b"peer", content, lambda *_: True)
        assert read_want(desk.asked[1][1])[1] == [1]
        desk.proposals.supply(digest, [transactions[1], transactions[0]])
        assert len(desk.complete) == 1

    _run(scenario)


def test_what_is_being_verified_is_waited_for(town: Town) -> None:
    proposal, transactions = _proposal(town, 3)

    async def scenario(desk: Desk) -> None:
        desk.coming.update(each.id for each in transactions)
        desk.proposals.receive(b"peer", _content(proposal, transactions), lambda *_: True)
        await asyncio.sleep(0)
        assert desk.asked == []
        desk.coming.clear()
        desk.held.update({each.id: each for each in transactions[:2]})
        desk.proposals.arrived([each.id for each in transactions])
        assert read_want(desk.asked[0][1])[1] == [2]
        desk.held[transactions[2].id] = transactions[2]
        desk.proposals.arrived([transactions[2].id])
        assert len(desk.complete) == 1

    _run(scenario)


def test_lies_about_a_proposal_are_refused(town: Town) -> None:
    proposal, transactions = _proposal(town, 3)
    content = _content(proposal, transactions)
    other = replace(proposal.vote, digest=bytes([1]) * 32)
    lies = [
        content[:-1],
        content[:-32],
        content + bytes(32),
        content[:-32] + bytes(32),
        b"\xff\xff\xff\xff" + content[4:],
        _content(Proposal(proposal.block, other), transactions),
    ]

    async def scenario(desk: Desk) -> None:
        for lie in lies:
            with pytest.raises(Refused):
                desk.proposals.receive(b"peer", lie, lambda *_: True)
        desk.proposals.receive(b"peer", content, lambda *_: False)
        await asyncio.sleep(0)
        assert desk.complete == [] and desk.asked == []

    _run(scenario)


def test_few_wait_at_a_time(town: Town) -> None:
    async def scenario(desk: Desk) -> None:
        for count in range(1, 15):
            proposal, transactions = _proposal(town, count, view=count)
            desk.proposals.receive(b"peer", _content(proposal, transactions), lambda *_: True)
        await asyncio.sleep(0)
        assert len(desk.proposals._partial) == 8
        desk.proposals.forget(14)
        assert len(desk.proposals._partial) == 0

    _run(scenario)


def test_groups() -> None:
    items = [b"", b"a", bytes(1000)]
    assert read_group(pack_group(items)) == items
    assert read_group(b"xx" + pack_group([]), 2) == []
    content = pack_group(items)
    for length in range(len(content)):
        with pytest.raises(Refused):
            read_group(content[:length])
    for bad in (content + b"x", b"\xff\xff\xff\xff", (70_000).to_bytes(4, "big") + bytes(300_000)):
        with pytest.raises(Refused):
            read_group(bad)


def test_a_leader_gets_one_block_a_view(town: Town) -> None:
    async def scenario(desk: Desk) -> None:
        first, ours = _proposal(town, 1)
        second, theirs = _proposal(town, 2)
        receive = desk.proposals.receive
        assert receive(b"peer", _content(first, ours), lambda *_: True) is None
        assert receive(b"peer", _content(second, theirs), lambda *_: True) == second.vote
        assert receive(b"peer", _content(first, ours), lambda *_: True) is None
        await asyncio.sleep(0)
        assert list(desk.proposals._partial) == [first.block.digest]

    _run(scenario)


def test_more_bytes_than_a_block_can_have_are_not_gathered(town: Town) -> None:
    proposal, transactions = _proposal(town, 40)

    async def scenario(desk: Desk) -> None:
        desk.bytes_max = sum(len(each.raw) for each in transactions[:20])
        desk.proposals.receive(b"peer", _content(proposal, transactions), lambda *_: True)
        await asyncio.sleep(0)
        for each in transactions:
            desk.proposals.supply(proposal.block.digest, [each])
        assert desk.complete == []
        assert len(desk.proposals._partial) == 0

    _run(scenario)
