"""Who may endorse: the old network's last member set, followed from its genesis.

The store may be another node's. Under the built-in engine each boundary's certificate is checked
under the set before it, and the set after it against the hash that the boundary carries. Under
CometBFT the changes of the validator set lead to the set that signed the last header, and that
header's state root to the members (`ledger.succession.ProvedNetwork`).
"""

from consensus.certificates import verify_certificate
from consensus.cometbft.headers import Header as CometBftHeader
from consensus.cometbft.succession import set_at
from consensus.cometbft.validators import ValidatorSet
from consensus.finality import check_descent, check_finalizes
from consensus.members import MemberSet
from consensus.succession import LastHeader, last_header
from ledger.genesis import Genesis
from ledger.succession import FormerMember, Succession
from node.chain import Chain
from node.engines.cometbft.own_record import is_ours
from node.epochs import Epoch
from node.kept_sets import kept_changes
from node.store import Store
from primitives.errors import Refused
from primitives.signatures import verify


def rows_of(members: MemberSet) -> tuple[FormerMember, ...]:
    """A set as a succession names it."""
    return tuple(
        [FormerMember(one.voting_key, one.recovery_key, one.prefix) for one in members.members]
    )


def is_same(chain: Chain, header: LastHeader) -> bool:
    """Whether this chain has the block of a predecessor's last header."""
    if isinstance(header, CometBftHeader):
        return is_ours(chain, header)
    stored = chain.stored_header(header.height)
    return stored is not None and stored.header.digest == header.digest


def is_newest(chain: Chain, header: LastHeader) -> bool:
    """Whether it is the newest one there."""
    return chain.height == header.height and is_same(chain, header)


def check_lineage(store: Store, chain: Chain, old: Genesis, succession: Succession) -> None:
    """That the succession names the sets, and the epoch, that this chain leads to.

    Raises `Refused`: `succession_differs`; `store_corrupt` where the chain's own epochs, or its
    changes of the validator set, don't follow one from another.
    """
    if succession.proved is not None:
        _check_validators(store, old, succession, succession.proved.validators)
        newest = None if chain.newest is None else chain.newest.header
        if newest is None or not is_newest(chain, last_header(succession)):
            raise Refused("store_corrupt", "the newest block is another one")
        # It is counted on so that no two epochs have one number; wallets follow no epochs here.
        if newest.epoch + (newest.next_set_hash is not None) + 1 != succession.epoch:
            raise Refused("succession_differs", "it begins with another epoch")
        return
    _check_epochs(chain, old, succession)


def _check_validators(
    store: Store, old: Genesis, succession: Succession, named: tuple[bytes, ...]
) -> None:
    keys = [one.cometbft_key for one in old.territories]
    first = ValidatorSet.of_members([key for key in keys if key is not None])
    try:
        changes = kept_changes(store, old.height)
        known = set_at(succession.height, first, old.height, old.network_id, changes, verify)
    except Refused as refusal:
        raise Refused("store_corrupt", f"changes of the set: {refusal}") from refusal
    if known.hash != ValidatorSet.of_members(named).hash:
        raise Refused("succession_differs", "another set of validators signed its last header")


def _check_epochs(chain: Chain, old: Genesis, succession: Succession) -> None:
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
