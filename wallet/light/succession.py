"""Whether another network may take the place of the one that a wallet trusts.

A genesis that names a predecessor proves its last block and its last set by itself, and the set's
recovery keys stand under it (`ledger.succession`, `consensus.succession`). What a wallet alone can
add is what it saw: the sets that the old network's own boundaries led it to, and how high final
blocks went. Nothing is followed here: its owner is asked.
"""

from dataclasses import dataclass

from consensus.header import Header
from consensus.succession import Row, set_of
from ledger.genesis import Genesis
from ledger.succession import Succession
from primitives.errors import Refused
from wallet.light.bundles import SIMPLEX
from wallet.light.trust import FinalHeader, TrustedNetwork, decode_header


@dataclass(frozen=True, slots=True)
class Successor:
    """A network that takes the place of the one known, with everything about it checked."""

    genesis: Genesis
    last: Header
    """The old network's last final header."""
    endorsed_by: tuple[str, ...]
    gone: tuple[str, ...]
    """Members of the old network's last set that are none of the new one."""


def epoch_needed(genesis: Genesis) -> int:
    """The epoch of the old network whose set must be known to judge this genesis.

    Raises `Refused("succession_none")`.
    """
    succession = _named(genesis)
    # Of a boundary, the set after it follows from the header, which the set before it signed.
    return succession.epoch - (1 if succession.signers is None else 2)


def check_successor(
    network: TrustedNetwork, newest: FinalHeader | None, genesis: Genesis
) -> Successor:
    """Judge a genesis that was read with all its proofs, by what this wallet knows.

    `newest` is the newest final header that was seen. Raises `Refused`: `succession_none` where it
    takes no place, or another's; `succession_behind`, `succession_conflict`, `succession_differs`;
    `epoch_unknown` where the old network was not followed far enough to judge.
    """
    succession = _named(genesis)
    if succession.predecessor != network.network_id:
        raise Refused("succession_none", "it takes the place of another network")
    network.check_engine(SIMPLEX)  # a succession proves its last block in that form alone
    last = decode_header(succession.header)
    if newest is not None and newest.height > last.height:
        raise Refused("succession_behind", f"height {newest.height} is final, not {last.height}")
    if newest is not None and newest.height == last.height and newest.digest != last.digest:
        raise Refused("succession_conflict", f"height {last.height}")
    needed = epoch_needed(genesis)
    if network.newest_epoch >= succession.epoch:
        raise Refused("succession_behind", f"epoch {network.newest_epoch} has begun")
    rows: tuple[Row, ...] = succession.signers or succession.members
    if set_of(rows).hash() != network.members_of(needed).hash():
        raise Refused("succession_differs", "it names another last set of members")
    staying = {territory.prefix for territory in genesis.territories}
    gone = sorted(row.prefix for row in succession.members if row.prefix not in staying)
    return Successor(genesis, last, genesis.endorsed_by(), tuple(gone))


def _named(genesis: Genesis) -> Succession:
    if genesis.succession is None:
        raise Refused("succession_none")
    return genesis.succession
