"""The ledger against the plain model, on branches that come and go.

A stack of candidates stands above the committed state. Blocks are put on it, its top is left, its
bottom is committed, the node starts again; at every step balances, totals and roots must be what
the model and a replay in one line say.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.account_kinds import EMPLOYER
from ledger.execution import execute, select
from ledger.fields import PAYMENT_REFUND, RESERVE_ISSUE, OpenedAccount
from ledger.invariants import full_sums
from ledger.refunds import refund_fields
from ledger.reserve import issue_fields
from ledger.state import Candidate
from ledger.transaction import Transaction
from primitives.receipt_log import ReceiptLog
from tests.ledger.model import Action, Model
from tests.ledger.month import Month, programme, run_id
from tests.ledger.world import COMMITMENT, entry, key, person

PEOPLE = ("ana", "ben", "baker shop", "tiler shop", "mill")
PROGRAMMES = ("clean-up", "school")
NAMES = st.sampled_from(PEOPLE)
RUNS = st.sampled_from(["may", "june", "july"])
LINES = st.sampled_from([("ana",), ("ben",), ("ana", "ben"), ("ben", "baker shop"), ("mill",)])
AMOUNTS = st.sampled_from([1, 7, 39, 40, 250, 300, 999, 1_001, 5_000, 2**53 - 1])
STEPS = st.sampled_from([1] * 16 + [0, 2, 64, 65, -1, -3, -64, -65])
"""From the highest number used to the one taken."""


class Layer(NamedTuple):
    """A block on the stack."""

    candidate: Candidate
    model: Model
    transactions: tuple[Transaction, ...]
    root: bytes
    time_ms: int


def opened(name: str) -> OpenedAccount:
    """The account of this name, to open."""
    return entry(name, EMPLOYER if name == "mill" else None)


class LedgerMachine(RuleBasedStateMachine):
    @initialize()
    def found(self) -> None:
        self.world = Month(cached_max=3)
        territory = self.world.state.territory("lavo")
        if territory is None:
            raise AssertionError
        self.commons = territory.commons_id
        self.model = Model(balances={"commons": 0})
        self.stack: list[Layer] = []
        self.accepted: list[tuple[Transaction, int]] = []
        self.seen: list[tuple[Action, Transaction]] = []
        self.root = self.world.root()
        for name in ("ana", "baker shop", "tiler shop"):
            self.put([self.made(Action("open", "staff", self.next_number("staff"), name))])
            action = Action("issue", "issuer", self.next_number("issuer"), name, 1_000)
            self.put([self.made(action)])
        self.put([self.made(Action("open", "staff", self.next_number("staff"), "mill"))])
        for name, amount in (("mill", 2_000), ("commons", 3_000)):
            action = Action("issue", "issuer", self.next_number("issuer"), name, amount)
            self.put([self.made(action)])

    # -- the head ------------------------------------------------------------------------------

    @property
    def head(self) -> Candidate:
        return self.stack[-1].candidate if self.stack else self.world.state.tip

    @property
    def head_model(self) -> Model:
        return self.stack[-1].model if self.stack else self.model

    @property
    def head_root(self) -> bytes:
        return self.stack[-1].root if self.stack else self.root

    def next_number(self, actor: str, step: int = 1) -> int:
        return max(1, max(self.head_model.used.get(actor, set()), default=0) + step)

    def identity(self, name: str) -> bytes:
        if name in PROGRAMMES:
            return programme(name)
        return self.commons if name == "commons" else person(name)

    def made(self, action: Action) -> tuple[Action, Transaction]:
        """The signed transaction of an action."""
        world = self.world
        if action.kind == "open":
            transaction = self.numbered(
                "lavo staff", action.number, lambda: world.open([opened(action.target)])
            )
        elif action.kind in ("programme", "fund", "close", "credit", "wages"):
            transaction = self.made_in_the_month(action)
        elif action.kind == "issue":
            fields = issue_fields(
                "LAV", [(self.identity(action.target), action.amount_minor, COMMITMENT)]
            )
            transaction = world.make(
                RESERVE_ISSUE,
                world.currency("LAV").issuer_id,
                key("lavo issuer 0"),
                fields,
                [key("lavo issuer 1")],
                number=action.number,
            )
        elif action.kind == "pay":
            transaction = world.pay(
                action.actor,
                self.identity(action.target),
                action.amount_minor,
                number=action.number,
            )
        elif action.kind == "redeem":
            world.numbers[person(action.actor), key(action.actor).public_key] = action.number - 1
            transaction = world.redeem(action.actor, action.amount_minor)
        else:
            original = self.original(action.original)
            transaction = world.make(
                PAYMENT_REFUND,
                person(action.actor),
                key(action.actor),
                refund_fields(original.raw, action.original, action.amount_minor),
                number=action.number,
            )
        self.seen.append((action, transaction))
        return action, transaction

    def made_in_the_month(self, action: Action) -> Transaction:
        world, number, amount_minor = self.world, action.number, action.amount_minor
        lines = [(person(name), amount_minor) for name in action.targets]
        if action.kind == "wages":
            return world.wages(action.actor, action.run, lines, number=number)
        identity = programme(action.target)
        if action.kind == "credit":
            return world.credit(identity, action.run, lines, number=number)
        if action.kind == "programme":
            return world.open_programme(action.target, amount_minor, number=number)
        if action.kind == "fund":
            return world.fund(identity, amount_minor, number=number)
        return world.close(identity, amount_minor, number=number)

    def numbered(self, device: str, number: int, make: object) -> Transaction:
        territory = self.world.state.territory("lavo")
        if territory is None or not callable(make):
            raise AssertionError
        self.world.numbers[territory.account_id, key(device).public_key] = number - 1
        made = make()
        if not isinstance(made, Transaction):
            raise AssertionError
        return made

    def original(self, number: int) -> Transaction:
        """The transaction with this receipt number on the head's branch."""
        transactions = [transaction for transaction, _ in self.accepted]
        for layer in self.stack:
            transactions += layer.transactions
        return transactions[number]

    def put(self, attempts: list[tuple[Action, Transaction]]) -> None:
        """A block of what the model accepts, made as a proposer makes it."""
        model, world = self.head_model.copy(), self.world
        expected = [(transaction, model.attempt(action)) for action, transaction in attempts]
        selection = select(self.head, [transaction for _, transaction in attempts], world.time_ms)
        accepted = [transaction for transaction, code in expected if code is None]
        assert selection.accepted == accepted
        assert [(transaction, refusal.code) for transaction, refusal in selection.refused] == [
            (transaction, code) for transaction, code in expected if code is not None
        ]
        again = execute(self.head, accepted, world.time_ms)
        assert list(again.changes.items()) == list(selection.candidate.changes.items())
        root = world.commitment.root_after(selection.candidate)
        if not accepted:
            assert root == self.head_root
        layer = Layer(selection.candidate, model, tuple(accepted), root, world.time_ms)
        self.stack.append(layer)
        world.time_ms += 10

    # -- what happens --------------------------------------------------------------------------

    @rule(name=NAMES, step=STEPS)
    def open_account(self, name: str, step: int) -> None:
        self.put([self.made(Action("open", "staff", self.next_number("staff", step), name))])

    @rule(name=NAMES, amount=AMOUNTS, step=STEPS)
    def issue(self, name: str, amount: int, step: int) -> None:
        number = self.next_number("issuer", step)
        self.put([self.made(Action("issue", "issuer", number, name, amount))])

    @rule(
        payer=NAMES,
        payee=st.sampled_from(PEOPLE + PROGRAMMES),
        amount=AMOUNTS,
        step=STEPS,
        times=st.integers(1, 3),
    )
    def pay(self, payer: str, payee: str, amount: int, step: int, times: int) -> None:
        if payer == payee:
            payee = "commons"
        number = self.next_number(payer, step)
        actions = [Action("pay", payer, number + i, payee, amount) for i in range(times)]
        self.put([self.made(action) for action in actions])

    @rule(name=NAMES, amount=AMOUNTS, step=STEPS)
    def redeem(self, name: str, amount: int, step: int) -> None:
        number = self.next_number(name, step)
        self.put([self.made(Action("redeem", name, number, "", amount))])

    @rule(
        kind=st.sampled_from(["programme", "fund", "close"]),
        name=st.sampled_from(PROGRAMMES),
        amount=AMOUNTS,
        step=STEPS,
    )
    def budget(self, kind: str, name: str, amount: int, step: int) -> None:
        self.put([self.made(Action(kind, "node", self.next_number("node", step), name, amount))])

    @rule(
        name=st.sampled_from(PROGRAMMES),
        run=RUNS,
        lines=LINES,
        amount=AMOUNTS,
        step=STEPS,
        times=st.integers(1, 2),
    )
    def credit(
        self, name: str, run: str, lines: tuple[str, ...], amount: int, step: int, times: int
    ) -> None:
        """A batch, sometimes twice in one block: the second finds the budget and run as left."""
        if amount * len(lines) > 2**53 - 1:
            return
        number = self.next_number("node", step)
        self.put(
            [
                self.made(Action("credit", "node", number + i, name, amount, -1, lines, run))
                for i in range(times)
            ]
        )

    @rule(name=NAMES, run=RUNS, lines=LINES, amount=AMOUNTS, step=STEPS)
    def wages(self, name: str, run: str, lines: tuple[str, ...], amount: int, step: int) -> None:
        if amount * len(lines) > 2**53 - 1:
            return
        number = self.next_number(name, step)
        self.put([self.made(Action("wages", name, number, "", amount, -1, lines, run))])

    @rule(amount=AMOUNTS, step=STEPS, data=st.data())
    def refund(self, amount: int, step: int, data: st.DataObject) -> None:
        receipts = self.head_model.receipts
        payments = [
            number
            for number, action in enumerate(receipts)
            if action.kind == "pay" and action.target in PEOPLE
        ]
        if not payments:
            return
        number = data.draw(st.sampled_from(payments))
        paid = receipts[number]
        done = self.head_model.refunded.get(number, 0)
        near = [paid.amount_minor, paid.amount_minor - done, paid.amount_minor // 2, amount]
        amount = data.draw(st.sampled_from([one for one in near if one > 0]))
        lane_number = self.next_number(paid.target, step)
        self.put([self.made(Action("refund", paid.target, lane_number, "", amount, number))])

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """Bytes seen before, also of branches that were left; never accepted twice on a branch."""
        chosen = data.draw(st.lists(st.sampled_from(self.seen), min_size=1, max_size=3))
        payments = [(a, tx) for a, tx in chosen if a.kind not in ("refund",)]
        self.put(payments)

    @precondition(lambda self: self.stack)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Another branch: the top of the stack is dropped."""
        kept = data.draw(st.integers(0, len(self.stack) - 1))
        del self.stack[kept:]

    @precondition(lambda self: self.stack)
    @rule()
    def commit(self) -> None:
        layer = self.stack.pop(0)
        self.world.commit(layer.candidate)
        self.model, self.root = layer.model, layer.root
        self.accepted += [(transaction, layer.time_ms) for transaction in layer.transactions]

    @precondition(lambda self: self.stack)
    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        """The tree goes to another candidate of the branch and gives the root it had."""
        layer = data.draw(st.sampled_from(self.stack))
        self.world.commitment.move_to(layer.candidate)
        assert self.world.commitment.root_after(layer.candidate) == layer.root

    @rule()
    def start_again(self) -> None:
        """Nothing but what was committed survives, and it is all that is needed."""
        log = ReceiptLog()
        log.append(self.world.ids)
        self.stack.clear()
        self.world.open_state(log)
        assert self.world.root() == self.root

    # -- what always holds ---------------------------------------------------------------------

    @invariant()
    def money_is_as_modelled(self) -> None:
        head, model = self.head, self.head_model
        for name in (*PEOPLE, *PROGRAMMES):
            account = head.account(self.identity(name))
            if name not in model.balances:
                assert account is None
            else:
                assert account is not None and account.balance_minor == model.balances[name]
        commons = head.account(self.commons)
        currency = head.currency("LAV")
        assert commons is not None and currency is not None
        assert commons.balance_minor == model.balances["commons"]
        assert currency.supply_minor == sum(model.balances.values()) == model.supply_minor
        assert currency.reserve_minor == model.reserve_minor == currency.supply_minor
        assert currency.accounts == len(model.balances) + 2
        assert head.receipt_count == len(model.receipts)
        for number, refunded in model.refunded.items():
            record = head.refund(number)
            assert record is not None and record.refunded_minor == refunded
        for owner in (*PROGRAMMES, "mill"):
            for run in ("may", "june", "july"):
                kept = head.run(self.identity(owner), run_id(run))
                found = None if kept is None else (kept.total_minor, kept.lines)
                assert found == model.runs.get((owner, run))

    def teardown(self) -> None:
        """All that was accepted, each in a block of its own, on a network of its own."""
        if not hasattr(self, "accepted"):
            return
        full_sums(self.world.objects())
        line = Month()
        for transaction, time_ms in self.accepted:
            line.time_ms = time_ms
            line.block(line.decode(transaction.raw))
        assert line.root() == self.root
        assert line.store.objects == self.world.store.objects
        assert line.store.slots == self.world.store.slots


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
