"""Accounts are opened by the territories' staff, money is issued by the issuers.

In batches, each at its own place in the lane of who signs: what an interrupted demonstration
sends again is recognised as done.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from clients.demo.people import Person, Town, demo_secret
from clients.demo.plan import Plan
from clients.demo.town_halls import key_of
from ledger.accounts import open_fields
from ledger.fields import ACCOUNT_OPEN, RESERVE_ISSUE, OpenedAccount, OpenedKey
from ledger.objects import Account
from ledger.reserve import issue_fields
from ledger.roles import MANAGE, SPEND
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.signatures import SigningKey
from wallet.session import Session, SessionAccount

BATCH = 150
BLIND_BYTES = 16
VALID_MS = 3_600_000
SETTLE_MS = 60_000

T = TypeVar("T")


@dataclass(frozen=True)
class Official:
    """A territory's or an issuer's account, and the keys at hand for it."""

    account: Account
    keys: tuple[SigningKey, ...]

    @property
    def lane_key(self) -> SigningKey:
        """The key in whose lane it acts."""
        return key_of(self.account, self.keys)

    @property
    def cosigners(self) -> tuple[SigningKey, ...]:
        """The other keys that its threshold asks for."""
        others = [
            key
            for key in self.keys
            if self.account.device(key.public_key) is not None
            and key.public_key != self.lane_key.public_key
        ]
        return tuple(others[: self.account.threshold - 1])


def officials_of(
    accounts: Sequence[Account], keys: Sequence[SigningKey], prefix: str
) -> dict[str, Official]:
    """A territory's official accounts by kind."""
    return {
        account.kind: Official(account, tuple(keys))
        for account in accounts
        if account.prefix == prefix
    }


async def open_accounts(
    session: Session, official: Official, plan: Plan, town: Town, on_batch: Callable[[int], None]
) -> None:
    """Open everyone's account in one territory."""
    batches = [
        (ACCOUNT_OPEN, open_fields([_opened(plan.seed, person) for person in part]), len(part))
        for part in _parts(town.people)
    ]
    await _act(session, official, batches, on_batch)


async def issue_money(
    session: Session,
    official: Official,
    plan: Plan,
    town: Town,
    on_batch: Callable[[int], None],
    commons: bytes | None = None,
) -> None:
    """Give everyone in one territory, and its commons, what the plan says, against the reserve."""
    lines = [_issue_line(plan, person) for person in town.people]
    if commons is not None:
        prefix = town.place.prefix
        reference = demo_secret(plan.seed, "bank reference", prefix, "commons")
        lines.append((commons, plan.commons_minor[prefix], reference))
    batches = [
        (RESERVE_ISSUE, issue_fields(town.place.currency, part), len(part))
        for part in _parts(lines)
    ]
    await _act(session, official, batches, on_batch)


async def _act(
    session: Session,
    official: Official,
    batches: Sequence[tuple[str, Sequence[Value], int]],
    on_batch: Callable[[int], None],
) -> None:
    account = official.account
    actor = SessionAccount(account.prefix, account.id, official.lane_key, account.currency)

    async def send(number: int, kind: str, fields: Sequence[Value], size: int) -> None:
        raw, _ = session.sign(
            actor,
            kind,
            fields,
            cosigners=official.cosigners,
            valid_for_ms=VALID_MS,
            number=number,
        )
        id = session.send_raw(actor, raw, number=number)
        outcome = await session.settle(id, timeout_ms=SETTLE_MS)
        if outcome.state != "final" and outcome.code != "number_used":
            raise Refused(outcome.code, f"{kind}, {account.prefix}, {number}")
        on_batch(size)

    await asyncio.gather(*(send(number, *batch) for number, batch in enumerate(batches, start=1)))


def _parts(items: Sequence[T]) -> list[list[T]]:
    return [list(items[start : start + BATCH]) for start in range(0, len(items), BATCH)]


def _opened(seed: int, person: Person) -> OpenedAccount:
    key = OpenedKey(person.signing_key.public_key, SPEND | MANAGE, person.limit_minor)
    blind = demo_secret(seed, "blind", person.address)[:BLIND_BYTES]
    return OpenedAccount(person.kind, person.place.currency, blind, 1, (key,))


def _issue_line(plan: Plan, person: Person) -> tuple[bytes, int, bytes]:
    reference = demo_secret(plan.seed, "bank reference", person.address)
    return person.account_id, plan.issued_minor[person.account_id], reference
