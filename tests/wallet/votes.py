"""Territories of the stand-in's network that vote, and one that joins."""

import itertools
from collections.abc import Sequence

from consensus.members import Member, MemberSet
from ledger.changes import AddMember, Change
from ledger.fields import NETWORK_MOVE, NETWORK_PROPOSE, NETWORK_VOTE
from ledger.founders import GenesisCurrency, Territory
from ledger.network import move_fields, propose_fields, vote_fields
from primitives import addresses
from primitives.encoding import Value
from primitives.hashing import hash_bytes
from tests.wallet.chain import Chain
from tests.wallet.people import key_of, signed

FOUNDERS = ("arden", "brume", "cassis", "dune")
_proposals = itertools.count()


def later_territory(prefix: str = "erable", code: str = "ERA", decimals: int = 3) -> Territory:
    """A territory that the genesis does not have; its currency has other decimals than theirs."""
    return Territory(
        name=prefix.capitalize(),
        prefix=prefix,
        currencies=(GenesisCurrency(code, decimals=decimals),),
        peer="127.0.0.1:4009",
        http="127.0.0.1:5009",
        voting_key=key_of(f"{prefix} voting").public_key,
        authority_der=b"\x30" + prefix.encode(),
        signing_keys=(key_of(f"{prefix} staff").public_key,),
        signing_threshold=1,
        recovery_key=key_of(f"{prefix} recovery").public_key,
        issuer_keys=(key_of(f"{prefix} issuer").public_key,),
        issuer_threshold=1,
        node_key=key_of(f"{prefix} node").public_key,
    )


def by_staff(chain: Chain, prefix: str, kind: str, fields: Sequence[Value]) -> None:
    """A block with an act of a territory's staff."""
    staff = key_of(f"{prefix} staff")
    identity = addresses.account_id(prefix, staff.public_key)
    account = chain.state.account(identity)
    assert account is not None
    number = account.devices[0].high + 1
    second = key_of(f"{prefix} staff 2")
    others = [second] if account.device(second.public_key) is not None else []
    chain.seal([signed(chain, kind, tuple(fields), identity, staff, number, *others)])


def propose(chain: Chain, change: Change, proposer: str = "arden") -> bytes:
    """A proposal's id."""
    proposal = hash_bytes("test_proposal", str(next(_proposals)).encode())[:16]
    by_staff(chain, proposer, NETWORK_PROPOSE, propose_fields(proposal, change))
    return proposal


def enact(
    chain: Chain,
    change: Change,
    voters: Sequence[str] = ("brume", "cassis"),
    proposer: str = "arden",
) -> bytes:
    """Propose and vote; the id."""
    proposal = propose(chain, change, proposer)
    for prefix in voters:
        by_staff(chain, prefix, NETWORK_VOTE, vote_fields(proposal, True))
    if isinstance(change, AddMember):
        chain.joined[change.territory.prefix] = proposal
    return proposal


def move(chain: Chain, prefix: str, http: str) -> None:
    """A territory says that its node is reached elsewhere."""
    by_staff(chain, prefix, NETWORK_MOVE, move_fields("127.0.0.1:4010", http))


def end_epoch(chain: Chain) -> None:
    """The next epoch begins, with the members that were voted."""
    active = chain.state.network().terms.active
    members = MemberSet.of(Member(one.voting_key, one.recovery_key, one.prefix) for one in active)
    chain.end_epoch(members, [key_of(f"{one.prefix} voting") for one in active])


def join(chain: Chain, territory: Territory | None = None) -> Territory:
    """A territory joins, and the epoch with it begins."""
    joining = territory or later_territory()
    enact(chain, AddMember(joining))
    end_epoch(chain)
    chain.seal()
    return joining
