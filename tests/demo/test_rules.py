"""The whole plan against the ledger's rules: what it foresees is what they decide."""

import asyncio
from collections import Counter

import pytest

from clients.demo import market
from clients.demo.market import Market
from clients.demo.opening import issue_money, officials_of, open_accounts, staff_and_issuer
from clients.demo.people import make_towns
from clients.demo.plan import Plan, make_plan
from clients.demo.town_halls import key_of, official_accounts
from tests.demo.ledger_session import Books, LedgerSession, key_for, make_genesis


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market, "STEPS_PER_SECOND", 1e9)


def _plan(seed: int) -> Plan:
    return make_plan(seed, purchases=1_500, towns=make_towns(seed, residents=80, services=6))


async def _live(
    books: Books, plan: Plan, *, resumed: bool = False, first: bool = True
) -> market.Counts:
    sessions: dict[str, LedgerSession] = {}
    ours = Market(plan, sessions, resumed=resumed)
    for town in plan.towns:
        prefix = town.place.prefix
        sessions[prefix] = LedgerSession(books, ours.note)
        keys = [key_for(prefix, "issuer"), key_for(prefix, "signing")]
        officials = officials_of(official_accounts(books.genesis), keys, prefix)
        staff, issuer = staff_and_issuer(officials)
        if first:
            opened: list[int] = []
            await open_accounts(sessions[prefix], staff, plan, town, opened.append)
            await issue_money(sessions[prefix], issuer, plan, town, opened.append)
            assert sum(opened) == 2 * len(town.people)
    await ours.run(lambda _: None)
    return ours.counts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_step_ends_as_planned(seed: int) -> None:
    books, plan = Books(make_genesis()), _plan(seed)
    counts = asyncio.run(_live(books, plan))
    assert counts.surprises == []
    assert counts.payments == plan.payments
    assert counts.refunds == plan.refunds
    assert dict(sorted(counts.refusals.items())) == plan.refusals
    assert counts.ended == len(plan.steps)
    _check_money(books, plan)


def test_what_is_done_again_changes_nothing() -> None:
    """As after an interruption: everything is sent once more, with the same lane numbers."""
    books, plan = Books(make_genesis()), _plan(1)
    asyncio.run(_live(books, plan))
    before = {account.id: account.balance_minor for account in books.accounts()}
    counts = asyncio.run(_live(books, plan, resumed=True))
    assert counts.surprises == []
    assert counts.payments == plan.payments
    assert {account.id: account.balance_minor for account in books.accounts()} == before


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
