"""Whether another network may take the place of the one that a wallet trusts.

A genesis that names a predecessor proves its last block and its last set by itself, and the set's
recovery keys stand under it (`ledger.succession`, `consensus.succession`). What a wallet alone can
add is what it saw: the sets that the old network's own boundaries, or changes of CometBFT's
validators, led it to, and how high final blocks went. Nothing is followed here: its owner is asked.
"""

from dataclasses import dataclass

from consensus.cometbft.validators import ValidatorSet
from consensus.succession import LastHeader, Row, last_header, set_of
from ledger.genesis import Genesis
from ledger.succession import ProvedNetwork, Succession
from primitives.errors import Refused
from wallet.light.bundles import COMETBFT, SIMPLEX, HeaderBundle
from wallet.light.trust import FinalHeader, TrustedNetwork


@dataclass(frozen=True, slots=True)
class Successor:
    """A network that takes the place of the one known, with everything about it checked."""

    genesis: Genesis
    last: LastHeader
    """The old network's last final header."""
    endorsed_by: tuple[str, ...]
    gone: tuple[str, ...]
    """Members of the old network's last set that are none of the new one."""


def epoch_needed(genesis: Genesis) -> int:
    """The epoch of the old network whose set must be known to judge this genesis.

    Raises `Refused("succession_none")`.
    """
    succession = named_succession(genesis)
    # Of a boundary, the set after it follows from the header, which the set before it signed.
    return succession.epoch - (1 if succession.signers is None else 2)


def check_successor(
    network: TrustedNetwork, newest: FinalHeader | None, genesis: Genesis
) -> Successor:
    """Judge a genesis that was read with all its proofs, by what this wallet knows.

    `newest` is the newest final header that was seen. Raises `Refused`: `succession_none` where it
    takes no place, or another's; `succession_behind`, `succession_conflict`, `succession_differs`;
    `epoch_unknown` where the old network was not followed far enough to judge; `engine_differs`
    and `engine_keys_missing` where it proves the end in the form of an engine that this isn't.
    """
    succession = named_succession(genesis)
    if succession.predecessor != network.network_id:
        raise Refused("succession_none", "it takes the place of another network")
    network.check_engine(SIMPLEX if succession.proved is None else COMETBFT)
    last = last_header(succession)
    if newest is not None and newest.height > last.height:
        raise Refused("succession_behind", f"height {newest.height} is final, not {last.height}")
    if newest is not None and newest.height == last.height and newest.digest != last.digest:
        raise Refused("succession_conflict", f"height {last.height}")
    if succession.proved is None:
        _check_members(network, genesis, succession)
    else:
        _check_validators(network, succession, succession.proved)
    staying = {territory.prefix for territory in genesis.territories}
    gone = sorted(row.prefix for row in succession.members if row.prefix not in staying)
    return Successor(genesis, last, genesis.endorsed_by(), tuple(gone))


def _check_members(network: TrustedNetwork, genesis: Genesis, succession: Succession) -> None:
    """The last set is the one that the old network's own boundaries lead to."""
    needed = epoch_needed(genesis)
    if network.newest_epoch >= succession.epoch:
        raise Refused("succession_behind", f"epoch {network.newest_epoch} has begun")
    rows: tuple[Row, ...] = succession.signers or succession.members
    if set_of(rows).hash() != network.members_of(needed).hash():
        raise Refused("succession_differs", "it names another last set of members")


def _check_validators(
    network: TrustedNetwork, succession: Succession, proved: ProvedNetwork
) -> None:
    """The set that signed the last header is the one that changes of the set lead to, and the
    header stands where that set signs. Who the members are follows from the header alone."""
    sets = network.sets
    if sets.changes and sets.changes[-1].header.height > succession.height:
        raise Refused("succession_behind", f"height {sets.changes[-1].header.height} is final")
    named = ValidatorSet.of_members(proved.validators)
    if named.hash != sets.at(succession.height).hash:
        raise Refused("succession_differs", "another set of validators signed its last header")
    bundle = HeaderBundle(succession.header, succession.certificate, (), COMETBFT)
    try:
        sets.verify(bundle)
    except Refused as refusal:
        raise Refused("succession_unproved", str(refusal)) from refusal


def named_succession(genesis: Genesis) -> Succession:
    """What a genesis takes over. Raises `Refused("succession_none")`."""
    if genesis.succession is None:
        raise Refused("succession_none")
    return genesis.succession
