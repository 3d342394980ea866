"""Rules that change under a living network: old blocks stay executable, and give the same roots."""

from __future__ import annotations

import pytest
from _pytest.monkeypatch import MonkeyPatch

from ledger import families, fields, rules
from ledger.changes import ChangeParameter, ChangeRules
from ledger.execution import BlockRefused, check, execute
from ledger.fields import PAYMENT_PAY, PAYMENT_REFUND, Payment
from ledger.payments import PayPlan, check_pay
from ledger.rules import RULE_VERSION, RuleSet
from ledger.state import Candidate
from ledger.transaction import Transaction, decode_transaction
from ledger.view import View
from primitives.errors import Refused
from tests.ledger.council import Council
from tests.ledger.world import HOUR_MS, entry, key, person

NEXT = RULE_VERSION + 1
Block = tuple[list[bytes], int, RuleSet, bytes]
"""Raw transactions, the block's time, the rules of its epoch, the state root after it."""


@pytest.fixture
def next_rules(monkeypatch: MonkeyPatch) -> None:
    """A rule version to come: payments move at least 10, each paid twice over; no refunds."""

    def check_large(view: View, transaction: Transaction, paying: Payment, time_ms: int) -> PayPlan:
        if paying.amount_minor < 10:
            raise Refused("amount_out_of_range", "at least 10")
        return check_pay(view, transaction, paying, time_ms)

    def apply_twice(candidate: Candidate, plan: PayPlan) -> None:
        amount_minor = 2 * plan.amount_minor
        payer, payee = plan.use.spent(amount_minor), plan.payee.credited(amount_minor)
        candidate.write((payer, payee))

    known = dict(families.RULE_VERSIONS[RULE_VERSION])
    known[PAYMENT_PAY] = known[PAYMENT_PAY]._replace(check=check_large, apply=apply_twice)
    kinds = dict(fields.KIND_VERSIONS[RULE_VERSION])
    for table in (known, kinds):
        del table[PAYMENT_REFUND]
    monkeypatch.setattr(rules, "RULE_VERSION", NEXT)
    monkeypatch.setitem(families.RULE_VERSIONS, NEXT, known)
    monkeypatch.setitem(fields.KIND_VERSIONS, NEXT, kinds)


class Chronicle:
    """A network that keeps what a chain keeps of each block, with the rules of its epoch."""

    def __init__(self, rule_version: int) -> None:
        self.world = Council(rule_version=rule_version)
        self.blocks: list[Block] = []

    def block(self, *transactions: Transaction) -> None:
        world = self.world
        time_ms, in_force = world.time_ms, world.state.rules
        world.block(*transactions)
        raws = [transaction.raw for transaction in transactions]
        self.blocks.append((raws, time_ms, in_force, world.root()))

    def boundary(self) -> None:
        """An epoch begins: what was voted applies, as a node makes it do."""
        terms = self.world.terms
        self.world.state.rules = RuleSet(terms.rule_version, terms.parameters)
        self.world.rules = self.world.state.rules

    def pay(self, amount_minor: int) -> Transaction:
        return self.world.pay(
            "ana", person("ben", "aube"), amount_minor, currency="AUBE", prefix="aube"
        )

    def live(self) -> None:
        """Payments and votes through all rule versions from the first to the next one."""
        world = self.world
        accounts = [entry(name, currency="AUBE") for name in ("ana", "ben")]
        self.block(world.open(accounts, staff="aube staff", prefix="aube"))
        issued = [(person("ana", "aube"), 100_000)]
        self.block(world.issue(issued, currency="AUBE", signers=["aube issuer"]))
        while True:
            version = world.state.rules.version
            payment = self.pay(50)
            self.block(payment)
            if version < NEXT:
                number = world.state.receipt_count - 1
                self.block(self.pay(9), self.refund(payment, number, version))
            else:
                return
            self.block(world.propose("aube", f"rules {version}", ChangeRules(version + 1)))
            days = ChangeParameter("refund_days_max", 60 + version)
            self.block(world.propose("aube", f"days {version}", days))
            for prefix in ("brume", "cendre"):
                self.block(
                    world.vote(prefix, f"rules {version}"), world.vote(prefix, f"days {version}")
                )
            self.boundary()

    def refund(self, payment: Transaction, number: int, amount_minor: int) -> Transaction:
        fields_ = (payment.raw, number, amount_minor, None)
        return self.world.make(PAYMENT_REFUND, person("ben", "aube"), key("ben"), fields_)


def replayed(blocks: list[Block], rule_version: int, *, always: int | None = None) -> list[bytes]:
    """The roots that the blocks give from the genesis, each under the rules of its epoch, or all
    under the version `always`."""
    world = Council(rule_version=rule_version)
    roots: list[bytes] = []
    for raws, time_ms, in_force, _ in blocks:
        version = in_force.version if always is None else always
        world.state.rules = RuleSet(version, in_force.parameters)
        decoded = [decode_transaction(raw, world.network_id, world.state.rules) for raw in raws]
        world.commit(execute(world.state, decoded, time_ms))
        roots.append(world.root())
    return roots


@pytest.mark.usefixtures("next_rules")
@pytest.mark.parametrize("first", range(1, RULE_VERSION + 1))
def test_replay_across_switches_gives_the_same_roots(first: int) -> None:
    chronicle = Chronicle(first)
    chronicle.live()
    versions = [in_force.version for _, _, in_force, _ in chronicle.blocks]
    assert sorted(set(versions)) == list(range(first, NEXT + 1))
    assert replayed(chronicle.blocks, first) == [root for *_, root in chronicle.blocks]
    # The last payment moved twice its amount, as the rules in force say.
    assert chronicle.world.balance(person("ben", "aube")) == 59 * (NEXT - first) + 100 - sum(
        range(first, NEXT)
    )


@pytest.mark.usefixtures("next_rules")
def test_the_same_blocks_under_other_rules_are_another_history() -> None:
    chronicle = Chronicle(1)
    chronicle.live()
    with pytest.raises(BlockRefused):
        replayed([*chronicle.blocks[:3], _without_refund(chronicle.blocks[3])], 1, always=NEXT)
    with pytest.raises(Refused, match="kind_unknown"):
        replayed(chronicle.blocks, 1, always=NEXT)
    last = [root for *_, root in chronicle.blocks][-1]
    assert replayed(chronicle.blocks, 1, always=1)[-1] != last


def _without_refund(block: Block) -> Block:
    raws, *others = block
    return (raws[:1], *others)  # type: ignore[return-value]


def test_a_history_of_the_first_version_under_a_program_that_knows_the_next(
    request: pytest.FixtureRequest,
) -> None:
    """The program is updated first; nothing changes until the members vote."""
    chronicle = Chronicle(1)
    world = chronicle.world
    accounts = [entry(name, currency="AUBE") for name in ("ana", "ben")]
    chronicle.block(world.open(accounts, staff="aube staff", prefix="aube"))
    issued = [(person("ana", "aube"), 100)]
    chronicle.block(world.issue(issued, currency="AUBE", signers=["aube issuer"]))
    chronicle.block(chronicle.pay(5))
    before = [root for *_, root in chronicle.blocks]
    request.getfixturevalue("next_rules")
    assert replayed(chronicle.blocks, 1) == before
    chronicle.block(chronicle.pay(5))
    assert world.balance(person("ben", "aube")) == 10


@pytest.mark.usefixtures("next_rules")
def test_what_waited_for_the_switch_is_judged_by_the_new_rules() -> None:
    chronicle = Chronicle(RULE_VERSION)
    chronicle.live()
    world = chronicle.world
    assert world.state.rules.version == NEXT
    small = chronicle.pay(9)
    assert world.code(small) == "amount_out_of_range"
    old = decode_transaction(
        small.raw, world.network_id, RuleSet(RULE_VERSION, world.state.parameters)
    )
    assert world.code(old) == "amount_out_of_range"


def test_parameters_apply_from_the_boundary_on() -> None:
    """Whatever is voted, a transaction is judged by the parameters of the epoch in force."""
    chronicle = Chronicle(RULE_VERSION)
    world = chronicle.world
    accounts = [entry(name, currency="AUBE") for name in ("ana", "ben")]
    world.block(world.open(accounts, staff="aube staff", prefix="aube"))
    world.block(world.issue([(person("ana", "aube"), 9)], currency="AUBE", signers=["aube issuer"]))
    world.enacted("validity", ChangeParameter("valid_for_ms_max", 2 * HOUR_MS))
    payment = world.pay(
        "ana",
        person("ben", "aube"),
        1,
        currency="AUBE",
        prefix="aube",
        valid_for_ms=3 * HOUR_MS,
    )
    assert world.code(payment) is None
    chronicle.boundary()
    assert world.code(payment) == "validity_too_long"


@pytest.mark.usefixtures("next_rules")
def test_what_comes_in_before_the_next_block_is_judged_by_the_rules_that_it_will_have() -> None:
    """The newest final block was the boundary, executed under the rules of before; a node checks
    what comes in against the state after it."""
    chronicle = Chronicle(RULE_VERSION)
    world = chronicle.world
    accounts = [entry(name, currency="AUBE") for name in ("ana", "ben")]
    chronicle.block(world.open(accounts, staff="aube staff", prefix="aube"))
    issued = [(person("ana", "aube"), 100)]
    chronicle.block(world.issue(issued, currency="AUBE", signers=["aube issuer"]))
    world.enacted("rules", ChangeRules(NEXT))
    small, tip = chronicle.pay(9), world.state.tip
    check(tip, small, world.time_ms)
    chronicle.boundary()
    assert world.state.tip is tip
    with pytest.raises(Refused, match="amount_out_of_range"):
        check(tip, small, world.time_ms)
