"""A network of several small territories whose staff propose and vote."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ledger.changes import Change
from ledger.fields import NETWORK_MOVE, NETWORK_PROPOSE, NETWORK_VOTE
from ledger.founders import GenesisCurrency, Territory
from ledger.network import move_fields, propose_fields, vote_fields
from ledger.network_objects import NetworkMember, NetworkTerms, ProposalRecord
from ledger.rules import RULE_VERSION, Parameters
from ledger.transaction import Transaction
from primitives.encoding import Value
from tests.ledger.world import World, key

TOWNS = ("aube", "brume", "cendre", "dune")


def town(prefix: str, keys: str = "") -> Territory:
    """A territory with one currency and two staff keys, one of which is enough for its threshold;
    `keys` tells apart the member's keys that it may have one after the other."""
    own = f"{prefix}{keys}"
    return Territory(
        name=prefix.capitalize(),
        prefix=prefix,
        currencies=(GenesisCurrency(prefix.upper()),),
        peer=f"{prefix}:4000",
        http=f"{prefix}:5000",
        voting_key=key(f"{own} voting").public_key,
        authority_der=own.encode(),
        signing_keys=(key(f"{prefix} staff").public_key, key(f"{prefix} staff 2").public_key),
        signing_threshold=1,
        recovery_key=key(f"{own} recovery").public_key,
        issuer_keys=(key(f"{prefix} issuer").public_key,),
        issuer_threshold=1,
        node_key=key(f"{prefix} node").public_key,
    )


def proposal_id(name: str) -> bytes:
    """The id of the proposal of this name."""
    return hashlib.sha256(name.encode()).digest()[:16]


class Council(World):
    """A world in which territories propose and vote."""

    def __init__(
        self,
        *prefixes: str,
        founded: Sequence[Territory] = (),
        parameters: Parameters | None = None,
        rule_version: int = RULE_VERSION,
    ) -> None:
        territories = founded or [town(prefix) for prefix in prefixes or TOWNS]
        super().__init__(parameters, territories=tuple(territories), rule_version=rule_version)

    @property
    def terms(self) -> NetworkTerms:
        """The terms voted last."""
        return self.state.network().terms

    def member(self, prefix: str) -> NetworkMember:
        """A member; it exists."""
        found = self.terms.member(prefix)
        if found is None:
            raise KeyError(prefix)
        return found

    def proposal(self, name: str) -> ProposalRecord:
        """A proposal; it exists."""
        found = self.state.proposal(proposal_id(name))
        if found is None:
            raise KeyError(name)
        return found

    def staff(
        self,
        kind: str,
        prefix: str,
        fields: Sequence[Value],
        *,
        second: str | None = "staff 2",
        created_ms: int | None = None,
    ) -> Transaction:
        """A transaction that two of a territory's staff signed, or one if `second` is nobody."""
        territory = self.state.territory(prefix)
        if territory is None:
            raise KeyError(prefix)
        return self.make(
            kind,
            territory.account_id,
            key(f"{prefix} staff"),
            fields,
            [] if second is None else [key(f"{prefix} {second}")],
            created_ms=created_ms,
        )

    def propose(
        self, prefix: str, name: str, change: Change, *, created_ms: int | None = None
    ) -> Transaction:
        """`prefix` proposes."""
        fields = propose_fields(proposal_id(name), change)
        return self.staff(NETWORK_PROPOSE, prefix, fields, created_ms=created_ms)

    def vote(self, prefix: str, name: str, approve: bool = True) -> Transaction:
        """`prefix` votes."""
        return self.staff(NETWORK_VOTE, prefix, vote_fields(proposal_id(name), approve))

    def move(self, prefix: str, peer: str, http: str) -> Transaction:
        """`prefix` says where it is reached."""
        return self.staff(NETWORK_MOVE, prefix, move_fields(peer, http))

    def enacted(self, name: str, change: Change) -> None:
        """The first members propose and vote until it is enacted."""
        first, *others = [member.prefix for member in self.terms.members]
        self.block(self.propose(first, name, change))
        for prefix in others:
            if self.proposal(name).decided:
                break
            self.block(self.vote(prefix, name))
        if self.proposal(name).decided != 1:
            raise AssertionError(name)
