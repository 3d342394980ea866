"""The whole plan against the ledger's rules: what it foresees is what they decide."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from clients.demo import market
from clients.demo.diary import Diary
from clients.demo.market import Market
from clients.demo.opening import issue_money, officials_of, open_accounts
from clients.demo.plan import Plan, make_plan
from clients.demo.town_halls import key_of, official_accounts
from ledger.account_kinds import COMMONS, ISSUER, TERRITORY
from tests.demo.ledger_month import earn
from tests.demo.ledger_session import Books, LedgerSession, key_for, make_genesis


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market, "STEPS_PER_SECOND", 1e9)


def _plan(seed: int) -> Plan:
    return make_plan(seed, purchases=400)


async def _live(
    books: Books, plan: Plan, file: Path, *, created_ms: int = 0, first: bool = True
) -> Market:
    sessions: dict[str, LedgerSession] = {}
    with Diary(file, len(plan.steps)) as diary:
        ours = Market(plan, sessions, diary)
        for town in plan.towns:
            prefix = town.place.prefix
            sessions[prefix] = LedgerSession(books, ours.note)
            keys = [key_for(prefix, "issuer"), key_for(prefix, "signing")]
            officials = officials_of(official_accounts(books.genesis), keys, prefix)
            if first:
                opened: list[int] = []
                staff, issuer = officials[TERRITORY], officials[ISSUER]
                commons = officials[COMMONS].account.id
                await open_accounts(sessions[prefix], staff, plan, town, opened.append)
                await issue_money(sessions[prefix], issuer, plan, town, opened.append, commons)
                assert sum(opened) == 2 * len(town.people) + 1
        if first:
            earn(books, plan)
        await ours.run(created_ms or time.time_ns() // 1_000_000, lambda _: None)
    return ours


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_step_ends_as_planned(seed: int, tmp_path: Path) -> None:
    books, plan = Books(make_genesis()), _plan(seed)
    ours = asyncio.run(_live(books, plan, tmp_path / "steps.txt"))
    _check(ours, plan)
    _check_money(books, plan)


def test_what_ended_is_not_done_again_and_what_was_not_noted_changes_nothing(
    tmp_path: Path,
) -> None:
    """As after an interruption: the diary is cut, and what it lacks is sent once more."""
    books, plan, file = Books(make_genesis()), _plan(1), tmp_path / "steps.txt"
    created_ms = time.time_ns() // 1_000_000
    asyncio.run(_live(books, plan, file, created_ms=created_ms))
    before = {account.id: account.balance_minor for account in books.accounts()}
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[: len(lines) // 2]) + b"12")
    ours = asyncio.run(_live(books, plan, file, created_ms=created_ms, first=False))
    _check(ours, plan)
    assert {account.id: account.balance_minor for account in books.accounts()} == before


def _check(ours: Market, plan: Plan) -> None:
    counts = ours.counts()
    assert ours.surprises == []
    assert counts.payments == plan.payments
    assert counts.refunds == plan.refunds
    assert dict(sorted(counts.refusals.items())) == plan.refusals
    assert len(counts.latencies_ms) == plan.payments + plan.refunds
    assert ours.ended == len(plan.steps)


def test_there_is_a_key_for_every_official_account() -> None:
    genesis = make_genesis()
    for account in official_accounts(genesis):
        keys = [key_for(account.prefix, role) for role in ("issuer", "recovery", "signing")]
        assert account.device(key_of(account, keys).public_key) is not None


def _check_money(books: Books, plan: Plan) -> None:
    balances_minor: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for account in books.accounts():
        balances_minor[account.currency] += account.balance_minor
        counted[account.currency] += 1
    for code, supply_minor in plan.supplies_minor.items():
        currency = books.candidate.currency(code)
        assert currency is not None
        assert currency.supply_minor == currency.reserve_minor == supply_minor
        assert balances_minor[code] == supply_minor
        assert currency.accounts == counted[code]
