"""Random proposals and votes against a model that counts them in the plainest way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.changes import (
    AddMember,
    Change,
    ChangeParameter,
    ChangeRules,
    PauseMember,
    RemoveMember,
    ReplaceKeys,
    ResumeMember,
)
from ledger.invariants import full_sums
from ledger.network import OPEN_PROPOSALS_MAX
from ledger.rules import RULE_VERSION
from ledger.transaction import Transaction
from tests.ledger.council import TOWNS, Council, proposal_id, town
from tests.ledger.world import DAY_MS, entry, key

NAMES = (*TOWNS, "eden", "fagne")
SETS = ("", " b", " c")
PREFIXES = st.sampled_from(NAMES)


class Wanted(NamedTuple):
    """A change as the model knows it. `keys` names a set of keys, or is a figure's place."""

    verb: str
    prefix: str = ""
    keys: str = ""
    figure: int = 0
    differs: bool = False

    def change(self) -> Change:
        """The change itself."""
        if self.verb == "add":
            territory = town(self.prefix, self.keys)
            return AddMember(replace(territory, name="Other") if self.differs else territory)
        if self.verb == "keys":
            voting = key(f"{self.prefix}{self.keys} voting").public_key
            recovery = key(f"{self.prefix}{self.keys} recovery").public_key
            return ReplaceKeys(self.prefix, voting, self.keys.encode() or b"x", recovery)
        if self.verb == "parameter":
            return ChangeParameter("lines_max", self.figure)
        if self.verb == "rules":
            return ChangeRules(self.figure)
        if self.verb == "remove":
            return RemoveMember(self.prefix)
        return PauseMember(self.prefix) if self.verb == "pause" else ResumeMember(self.prefix)


WANTED = st.one_of(
    st.builds(
        Wanted,
        st.just("add"),
        PREFIXES,
        st.sampled_from(SETS),
        differs=st.sampled_from([False] * 3 + [True]),
    ),
    st.builds(Wanted, st.sampled_from(["remove", "pause", "resume"]), PREFIXES),
    st.builds(Wanted, st.just("keys"), PREFIXES, st.sampled_from(SETS)),
    st.builds(Wanted, st.just("parameter"), figure=st.sampled_from([100, 200, 0])),
    st.builds(
        Wanted, st.just("rules"), figure=st.sampled_from([RULE_VERSION + 1, RULE_VERSION + 2])
    ),
)


@dataclass
class Proposed:
    """A proposal, as the model keeps it."""

    proposer: str
    wanted: Wanted
    subject: object
    until_ms: int
    votes: dict[str, bool]
    decided: int = 0


@dataclass
class Model:
    """Members by short name with the name of their keys and whether they are paused."""

    members: dict[str, tuple[str, bool]] = field(
        default_factory=lambda: dict.fromkeys(TOWNS, ("", False))
    )
    used: set[tuple[str, str]] = field(default_factory=lambda: {(name, "") for name in TOWNS})
    known: set[str] = field(default_factory=lambda: set(TOWNS))
    lines_max: int = 2_000
    version: int = RULE_VERSION
    changes: int = 0
    proposals: dict[str, Proposed] = field(default_factory=dict)

    def subject(self, wanted: Wanted) -> object:
        """What a change is about, as it stands."""
        if wanted.verb == "parameter":
            return self.lines_max
        if wanted.verb == "rules":
            return self.version
        return self.members.get(wanted.prefix)

    def refusal(self, wanted: Wanted) -> str | None:
        """Why a change does not apply."""
        verb, prefix = wanted.verb, wanted.prefix
        if verb == "parameter":
            if wanted.figure == self.lines_max:
                return "change_without_effect"
            return None if wanted.figure else "change_invalid"
        if verb == "rules":
            return None if wanted.figure == self.version + 1 else "change_invalid"
        if verb == "add" and prefix in self.members:
            return "member_exists"
        if verb != "add" and prefix not in self.members:
            return "member_unknown"
        if verb in ("add", "keys"):
            if (prefix, wanted.keys) in self.used:
                return "member_key_used"
            was_another = verb == "add" and wanted.differs and prefix in self.known
            return "territory_differs" if was_another else None
        if verb == "resume":
            return None if self.members[prefix][1] else "change_without_effect"
        if verb == "pause" and self.members[prefix][1]:
            return "change_without_effect"
        others = [paused for name, (_, paused) in self.members.items() if name != prefix]
        return None if False in others else "member_last"

    def enact(self, wanted: Wanted) -> None:
        """Do it."""
        self.changes += 1
        verb, prefix = wanted.verb, wanted.prefix
        if verb == "parameter":
            self.lines_max = wanted.figure
        elif verb == "rules":
            self.version = wanted.figure
        elif verb == "remove":
            del self.members[prefix]
        elif verb in ("pause", "resume"):
            self.members[prefix] = (self.members[prefix][0], verb == "pause")
        else:
            paused = verb == "keys" and self.members[prefix][1]
            self.members[prefix] = (wanted.keys, paused)
            self.used.add((prefix, wanted.keys))
            self.known.add(prefix)

    def count(self, proposed: Proposed) -> None:
        """Decide a proposal, if its votes do."""
        no = [name for name in self.members if proposed.votes.get(name) is False]
        if self.has_enough(proposed):
            proposed.decided = 1
            self.enact(proposed.wanted)
        elif len(self.members) - len(no) <= len(self.members) * 2 / 3:
            proposed.decided = 2

    def has_enough(self, proposed: Proposed) -> bool:
        """Whether more than two thirds of the members there are said yes."""
        yes = [name for name in self.members if proposed.votes.get(name) is True]
        return len(yes) > len(self.members) * 2 / 3

    def propose(self, prefix: str, name: str, wanted: Wanted, time_ms: int) -> str | None:
        """Propose, or say why not."""
        if prefix not in self.members:
            return "not_a_member"
        if name in self.proposals:
            return "proposal_exists"
        mine = [
            one
            for one in self.proposals.values()
            if one.proposer == prefix and not one.decided and one.until_ms >= time_ms
        ]
        if len(mine) >= OPEN_PROPOSALS_MAX:
            return "proposals_too_many"
        refused = self.refusal(wanted)
        if refused is None:
            until_ms = time_ms + 30 * DAY_MS
            subject = self.subject(wanted)
            proposed = Proposed(prefix, wanted, subject, until_ms, {prefix: True})
            self.proposals[name] = proposed
            self.count(proposed)
        return refused

    def vote(self, prefix: str, name: str, approve: bool, time_ms: int) -> str | None:
        """Vote, or say why not."""
        if prefix not in self.members:
            return "not_a_member"
        proposed = self.proposals.get(name)
        if proposed is None:
            return "proposal_unknown"
        if proposed.decided or time_ms > proposed.until_ms:
            return "proposal_ended"
        if prefix in proposed.votes:
            return "vote_already_cast"
        if approve or self.has_enough(proposed):
            if self.subject(proposed.wanted) != proposed.subject:
                return "proposal_outdated"
            refused = self.refusal(proposed.wanted)
            if refused is not None:
                return refused
        proposed.votes[prefix] = approve
        self.count(proposed)
        return None


class NetworkMachine(RuleBasedStateMachine):
    @initialize()
    def found(self) -> None:
        self.world = Council()
        self.model = Model()
        self.accepted: list[tuple[Transaction, int]] = []
        self.opened: dict[str, int] = {}
        self.asked = 0

    def put(self, transaction: Transaction, code: str | None) -> None:
        """A block with the transaction, if it is what the model accepts."""
        assert self.world.code(transaction) == code
        if code is None:
            self.accepted.append((transaction, self.world.time_ms))
            self.world.block(transaction)

    def made(self, make: object) -> Transaction | None:
        """A transaction of a territory that was never there is nobody's."""
        try:
            transaction = make() if callable(make) else None
        except KeyError:
            return None
        return transaction if isinstance(transaction, Transaction) else None

    def propose_as(self, prefix: str, wanted: Wanted, name: str) -> None:
        made = self.made(lambda: self.world.propose(prefix, name, wanted.change()))
        if made is not None:
            self.put(made, self.model.propose(prefix, name, wanted, self.world.time_ms))

    def vote_as(self, prefix: str, name: str, approve: bool) -> None:
        made = self.made(lambda: self.world.vote(prefix, name, approve))
        if made is not None:
            self.put(made, self.model.vote(prefix, name, approve, self.world.time_ms))

    @rule(prefix=PREFIXES, wanted=WANTED, again=st.sampled_from([False] * 9 + [True]))
    def propose(self, prefix: str, wanted: Wanted, again: bool) -> None:
        if not again:
            self.asked += 1
        self.propose_as(prefix, wanted, f"{self.asked}")

    @rule(prefix=PREFIXES, approve=st.sampled_from([True, True, False]), back=st.integers(0, 6))
    def vote(self, prefix: str, approve: bool, back: int) -> None:
        self.vote_as(prefix, f"{self.asked - back}", approve)

    @rule(wanted=WANTED, data=st.data())
    def carry(self, wanted: Wanted, data: st.DataObject) -> None:
        """One proposes, and all others say yes one after the other."""
        self.asked += 1
        voters = data.draw(st.permutations(sorted(self.model.members)))
        self.propose_as(voters[0], wanted, f"{self.asked}")
        for prefix in voters[1:]:
            self.vote_as(prefix, f"{self.asked}", True)

    @rule(back=st.integers(0, 6))
    def carry_older(self, back: int) -> None:
        for prefix in sorted(self.model.members):
            self.vote_as(prefix, f"{self.asked - back}", True)

    @rule(prefix=PREFIXES, port=st.integers(1, 9))
    def move(self, prefix: str, port: int) -> None:
        made = self.made(lambda: self.world.move(prefix, f"{prefix}:{port}", "h:1"))
        if made is None:
            return
        member = self.world.terms.member(prefix)
        if member is None:
            self.put(made, "not_a_member")
        else:
            same = (member.peer, member.http) == (f"{prefix}:{port}", "h:1")
            self.put(made, "change_without_effect" if same else None)

    @rule(prefix=PREFIXES)
    def open_account(self, prefix: str) -> None:
        """Also in a territory that left: its accounts and its staff go on."""
        if prefix not in self.model.known:
            return
        count = self.opened.get(prefix, 0) + 1
        account = entry(f"{prefix} {count}", currency=prefix.upper())
        made = self.world.open([account], staff=f"{prefix} staff", prefix=prefix)
        self.put(made, None)
        self.opened[prefix] = count

    @rule(days=st.sampled_from([1, 10, 31]))
    def wait(self, days: int) -> None:
        self.world.time_ms += days * DAY_MS

    @invariant()
    def the_terms_are_the_models(self) -> None:
        terms, model = self.world.terms, self.model
        assert terms.active
        found = {member.prefix: (member.voting_key, member.paused) for member in terms.members}
        assert list(found) == sorted(model.members)
        assert found == {
            prefix: (key(f"{prefix}{keys} voting").public_key, paused)
            for prefix, (keys, paused) in model.members.items()
        }
        assert (terms.parameters.lines_max, terms.rule_version) == (model.lines_max, model.version)
        assert self.world.state.network().changes == model.changes

    @invariant()
    def votes_are_the_models(self) -> None:
        for name, proposed in self.model.proposals.items():
            record = self.world.proposal(name)
            votes = [(one, True) for one in record.yes] + [(one, False) for one in record.no]
            assert len(votes) == len(dict(votes)) and dict(votes) == proposed.votes
            assert record.decided == proposed.decided
        lines = self.world.state.ballot().open
        undecided = {
            proposal_id(name) for name, one in self.model.proposals.items() if not one.decided
        }
        assert {line.id for line in lines} <= undecided
        for prefix in NAMES:
            assert len([one for one in lines if one.proposer == prefix]) <= OPEN_PROPOSALS_MAX

    @invariant()
    def accounts_are_counted(self) -> None:
        sums = full_sums(self.world.objects())
        assert set(sums) == {prefix.upper() for prefix in self.model.known}
        for prefix in self.model.known:
            assert sums[prefix.upper()] == (0, 0, 0, 3 + self.opened.get(prefix, 0))

    def teardown(self) -> None:
        """The accepted transactions alone give the state, on a network of its own."""
        if not hasattr(self, "accepted"):
            return
        line = Council()
        for transaction, time_ms in self.accepted:
            line.time_ms = time_ms
            line.block(line.decode(transaction.raw))
        assert line.root() == self.world.root()
        assert line.store.objects == self.world.store.objects


TestNetwork = NetworkMachine.TestCase
TestNetwork.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
