"""Who may endorse: the old network's last member set, followed from its genesis epoch by epoch.

The store may be another node's, so each boundary's certificate is checked under the set before it,
and the set after it against the hash that the boundary carries.
"""

from consensus.certificates import verify_certificate
from consensus.finality import check_descent, check_finalizes
from consensus.members import MemberSet
from ledger.genesis import Genesis
from ledger.succession import FormerMember, Succession
from node.chain import Chain
from node.epochs import Epoch
from primitives.errors import Refused
from primitives.signatures import verify


def rows_of(members: MemberSet) -> tuple[FormerMember, ...]:
    """A set as a succession names it."""
    return tuple(
        [FormerMember(one.voting_key, one.recovery_key, one.prefix) for one in members.members]
    )


def check_lineage(chain: Chain, old: Genesis, succession: Succession) -> None:
    """That the succession names the sets, and the epoch, that this chain leads to.

    Raises `Refused`: `succession_differs`; `store_corrupt` where the chain's own epochs don't
    follow one from another.
    """
    before, last = None, Epoch.first(old)
    while (record := chain.epoch_record(last.number + 1)) is not None:
        before, last = last, Epoch.of(record)
        headers = (record.boundary, *record.closing)
        try:
            check_descent(headers)
            check_finalizes(record.finality, headers[-1])
            verify_certificate(record.finality, before.members, old.network_id, verify)
        except Refused as refusal:
            raise Refused("store_corrupt", f"epoch {last.number}: {refusal}") from refusal
        if last.members.hash() != record.boundary.next_set_hash:
            raise Refused("store_corrupt", f"epoch {last.number} has another set")
    newest = None if chain.newest is None else chain.newest.header
    if newest is None or newest.epoch + (newest.next_set_hash is not None) != last.number:
        raise Refused("store_corrupt", "the newest block is of another epoch")
    signers = before if newest.next_set_hash is not None else None
    named = (succession.epoch, succession.members, succession.signers)
    wanted = (
        last.number + 1,
        rows_of(last.members),
        None if signers is None else rows_of(signers.members),
    )
    if named != wanted:
        raise Refused("succession_differs", "it names another last set of members")
