"""Hours and wages of the plan paid by the ledger's own rules, in memory: no registry, no node."""

import time
from collections.abc import Sequence

from clients.demo.month import Month
from clients.demo.people import Town, demo_secret
from clients.demo.plan import Plan
from ledger.bulletins import bulletin_credit_fields
from ledger.envelope import build_body, sign_transaction
from ledger.fields import BULLETIN_CREDIT, PROGRAMME_FUND, PROGRAMME_OPEN, WAGES_PAY
from ledger.programmes import programme_fund_fields, programme_open_fields
from ledger.wages import wages_gross_minor, wages_pay_fields
from primitives.addresses import account_id
from primitives.encoding import Value
from primitives.signatures import SigningKey
from tests.demo.ledger_session import Books, key_for

VALID_MS = 60_000
RUN_BYTES = 16


def earn(books: Books, plan: Plan) -> None:
    """All bulletins and wages of the month."""
    for town, month in zip(plan.towns, plan.months, strict=True):
        acts = _TownActs(books, town, month)
        acts.credit()
        acts.pay()


class _TownActs:
    def __init__(self, books: Books, town: Town, month: Month) -> None:
        self._books = books
        self._town = town
        self._month = month
        self._prefix = town.place.prefix
        self._node_key = key_for(self._prefix, "node")
        self._staff = [key_for(self._prefix, role) for role in ("signing", "signing-2")]
        self._territory = next(
            one for one in books.genesis.territories if one.prefix == self._prefix
        )
        self._number = 0

    def credit(self) -> None:
        """Programmes with their budgets and top-ups, one batch each."""
        for programme, budget_minor in self._month.budgets_minor.items():
            seed = demo_secret(1, "programme", self._prefix, programme)
            fields = programme_open_fields(
                seed, bytes(16), self._town.place.currency, budget_minor, bytes(32)
            )
            self._as_territory(PROGRAMME_OPEN, fields)
            id = account_id(self._prefix, seed)
            top_up_minor = self._month.top_ups_minor.get(programme, 0)
            if top_up_minor:
                self._as_territory(PROGRAMME_FUND, programme_fund_fields(id, top_up_minor))
            lines = [
                (self._town.by_code[hours.person].account_id, hours.amount_minor, bytes(32))
                for hours in self._month.bulletins
                if hours.programme == programme
            ]
            self._as_territory(BULLETIN_CREDIT, bulletin_credit_fields(id, seed[:RUN_BYTES], lines))

    def pay(self) -> None:
        """Each employer's payroll in one run."""
        for employer in self._town.employers:
            payroll = self._month.payrolls[employer.code]
            lines = [
                (self._town.by_code[line.employee].account_id, line.local_minor, bytes(32))
                for line in payroll.paid_lines
            ]
            gross_minor = sum(line.gross_minor for line in payroll.paid_lines)
            fields = wages_pay_fields(
                demo_secret(1, "run", employer.address)[:RUN_BYTES],
                wages_gross_minor(gross_minor, len(lines), 2),
                lines,
            )
            self._submit(
                WAGES_PAY, fields, employer.account_id, employer.signing_key, [self._node_key], 1
            )

    def _as_territory(self, kind: str, fields: Sequence[Value]) -> None:
        self._number += 1
        account = account_id(self._prefix, self._territory.signing_keys[0])
        self._submit(kind, fields, account, self._node_key, self._staff, self._number)

    def _submit(
        self,
        kind: str,
        fields: Sequence[Value],
        account: bytes,
        lane_key: SigningKey,
        cosigners: Sequence[SigningKey],
        number: int,
    ) -> None:
        network_id = self._books.genesis.network_id
        now_ms = time.time_ns() // 1_000_000
        body = build_body(
            kind,
            network_id,
            created_ms=now_ms,
            valid_until_ms=now_ms + VALID_MS,
            account=account,
            device=lane_key.public_key,
            number=number,
            fields=fields,
        )
        code = self._books.submit(sign_transaction(body, network_id, lane_key, cosigners))
        if code:
            raise AssertionError(f"{kind} {self._prefix}: {code}")
