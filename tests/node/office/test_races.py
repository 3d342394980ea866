"""What comes between a check and what it was for: other drafts, other ends, older registries."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from node.office.follower import Follower
from node.office.node_key import NodeKey
from node.office.office import Office
from node.office.payrolls import Payrolls
from node.registry.records import Act, PayrollRun
from primitives.errors import Refused
from tests.node.office.month_town import EMPLOYER_MINOR, PERIOD, Month, month_town
from tests.node.office.test_follower import not_submitted
from tests.node.office.test_month import operations_of
from tests.node.town import key_of
from tests.patience import PATIENCE_SECONDS

Scenario = Callable[[Month], Awaitable[None]]


def play(folder: Path, scenario: Scenario) -> None:
    """Run a scenario in a town with three residents."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), month_town(folder) as month:
            await scenario(month)

    asyncio.run(run())


async def drafted(month: Month, local_minor: int) -> dict[str, object]:
    """A draft of the run that is called `autumn`."""
    payroll = {**month.payroll(local_minor), "run_name": "autumn"}
    return (await month.served.hand_in(month.employer.key, "/v1/payrolls", payroll)).json


def test_a_draft_that_took_the_place_of_the_signed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        for person in month.residents:
            await month.consent(person)
        first = await drafted(month, 10_000)
        signed = month.signed_run(first)
        sign = Payrolls._sign

        async def sign_later(self: Payrolls, *arguments: object) -> PayrollRun:
            other = await drafted(month, 1)
            assert other["run_id"] == first["run_id"]
            return await sign(self, *arguments)  # type: ignore[arg-type]  # passed on as it came

        monkeypatch.setattr(Payrolls, "_sign", sign_later)
        refused = await month.hand_in_run(first["run_id"], signed)
        assert refused.code == "payroll_differs"
        assert month.balance(month.employer.id) == EMPLOYER_MINOR

    play(tmp_path, scenario)


def test_an_old_transaction_does_not_release_the_run_that_was_signed_again(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        for person in month.residents:
            await month.consent(person)
        follower = month.served.office.follower
        draft = await drafted(month, 10_000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Follower, "_submit", not_submitted)
            await month.hand_in_run(draft["run_id"], month.signed_run(draft), wait_ms=0)
            (old,) = follower._followed.values()
            old.valid_until_ms = 0
            assert await follower._settle(old)
            again = await drafted(month, 10_000)
            second = await month.hand_in_run(
                again["run_id"], month.signed_run(again, number=2), wait_ms=0
            )
            assert second.json["state"] == "signed"
            assert await follower._settle(old)
            await follower._registry.call(old.release)
            employer, run_id = month.employer.id, bytes.fromhex(str(draft["run_id"]))
            run = await follower._registry.call(lambda r: r.payrolls.get(employer, run_id))
            assert run.state == "signed" and len(run.lines) == 3
        paid = await month.hand_in_run(draft["run_id"], month.signed_run(again, number=3))
        assert paid.code == "payroll_already_submitted"

    play(tmp_path, scenario)


def backed_up(folder: Path) -> Path:
    """A copy of the registry in that folder as it is now."""
    backup = folder / "backup"
    backup.mkdir()
    source = sqlite3.connect(folder / "registry" / "registry.sqlite")
    copy = sqlite3.connect(backup / "registry.sqlite")
    source.backup(copy)
    source.close()
    copy.close()
    return backup


@pytest.mark.parametrize("first_is_signed", [True, False])
def test_a_registry_of_before_makes_no_hours_out_again(
    tmp_path: Path, first_is_signed: bool
) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        await month.open_programme()
        backup = backed_up(tmp_path)
        (operation,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
        if not first_is_signed:
            # It is never credited; the month's second batch is.
            later: list[dict[str, object]] = [
                {"person": "P0", "programme": "GARDEN", "date": f"{PERIOD}-04",
                 "minutes": 60, "level": "N1", "confirmed_by": "REF"}
            ]  # fmt: skip
            assert (await month.import_rows("activities", later, "later.csv")).status == 200
            (operation,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
        assert (await month.sign(operation)).json["state"] == "final"
        before = [month.balance(person.id) for person in month.residents]
        served = month.served
        territory = served.town.genesis.territories[0]
        restored = await Office.open(
            served.node, served.town.genesis, territory, NodeKey(key_of("town0 node")), backup
        )
        try:
            for _ in range(2):
                with pytest.raises(Refused) as caught:
                    await restored.operations.issue(
                        Act(1, b"staff"), PERIOD, None, skip_unconfirmed=True
                    )
                assert caught.value.code == "registry_behind_ledger"
                assert await restored.operations.listed("waiting") == []
        finally:
            await restored.close()
        assert [month.balance(person.id) for person in month.residents] == before

    play(tmp_path, scenario)
