"""A month through the office: programme, bulletins, consents, a payroll, and who reads of them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from ledger.line_commitments import ActivityLine, BulletinContent, bulletin_commitment
from tests.node.api_town import address_of
from tests.node.office.month_town import EMPLOYER_MINOR, PERIOD, Month, month_town
from tests.patience import PATIENCE_SECONDS

Scenario = Callable[[Month], Awaitable[None]]


def play(folder: Path, scenario: Scenario, residents: int = 3) -> None:
    """Run a scenario in a town with that many residents."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), month_town(folder, residents) as month:
            await scenario(month)

    asyncio.run(run())


def only(content: dict[str, object], name: str) -> dict[str, object]:
    """The one object of a list."""
    found = content[name]
    assert isinstance(found, list) and len(found) == 1
    one: dict[str, object] = found[0]
    return one


def operations_of(content: dict[str, object]) -> list[dict[str, object]]:
    """The operations in an answer."""
    found = content["operations"]
    assert isinstance(found, list)
    return found


def test_bulletins_from_files_to_the_ledger(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        await month.open_programme()
        listed = (await month.look("programmes")).json["items"]
        assert isinstance(listed, list)
        assert listed[0]["state"] == "open" and listed[0]["balance_minor"] == 50_000
        preview = (await month.look(f"bulletins/{PERIOD}")).json
        assert (preview["residents"], preview["minutes"], preview["amount_minor"]) == (
            3, 270, 4_500,
        )  # fmt: skip
        issued = await month.office(f"bulletins/{PERIOD}/issue", {})
        (operation,) = operations_of(issued.json)
        assert operation["amount_minor"] == 4_500 and operation["staff_needed"] == 1
        again = await month.office(f"bulletins/{PERIOD}/issue", {"skip_unconfirmed": False})
        assert operations_of(again.json) == [operation]
        done = (await month.sign(operation)).json
        assert done["state"] == "final" and done["transaction"] and done["raw"]
        assert (await month.sign(operation)).json == done
        assert [month.balance(person.id) for person in month.residents] == [1_600] * 3
        assert operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json) == []
        bulletin = only((await month.look(f"bulletins/{PERIOD}/P1")).json, "bulletins")
        content = BulletinContent(
            "P1", "GARDEN", PERIOD, (ActivityLine(f"{PERIOD}-03", 90, "N1", 1_000),), 90, 1_500
        )
        committed = bulletin_commitment(bytes.fromhex(str(bulletin["salt"])), content)
        assert bulletin["commitment"] == committed.hex() and bulletin["status"] == "final"

    play(tmp_path, scenario)


def test_an_unconfirmed_activity_keeps_all_back(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register(confirmed_by="")
        await month.open_programme()
        refused = await month.office(f"bulletins/{PERIOD}/issue", {})
        assert (refused.status, refused.code) == (422, "activity_unconfirmed")
        listed = refused.json["refusals"]
        assert isinstance(listed, list) and len(listed) == 3 and listed[0]["activity"] == 1
        unconfirmed = (await month.look("activities?unconfirmed=1&limit=2")).json
        assert unconfirmed["next"] == 2
        confirmed = await month.office("activities/confirm", {"ids": [1], "confirmed_by": "REF"})
        assert confirmed.json == {"confirmed": 1}
        by_period = {"programme": "GARDEN", "period": PERIOD, "confirmed_by": "REF"}
        assert (await month.office("activities/confirm", by_period)).json == {"confirmed": 2}
        both = {"ids": [1], "period": PERIOD, "confirmed_by": "REF"}
        assert (await month.office("activities/confirm", both)).code == "request_malformed"
        issued = await month.office(f"bulletins/{PERIOD}/issue", {})
        assert len(operations_of(issued.json)) == 1

    play(tmp_path, scenario)


def test_a_budget_is_not_exceeded(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register(minutes=1_440)
        reply = await month.office("programmes/GARDEN/fund", {"amount_minor": 30_000})
        assert reply.code == "programme_not_open"
        await month.open_programme()
        refused = await month.office(f"bulletins/{PERIOD}/issue", {})
        assert refused.code == "programme_budget_exceeded"
        funding = await month.office("programmes/GARDEN/fund", {"amount_minor": 30_000})
        same = await month.office("programmes/GARDEN/fund", {"amount_minor": 30_000})
        assert same.json == funding.json
        assert (await month.sign(funding.json)).json["state"] == "final"
        (operation,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
        assert (await month.sign(operation)).json["state"] == "final"
        closing = await month.office("programmes/GARDEN/close", {})
        assert closing.json["amount_minor"] == 80_000 - 72_000
        assert (await month.sign(closing.json)).json["state"] == "final"

    play(tmp_path, scenario)


def test_a_batch_that_waits_is_taken_off_the_budget_once(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register(minutes=600)
        await month.open_programme()
        (first,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
        assert (first["state"], first["amount_minor"]) == ("waiting", 30_000)
        later = [
            {"person": f"P{number}", "programme": "GARDEN", "date": f"{PERIOD}-04",
             "minutes": 400, "level": "N1", "confirmed_by": "REF"}
            for number in range(3)
        ]  # fmt: skip
        assert (await month.import_rows("activities", later, "later.csv")).status == 200
        (second,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
        # Three times ⌊400 × 1,000 / 60⌋, of the 20,000 that the first leaves.
        assert second["amount_minor"] == 3 * 6_666
        for operation in (first, second):
            assert (await month.sign(operation)).json["state"] == "final"

    play(tmp_path, scenario)


def test_wages_need_consent_and_are_paid_once(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        served, employer = month.served, month.employer
        payroll = month.payroll()
        refused = await served.hand_in(employer.key, "/v1/payrolls/check", payroll)
        assert (refused.status, refused.code) == (422, "wage_consent_missing")
        for person in month.residents:
            assert (await month.consent(person)).status == 200
        told = await served.read(
            month.residents[0].key, f"/v1/consents/{address_of(month.residents[0])}"
        )
        word = only(told.json, "consents")
        assert word["employer"] == address_of(employer) and word["given"] is True
        too_much = await served.hand_in(
            employer.key, "/v1/payrolls/check", month.payroll(local_minor=10_001)
        )
        listed = too_much.json["refusals"]
        assert isinstance(listed, list)
        assert listed[0]["allowed_minor"] == 10_000 and listed[0]["line"] == 2
        checked = (await served.hand_in(employer.key, "/v1/payrolls/check", payroll)).json
        assert checked == {
            "lines": 3, "total_gross_minor": 300_000, "total_local_minor": 30_000,
        }  # fmt: skip
        draft = (await served.hand_in(employer.key, "/v1/payrolls", payroll)).json
        assert (await served.hand_in(employer.key, "/v1/payrolls", payroll)).json == draft
        signed = month.signed_run(draft)
        paid = (await month.hand_in_run(draft["run_id"], signed)).json
        assert paid["state"] == "final"
        assert (await month.hand_in_run(draft["run_id"], signed)).json == paid
        other = month.signed_run(draft, number=2)
        assert (await month.hand_in_run(draft["run_id"], other)).code == (
            "payroll_already_submitted"
        )
        twice = await served.hand_in(employer.key, "/v1/payrolls", payroll)
        assert twice.code == "payroll_already_submitted"
        assert [month.balance(person.id) for person in month.residents] == [10_100] * 3
        assert month.balance(employer.id) == EMPLOYER_MINOR - 30_000
        path = f"/v1/payrolls?employer={address_of(employer)}"
        run = only((await served.read(employer.key, path)).json, "runs")
        assert run["state"] == "final" and run["id"] == paid["id"] and run["lines"] == 3

    play(tmp_path, scenario)


def test_a_consent_withdrawn_between_draft_and_signature_counts(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        for person in month.residents:
            await month.consent(person)
        employer = month.employer
        draft = (await month.served.hand_in(employer.key, "/v1/payrolls", month.payroll())).json
        assert (await month.consent(month.residents[1], given=False)).status == 200
        refused = await month.hand_in_run(draft["run_id"], month.signed_run(draft))
        assert (refused.status, refused.code) == (422, "wage_consent_missing")
        assert month.balance(employer.id) == EMPLOYER_MINOR
        assert (await month.consent(month.residents[1])).status == 200
        paid = await month.hand_in_run(draft["run_id"], month.signed_run(draft))
        assert paid.json["state"] == "final"

    play(tmp_path, scenario)


def test_a_run_of_ten_carries_its_rounded_gross(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        for person in month.residents:
            await month.consent(person)
        draft = await month.served.hand_in(
            month.employer.key, "/v1/payrolls", month.payroll(1_000, 100_001)
        )
        assert draft.json["gross_total_minor"] == 1_010_000
        paid = await month.hand_in_run(draft.json["run_id"], month.signed_run(draft.json))
        assert paid.json["state"] == "final"

    play(tmp_path, scenario, residents=10)
