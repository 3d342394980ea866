"""A `World` that also opens programmes, credits bulletins and pays wages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ledger.account_kinds import EMPLOYER
from ledger.bulletins import bulletin_credit_fields
from ledger.fields import (
    BULLETIN_CREDIT,
    PROGRAMME_CLOSE,
    PROGRAMME_FUND,
    PROGRAMME_OPEN,
    WAGES_PAY,
    OpenedKey,
)
from ledger.objects import TerritoryRecord
from ledger.programmes import (
    programme_close_fields,
    programme_fund_fields,
    programme_open_fields,
)
from ledger.reserve import issue_fields
from ledger.transaction import Transaction
from ledger.wages import wages_pay_fields
from primitives.addresses import account_id
from primitives.encoding import Value
from tests.ledger.world import COMMITMENT, World, entry, key, person

Lines = Sequence[tuple[bytes, int]]


def seed(name: str) -> bytes:
    """The seed that always belongs to this programme."""
    return hashlib.sha256(b"programme:" + name.encode()).digest()


def programme(name: str, prefix: str = "lavo") -> bytes:
    """The account of the programme of this name."""
    return account_id(prefix, seed(name))


def run_id(name: str) -> bytes:
    """The id that always belongs to this run."""
    return hashlib.sha256(b"run:" + name.encode()).digest()[:16]


def with_commitments(lines: Lines) -> list[tuple[bytes, int, bytes]]:
    return [(account, amount_minor, COMMITMENT) for account, amount_minor in lines]


class Month(World):
    """Transactions of the month, with the signers that they need unless told otherwise."""

    def territory(self, prefix: str = "lavo") -> TerritoryRecord:
        found = self.state.territory(prefix)
        if found is None:
            raise KeyError(prefix)
        return found

    def commons(self, prefix: str = "lavo") -> bytes:
        return self.territory(prefix).commons_id

    def act(
        self,
        kind: str,
        fields: Sequence[Value],
        staff: Sequence[str] = ("lavo staff",),
        *,
        device: str = "lavo node",
        prefix: str = "lavo",
        number: int | None = None,
    ) -> Transaction:
        """What the territory's node sends, with signatures of its staff."""
        return self.make(
            kind,
            self.territory(prefix).account_id,
            key(device),
            fields,
            [key(name) for name in staff],
            number=number,
        )

    def open_programme(
        self,
        name: str,
        budget_minor: int,
        staff: Sequence[str] = ("lavo staff",),
        *,
        currency: str = "LAV",
        number: int | None = None,
    ) -> Transaction:
        fields = programme_open_fields(seed(name), bytes(16), currency, budget_minor, COMMITMENT)
        return self.act(PROGRAMME_OPEN, fields, staff, number=number)

    def fund(
        self,
        identity: bytes,
        amount_minor: int,
        staff: Sequence[str] = ("lavo staff",),
        *,
        number: int | None = None,
    ) -> Transaction:
        fields = programme_fund_fields(identity, amount_minor)
        return self.act(PROGRAMME_FUND, fields, staff, number=number)

    def close(
        self,
        identity: bytes,
        amount_minor: int,
        staff: Sequence[str] = ("lavo staff",),
        *,
        number: int | None = None,
    ) -> Transaction:
        fields = programme_close_fields(identity, amount_minor)
        return self.act(PROGRAMME_CLOSE, fields, staff, number=number)

    def credit(
        self,
        identity: bytes,
        run: str,
        lines: Lines,
        staff: Sequence[str] = ("lavo staff",),
        *,
        number: int | None = None,
    ) -> Transaction:
        fields = bulletin_credit_fields(identity, run_id(run), with_commitments(lines))
        return self.act(BULLETIN_CREDIT, fields, staff, number=number)

    def wages(
        self,
        employer: str,
        run: str,
        lines: Lines,
        gross_total_minor: int | None = None,
        signers: Sequence[str] = ("lavo node",),
        *,
        prefix: str = "lavo",
        number: int | None = None,
    ) -> Transaction:
        fields = wages_pay_fields(run_id(run), gross_total_minor, with_commitments(lines))
        others = [key(name) for name in signers]
        identity = person(employer, prefix)
        return self.make(WAGES_PAY, identity, key(employer), fields, others, number=number)

    def open_employer(
        self,
        name: str,
        amount_minor: int = 0,
        *,
        threshold: int = 1,
        keys: Sequence[OpenedKey] | None = None,
    ) -> bytes:
        """An employer of `lavo`, with money."""
        self.block(self.open([entry(name, EMPLOYER, threshold=threshold, keys=keys)]))
        if amount_minor:
            self.block(self.issue([(person(name), amount_minor)]))
        return person(name)

    def settle_brume(self, *names: str) -> None:
        """Residents of the other territory."""
        accounts = [entry(name, currency="BRU") for name in names]
        opened = self.open(
            accounts, staff="brume staff", prefix="brume", cosigners=("brume staff 2",)
        )
        self.block(opened)

    def issue_bru(self, identity: bytes, amount_minor: int) -> None:
        fields = issue_fields("BRU", [(identity, amount_minor, COMMITMENT)])
        issuer = self.currency("BRU").issuer_id
        self.block(self.make("reserve.issue", issuer, key("brume issuer 0"), fields))
