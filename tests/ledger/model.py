"""The ledger again, as plain dictionaries: what the state machine compares the real one with.

Written from docs/protocol.md and not from the code: numbers used are a set, balances a dictionary,
and every rule an if. Only one currency, one key per account, thresholds of one for holders and
staff. Batches have one line, or one for each of several people with the same amount.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

FEE_BPS = 250
TWO_SIGNERS_ABOVE_MINOR = 100_000
AMOUNT_MAX = 2**53 - 1
OFFICIALS = ("staff", "issuer", "node")


@dataclass(frozen=True)
class Action:
    """What a transaction wants. `actor` and `target` are names; `original` is a receipt number."""

    kind: str
    actor: str
    number: int
    target: str = ""
    amount_minor: int = 0
    original: int = -1
    targets: tuple[str, ...] = ()
    """Who is in the lines of a batch; then `target` is the programme, nothing for wages."""
    run: str = ""

    @property
    def total_minor(self) -> int:
        """What a batch moves."""
        return self.amount_minor * len(self.targets)

    @property
    def run_of(self) -> tuple[str, str]:
        """Who pays the run, and its id."""
        return (self.target if self.kind == "credit" else self.actor, self.run)


@dataclass
class Model:
    """State after some accepted actions."""

    balances: dict[str, int] = field(default_factory=dict)
    used: dict[str, set[int]] = field(default_factory=dict)
    supply_minor: int = 0
    reserve_minor: int = 0
    receipts: list[Action] = field(default_factory=list)
    refunded: dict[int, int] = field(default_factory=dict)
    runs: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Total and number of lines of each run."""

    def copy(self) -> Model:
        return copy.deepcopy(self)

    def attempt(self, action: Action) -> str | None:
        """Do it, or say with which code it is refused and do nothing."""
        code = self._refusal(action)
        if code is None:
            self._do(action)
            self.used.setdefault(action.actor, set()).add(action.number)
            self.receipts.append(action)
        return code

    def _refusal(self, action: Action) -> str | None:
        if action.actor not in OFFICIALS and action.actor not in self.balances:
            return "account_unknown"
        used = self.used.get(action.actor, set())
        if action.number in used and max(used) - action.number <= 64:
            return "number_used"
        if abs(action.number - max(used, default=0)) > 64:
            return "number_out_of_window"
        check = {
            "open": self._refuse_open,
            "issue": self._refuse_issue,
            "pay": self._refuse_pay,
            "refund": self._refuse_refund,
            "redeem": self._refuse_redeem,
            "programme": self._refuse_programme,
            "fund": self._refuse_fund,
            "close": self._refuse_close,
            "credit": self._refuse_credit,
            "wages": self._refuse_wages,
        }[action.kind]
        return check(action)

    def _refuse_open(self, action: Action) -> str | None:
        return "account_exists" if action.target in self.balances else None

    def _refuse_issue(self, action: Action) -> str | None:
        if action.target not in self.balances:
            return "account_unknown"
        if self.balances[action.target] + action.amount_minor >= 2**53:
            return "amount_out_of_range"
        return "amount_out_of_range" if self.supply_minor + action.amount_minor >= 2**53 else None

    def _refuse_pay(self, action: Action) -> str | None:
        if action.target not in self.balances:
            return "account_unknown"
        if self.balances[action.actor] < action.amount_minor:
            return "balance_insufficient"
        return None

    def _refuse_refund(self, action: Action) -> str | None:
        if action.original >= len(self.receipts):
            return "receipt_unknown"
        original = self.receipts[action.original]
        if original.kind != "pay" or original.target != action.actor:
            return "receipt_unknown"
        done = self.refunded.get(action.original, 0) + action.amount_minor
        if done > original.amount_minor:
            return "refund_above_original"
        if self.balances[action.actor] < action.amount_minor:
            return "balance_insufficient"
        return None

    def _refuse_redeem(self, action: Action) -> str | None:
        if "shop" not in action.actor:
            return "account_kind_invalid"
        if self.balances[action.actor] < action.amount_minor:
            return "balance_insufficient"
        return None

    def _refuse_programme(self, action: Action) -> str | None:
        if action.amount_minor > TWO_SIGNERS_ABOVE_MINOR:
            return "signatures_insufficient"
        if action.target in self.balances:
            return "account_exists"
        return "balance_insufficient" if self.balances["commons"] < action.amount_minor else None

    def _refuse_fund(self, action: Action) -> str | None:
        if action.amount_minor > TWO_SIGNERS_ABOVE_MINOR:
            return "signatures_insufficient"
        if action.target not in self.balances:
            return "account_unknown"
        return "balance_insufficient" if self.balances["commons"] < action.amount_minor else None

    def _refuse_close(self, action: Action) -> str | None:
        if action.amount_minor > TWO_SIGNERS_ABOVE_MINOR:
            return "signatures_insufficient"
        if action.target not in self.balances:
            return "account_unknown"
        left_minor = self.balances[action.target]
        return "programme_budget_exceeded" if left_minor < action.amount_minor else None

    def _refuse_credit(self, action: Action) -> str | None:
        if action.total_minor > TWO_SIGNERS_ABOVE_MINOR:
            return "signatures_insufficient"
        if action.target not in self.balances:
            return "account_unknown"
        if action.run_of in self.runs:
            return "bulletins_already_credited"
        left_minor = self.balances[action.target]
        return self._refuse_lines(action) or (
            "programme_budget_exceeded" if left_minor < action.total_minor else None
        )

    def _refuse_wages(self, action: Action) -> str | None:
        if action.actor != "mill":
            return "account_kind_invalid"
        if action.run_of in self.runs:
            return "payroll_already_submitted"
        return self._refuse_lines(action) or (
            "balance_insufficient" if self.balances["mill"] < action.total_minor else None
        )

    def _refuse_lines(self, action: Action) -> str | None:
        for name in action.targets:
            if name not in self.balances:
                return "account_unknown"
            if name not in ("ana", "ben"):
                return "account_kind_invalid"
            if self.balances[name] + action.amount_minor > AMOUNT_MAX:
                return "amount_out_of_range"
        return None

    def _do(self, action: Action) -> None:
        amount = action.amount_minor
        if action.kind == "open":
            self.balances[action.target] = 0
        elif action.kind == "issue":
            self.balances[action.target] += amount
            self.supply_minor += amount
            self.reserve_minor += amount
        elif action.kind == "pay":
            self.balances[action.actor] -= amount
            self.balances[action.target] += amount
        elif action.kind == "refund":
            self.balances[action.actor] -= amount
            self.balances[self.receipts[action.original].actor] += amount
            self.refunded[action.original] = self.refunded.get(action.original, 0) + amount
        elif action.kind in ("programme", "fund"):
            self.balances["commons"] -= amount
            self.balances[action.target] = self.balances.get(action.target, 0) + amount
        elif action.kind == "close":
            self.balances[action.target] -= amount
            self.balances["commons"] += amount
        elif action.kind in ("credit", "wages"):
            self.balances[action.run_of[0]] -= action.total_minor
            for name in action.targets:
                self.balances[name] += amount
            self.runs[action.run_of] = (action.total_minor, len(action.targets))
        else:
            fee = amount * FEE_BPS // 10_000
            self.balances[action.actor] -= amount
            self.balances["commons"] += fee
            self.supply_minor -= amount - fee
            self.reserve_minor -= amount - fee
