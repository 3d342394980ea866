"""The terms of the network: who is a member, under which parameters and rules.

The state holds the terms voted last. They take effect when an epoch begins; what the rules read
while they execute is `State.rules`, of the epoch in force.
"""

from __future__ import annotations

from ledger.founding import terms_of_founders
from ledger.genesis import Genesis
from ledger.network_objects import NetworkMember, NetworkTerms
from ledger.view import View

__all__ = ["NetworkMember", "NetworkTerms", "genesis_terms", "terms_of"]


def terms_of(view: View) -> NetworkTerms:
    """The terms voted last, as of `view`."""
    return view.network().terms


def genesis_terms(genesis: Genesis) -> NetworkTerms:
    """The terms that the first epoch begins with."""
    return terms_of_founders(genesis.territories, genesis.parameters, genesis.rule_version)
