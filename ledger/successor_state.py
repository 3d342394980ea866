"""What a succession changes in the state it goes on from: who the members are, and nothing else.

Accounts, balances, lanes, currencies, programmes, runs, refunds and proposals stay as they are, and
so do territories that are no members any more. Every member is a territory of that state.
"""

from __future__ import annotations

from collections.abc import Set

from ledger.enactment import check_same
from ledger.founding import keys_of, member_of
from ledger.genesis import Genesis
from ledger.network_objects import (
    COMETBFT,
    NETWORK_TREE_KEY,
    RECOVERY,
    VOTING,
    NetworkMember,
    NetworkRecord,
)
from ledger.objects import StateObject
from ledger.terms import genesis_terms
from ledger.view import View
from primitives.errors import Refused


def succeeding_objects(view: View, prefixes: Set[str], genesis: Genesis) -> list[StateObject]:
    """The objects that are other ones, or new, in the successor's first state: the network's terms,
    and the keys that its members were never registered with, in key order.

    `view` is the predecessor's state after its last final block and `prefixes` are all territories
    in it. Raises `Refused`: `succession_differs` where the genesis says another thing of the
    network than that state, `member_key_used` for a key that was another's, or was replaced once.
    """
    known = {territory.prefix for territory in genesis.known_territories}
    if known != prefixes:
        raise Refused("succession_differs", f"territories: {', '.join(sorted(known ^ prefixes))}")
    for territory in genesis.known_territories:
        try:
            check_same(view, territory)
        except Refused as refusal:
            raise Refused("succession_differs", f"{territory.prefix}: {refusal}") from None
    before = view.network()
    terms = genesis_terms(genesis)
    if (terms.parameters, terms.rule_version) != (
        before.terms.parameters,
        before.terms.rule_version,
    ):
        raise Refused("succession_differs", "the parameters, or the rule version")
    new_keys: list[StateObject] = []
    for territory in genesis.territories:
        member = member_of(territory)
        stood = before.terms.member(member.prefix)
        for record in keys_of(member):
            used = view.member_key(record.use, record.key)
            if used is None:
                new_keys.append(record)
            elif stood is None or _key_of(stood, record.use) != record.key:
                # What was retired may have been stolen since.
                raise Refused(
                    "member_key_used", f"{record.key.hex()} was registered for {used.prefix}"
                )
    network = NetworkRecord(NETWORK_TREE_KEY, terms, before.changes + 1)
    return [network, *sorted(new_keys, key=lambda record: record.tree_key)]


def _key_of(member: NetworkMember, use: int) -> bytes | None:
    return {
        VOTING: member.voting_key,
        RECOVERY: member.recovery_key,
        COMETBFT: member.cometbft_key,
    }[use]
