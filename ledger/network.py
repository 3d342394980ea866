"""The life of the network: members propose changes and vote on them; each says where it is reached.

A member is heard through its territory's account, with staff keys: its threshold of them, and two
wherever it has two. Everybody in the voted terms has a vote, also who is paused. What more than
two thirds want is enacted in the same transaction; it takes effect when an epoch begins.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.changes import COST_MAX, Change, change_of
from ledger.enactment import Enactment, basis_of, enact, moved
from ledger.envelope import Transaction
from ledger.fields import NetworkMove, NetworkProposal, NetworkVote
from ledger.founders import check_text
from ledger.lanes import LaneUse, check_lane
from ledger.network_objects import (
    ENACTED,
    FELL,
    NETWORK_TREE_KEY,
    OPEN,
    PROPOSAL,
    BallotRecord,
    NetworkRecord,
    NetworkTerms,
    OpenProposal,
    ProposalRecord,
)
from ledger.roles import STAFF
from ledger.rules import MS_PER_DAY, Parameters
from ledger.shapes import PROPOSAL_BYTES, expect_bytes, expect_flag, expect_text, wrong_shape
from ledger.signers import check_signers
from ledger.state import Candidate
from ledger.territories import known_territory
from ledger.tree_keys import tree_key
from ledger.view import View
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import Refused

PROPOSE_OBJECTS = 4
"""The account, the proposal, the ballot, the network; beside them what the change costs."""
VOTE_OBJECTS = PROPOSE_OBJECTS + COST_MAX.objects
VOTE_KEYS = COST_MAX.keys
MOVE_OBJECTS = 2

STAFF_SIGNERS = 2
"""So many of the staff sign for the territory as a member, where there are as many."""
PROPOSAL_DAYS = 30
OPEN_PROPOSALS_MAX = 4
"""Of one territory."""
DECIDED_KEPT = 16
"""The ballot still lists so many of those decided last."""


class ProposalPlan(NamedTuple):
    """A proposal as it will be, or a vote on it, that passed its checks."""

    use: LaneUse
    proposal: ProposalRecord
    ballot: BallotRecord
    """As it will be."""
    enactment: Enactment | None
    network: NetworkRecord
    """As it is."""


class MovePlan(NamedTuple):
    """A move that passed its checks."""

    use: LaneUse
    network: NetworkRecord


def propose_fields(proposal_id: bytes, change: Change) -> tuple[Value, ...]:
    """The body's last values of `network.propose`: `proposal_id` is 16 random bytes."""
    return (proposal_id, change.value())


def vote_fields(proposal_id: bytes, approve: bool) -> tuple[Value, ...]:
    """The body's last values of `network.vote`."""
    return (proposal_id, approve)


def move_fields(peer: str, http: str) -> tuple[Value, ...]:
    """The body's last values of `network.move`; host:port each."""
    return (peer, http)


def validate_propose(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> NetworkProposal:
    """Shape, and what a change may say."""
    if len(values) != 2:
        raise wrong_shape("network.propose")
    return NetworkProposal(
        expect_bytes(values[0], PROPOSAL_BYTES, "proposal_id"), change_of(values[1])
    )


def validate_vote(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> NetworkVote:
    """Shape."""
    if len(values) != 2:
        raise wrong_shape("network.vote")
    identity = expect_bytes(values[0], PROPOSAL_BYTES, "proposal_id")
    return NetworkVote(identity, expect_flag(values[1], "approve"))


def validate_move(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> NetworkMove:
    """Shape, and texts that a genesis could hold."""
    if len(values) != 2:
        raise wrong_shape("network.move")
    move = NetworkMove(expect_text(values[0], "peer"), expect_text(values[1], "http"))
    try:
        check_text("peer", move.peer)
        check_text("http", move.http)
    except Refused as refusal:
        raise Refused("change_invalid", refusal.detail, field=refusal.field) from None
    return move


def _check_member(view: View, transaction: Transaction, time_ms: int) -> tuple[LaneUse, str]:
    """The staff of a member signed; its short name. Raises what `check_lane` and `check_signers`
    raise, `role_missing`, `signatures_insufficient`, `not_a_member`."""
    use = check_lane(view, transaction, time_ms, STAFF, view.parameters.valid_for_cosigned_ms_max)
    account = use.account
    if known_territory(view, account.prefix).account_id != account.id:
        raise Refused("role_missing", "the account is not a territory's")
    check_signers(account, transaction, STAFF)
    staff = len([device for device in account.devices if device.roles & STAFF])
    needed = max(account.threshold, min(STAFF_SIGNERS, staff))
    if len(transaction.signers) < needed:
        raise Refused(
            "signatures_insufficient",
            f"{len(transaction.signers)} of {needed} staff keys signed",
            field="signers",
        )
    if view.network().terms.member(account.prefix) is None:
        raise Refused("not_a_member", f"{account.prefix} is no member of the network")
    return use, account.prefix


def check_propose(
    view: View, transaction: Transaction, proposing: NetworkProposal, time_ms: int
) -> ProposalPlan:
    """All that a proposal needs of the state; changes nothing."""
    use, prefix = _check_member(view, transaction, time_ms)
    if view.proposal(proposing.id) is not None:
        raise Refused("proposal_exists", proposing.id.hex(), field="proposal_id")
    created_ms = transaction.created_ms
    ballot = view.ballot()
    # By the transaction's own date: what is stored depends on no block's time.
    still_open = tuple([line for line in ballot.open if line.until_ms >= created_ms])
    if len([line for line in still_open if line.proposer == prefix]) >= OPEN_PROPOSALS_MAX:
        raise Refused("proposals_too_many", f"{prefix} has {OPEN_PROPOSALS_MAX} open ones")
    network = view.network()
    proposal = ProposalRecord(
        tree_key(PROPOSAL, proposing.id),
        proposing.id,
        prefix,
        proposing.change,
        basis_of(network.terms, proposing.change),
        min(created_ms + PROPOSAL_DAYS * MS_PER_DAY, AMOUNT_MINOR_MAX),
        (prefix,),
        (),
        OPEN,
    )
    enactment = enact(view, proposing.change)
    decided = decision(network.terms, proposal)
    line = OpenProposal(proposal.id, prefix, proposal.until_ms)
    ballot = ballot._replace(open=(*still_open, line))
    return _plan(use, proposal, decided, ballot, enactment, network)


def check_vote(
    view: View, transaction: Transaction, vote: NetworkVote, time_ms: int
) -> ProposalPlan:
    """All that a vote needs of the state; changes nothing."""
    use, prefix = _check_member(view, transaction, time_ms)
    proposal = view.proposal(vote.id)
    if proposal is None:
        raise Refused("proposal_unknown", vote.id.hex(), field="proposal_id")
    if proposal.decided != OPEN or time_ms > proposal.until_ms:
        raise Refused("proposal_ended", vote.id.hex(), field="proposal_id")
    if prefix in proposal.yes or prefix in proposal.no:
        raise Refused("vote_already_cast", f"{prefix} has voted on it", field="proposal_id")
    network = view.network()
    if vote.approve:
        voted = proposal._replace(yes=tuple(sorted((*proposal.yes, prefix))))
    else:
        voted = proposal._replace(no=tuple(sorted((*proposal.no, prefix))))
    decided = decision(network.terms, voted)
    enactment = None
    # A no may be what decides: the yes of before suffice where members became fewer since.
    if vote.approve or decided == ENACTED:
        if basis_of(network.terms, proposal.change) != proposal.basis:
            raise Refused("proposal_outdated", vote.id.hex(), field="proposal_id")
        enactment = enact(view, proposal.change)
    return _plan(use, voted, decided, view.ballot(), enactment, network)


def decision(terms: NetworkTerms, proposal: ProposalRecord) -> int:
    """What the votes of the members of `terms` decide: enacted with more than two thirds of them,
    fallen once that is out of reach. Who left the network is not counted."""
    members = len(terms.members)
    names = {member.prefix for member in terms.members}
    if 3 * len(names.intersection(proposal.yes)) > 2 * members:
        return ENACTED
    if 3 * (members - len(names.intersection(proposal.no))) <= 2 * members:
        return FELL
    return OPEN


def _plan(
    use: LaneUse,
    proposal: ProposalRecord,
    decided: int,
    ballot: BallotRecord,
    enactment: Enactment | None,
    network: NetworkRecord,
) -> ProposalPlan:
    if decided != OPEN:
        ballot = ballot._replace(
            open=tuple([line for line in ballot.open if line.id != proposal.id]),
            decided=(*ballot.decided, proposal.id)[-DECIDED_KEPT:],
        )
    return ProposalPlan(
        use,
        proposal._replace(decided=decided),
        ballot,
        enactment if decided == ENACTED else None,
        network,
    )


def check_move(view: View, transaction: Transaction, move: NetworkMove, time_ms: int) -> MovePlan:
    """All that a move needs of the state; changes nothing."""
    use, prefix = _check_member(view, transaction, time_ms)
    network = view.network()
    terms = moved(network.terms, prefix, move.peer, move.http)
    return MovePlan(use, network._replace(terms=terms))


def apply_proposal(candidate: Candidate, plan: ProposalPlan) -> None:
    """Write a proposal or a vote, and what it enacts."""
    use, proposal, ballot, enactment, network = plan
    if enactment is None:
        candidate.write((use.spent(0),), records=(proposal, ballot))
        return
    after = NetworkRecord(NETWORK_TREE_KEY, enactment.terms, network.changes + 1)
    candidate.write(
        (use.spent(0), *enactment.accounts),
        enactment.currencies,
        enactment.territory,
        (proposal, ballot, after, *enactment.keys),
    )


def apply_move(candidate: Candidate, plan: MovePlan) -> None:
    """Write where a member is reached."""
    candidate.write((plan.use.spent(0),), records=(plan.network,))
