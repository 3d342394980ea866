"""How large may be what peers send, under the rules in force."""

from ledger.rules import RuleSet
from node.block_body import BODY_OVERHEAD_BYTES
from node.peers.catch_up import PART_BYTES
from node.peers.frames import FRAME_OVERHEAD_BYTES
from node.snapshots.parts import PART_BYTES_MAX

TRANSACTION_BYTES_MIN = 200
"""Less than any transaction has; bounds how many a block can hold."""


def transactions_max(rules: RuleSet) -> int:
    """How many transactions a body may hold."""
    return rules.parameters.block_bytes_max // TRANSACTION_BYTES_MIN


def body_bytes_max(rules: RuleSet) -> int:
    """How long a body may be."""
    overhead = BODY_OVERHEAD_BYTES * transactions_max(rules)
    return rules.parameters.block_bytes_max + overhead + 64


def frame_bytes_max(rules: RuleSet) -> int:
    """A part of a catch-up may hold a branch's blocks up to the next certificate; a part of a
    snapshot is as large as any network's."""
    blocks = rules.parameters.candidates_max * body_bytes_max(rules)
    return max(PART_BYTES + blocks, PART_BYTES_MAX) + FRAME_OVERHEAD_BYTES
