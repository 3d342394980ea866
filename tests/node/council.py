"""Territories of a test town that propose and vote on changes of their network."""

import itertools
from collections.abc import Sequence

from ledger.changes import Change
from ledger.fields import NETWORK_PROPOSE, NETWORK_VOTE
from ledger.founders import Territory
from ledger.network import propose_fields, vote_fields
from node.territory import TerritoryNode
from primitives.addresses import account_id
from primitives.hashing import hash_bytes
from tests.node.town import Town, found, key_of, until
from tests.patience import PATIENCE_SECONDS

_count = itertools.count()


def territory(index: int, port: int) -> Territory:
    """The territory of this index, as its card would say."""
    return found(index + 1, [port] * (index + 1)).territories[index]


def propose(town: Town, index: int, change: Change) -> tuple[bytes, bytes]:
    """(proposal id, the signed proposal) of a territory's staff."""
    proposal = hash_bytes("test_proposal", str(next(_count)).encode())[:16]
    fields = propose_fields(proposal, change)
    return proposal, _signed(town, index, NETWORK_PROPOSE, fields)


def vote(town: Town, index: int, proposal: bytes, *, approve: bool = True) -> bytes:
    """A vote that a territory's staff signed."""
    return _signed(town, index, NETWORK_VOTE, vote_fields(proposal, approve))


def _signed(town: Town, index: int, kind: str, fields: Sequence[object]) -> bytes:
    staff = key_of(f"town{index} staff")
    identity = account_id(f"town{index}", staff.public_key)
    return town.sign(kind, identity, staff, fields)  # type: ignore[arg-type]


async def enact(town: Town, change: Change, voters: Sequence[int], at: int) -> None:
    """The first proposes, the others agree, all through the node `at`."""
    first, *others = voters
    proposal, raw = propose(town, first, change)
    await town.must_settle(at, [raw])
    for index in others:
        await town.must_settle(at, [vote(town, index, proposal)])


def epoch_of(node: TerritoryNode) -> int:
    """The epoch that a node is in."""
    return node.status().epoch


async def in_epoch(
    nodes: Sequence[TerritoryNode], epoch: int, seconds: float = PATIENCE_SECONDS
) -> None:
    """Until all of these are in this epoch or a later one."""
    await until(lambda: all(epoch_of(node) >= epoch for node in nodes), seconds)
