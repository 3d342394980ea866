"""What a validator signs: CometBFT's canonical vote and proposal, with a length in front.

Source: CometBFT v0.38, `types/canonical.go`, `types/vote.go`, `types/proposal.go`.
"""

from typing import Any

from node.engines.cometbft.descriptors import canonical, message_class, set_time
from node.engines.cometbft.frames import frame

VOTE_PREVOTE = 1
VOTE_PRECOMMIT = 2
TYPE_PROPOSAL = 32


def canonical_vote(vote: Any, chain_id: str) -> Any:
    """Of a `types.Vote`, without its time: who signed, and vote extensions, are no part of it."""
    written = message_class("types.CanonicalVote")(
        type=vote.type, height=vote.height, round=vote.round, chain_id=chain_id
    )
    _set_block_id(written, vote.block_id)
    return written


def canonical_proposal(proposal: Any, chain_id: str) -> Any:
    """Of a `types.Proposal`, without its time."""
    written = message_class("types.CanonicalProposal")(
        type=TYPE_PROPOSAL,
        height=proposal.height,
        round=proposal.round,
        pol_round=proposal.pol_round,
        chain_id=chain_id,
    )
    _set_block_id(written, proposal.block_id)
    return written


def content_of(message: Any) -> bytes:
    """What two messages have in common that differ by their time at most."""
    return canonical(message)


def sign_bytes(message: Any, time_ns: int) -> bytes:
    """The bytes under the signature, with this time."""
    timed = type(message)()
    timed.CopyFrom(message)
    set_time(timed.timestamp, time_ns)
    return frame(canonical(timed))


def _set_block_id(written: Any, block_id: Any) -> None:
    """A block id that names nothing is left out: a vote for nil."""
    parts = block_id.part_set_header
    if not block_id.hash and not parts.total and not parts.hash:
        return
    written.block_id.hash = block_id.hash
    written.block_id.part_set_header.SetInParent()
    written.block_id.part_set_header.total = parts.total
    written.block_id.part_set_header.hash = parts.hash
