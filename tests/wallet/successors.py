"""A successor of the wallet tests' network, as its town halls would make it."""

from collections.abc import Sequence

from consensus.members import MemberSet
from ledger.genesis import Genesis
from ledger.succession import FormerMember, Succession, endorse
from primitives.encoding import encode
from primitives.signatures import SigningKey
from tests.wallet.chain import Chain
from tests.wallet.people import key_of


def rows_of(members: MemberSet) -> tuple[FormerMember, ...]:
    """A set as a succession names it."""
    return tuple(
        [FormerMember(one.voting_key, one.recovery_key, one.prefix) for one in members.members]
    )


def successor_of(
    chain: Chain,
    *,
    height: int = 0,
    members: MemberSet | None = None,
    keys: Sequence[SigningKey] | None = None,
    signers: MemberSet | None = None,
    without: Sequence[str] = (),
) -> Genesis:
    """A genesis that takes the chain's place from its newest block, or an earlier one, on.

    It names its present set unless told otherwise, and three recovery keys endorse it.
    """
    block = chain.blocks[(height or chain.height) - 1]
    old = chain.genesis
    ends = block.header.next_set_hash is not None
    succession = Succession(
        predecessor=chain.network_id,
        epoch=block.header.epoch + 1 + ends,
        height=block.header.height,
        header=block.header.encode(),
        between=tuple([one.encode() for one in block.closing]),
        certificate=block.certificate.encode(),
        state_root=bytes(32),
        members=rows_of(members or chain.members),
        signers=None if signers is None else rows_of(signers),
        former=tuple([one for one in old.territories if one.prefix in without]),
    )
    staying = tuple([one for one in old.territories if one.prefix not in without])
    time_ms = block.header.time_ms + 1
    draft = Genesis(2, time_ms, old.demo, old.parameters, staying, old.rule_version, succession)
    signing = keys or [key_of(f"{name} recovery") for name in ("arden", "brume", "cassis")]
    content = encode(draft.value())
    made = tuple(sorted(endorse(key, draft.network_id, content) for key in signing))
    return Genesis(
        2, time_ms, old.demo, old.parameters, staying, old.rule_version, succession, made
    )
