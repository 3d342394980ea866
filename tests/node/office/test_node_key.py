"""The node gets another key of its own: it countersigns on, and nothing waits for the old one."""

from pathlib import Path

import pytest

from ledger.key_changes import ReplaceKey
from ledger.power_fields import ACCOUNT_BLOCK, ACCOUNT_KEYS, block_fields, keys_fields
from node.office.follower import Follower
from node.office.node_key import NodeKey
from primitives.errors import Refused
from tests.node.office.month_town import PERIOD, Month
from tests.node.office.test_follower import not_submitted, play
from tests.node.office.test_month import operations_of
from tests.node.town import key_of, until

OLD, NEW = key_of("town0 node"), key_of("town0 node again")


def own_key(month: Month) -> NodeKey:
    """The running office's."""
    return month.served.office.operations._signer._key


async def replace_key(month: Month) -> None:
    """The recovery key puts the new key in the old one's place."""
    town, account = month.served.town, hall_of(month)
    found = month.served.node.account(account)
    assert found is not None
    change = [ReplaceKey(OLD.public_key, NEW.public_key)]
    fields = keys_fields(account, found.key_set, change)
    paper = key_of("town0 recovery")
    await town.must_settle(0, [town.sign(ACCOUNT_KEYS, account, paper, fields)])


def hall_of(month: Month) -> bytes:
    return month.served.town.genesis.territories[0].account_id


def test_countersigning_goes_on(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        key = own_key(month)
        key.put(OLD, NEW)
        await month.open_programme()  # still with the old one
        assert not key.take(month.served.node.account(hall_of(month)))
        await replace_key(month)
        # At once, also before anybody looked: what it signs, the ledger takes.
        (operation,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
        assert (await month.sign(operation)).json["state"] == "final"
        assert key.take(month.served.node.account(hall_of(month)))
        assert key.current.public_key == NEW.public_key and key.pending is None
        for person in month.residents:
            await month.consent(person)
        draft = await month.served.hand_in(month.employer.key, "/v1/payrolls", month.payroll())
        done = await month.hand_in_run(draft.json["run_id"], month.signed_run(draft.json))
        assert done.json["state"] == "final", done

    play(tmp_path, scenario)


def test_what_the_old_key_left_is_free_again(tmp_path: Path) -> None:
    """Nothing of it can ever be accepted: neither what waits for the staff, nor what was signed
    and got lost, nor a payroll."""

    async def scenario(month: Month) -> None:
        await month.register()
        await month.open_programme()
        for person in month.residents:
            await month.consent(person)
        draft = await month.served.hand_in(month.employer.key, "/v1/payrolls", month.payroll())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Follower, "_submit", not_submitted)
            (signed,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
            assert (await month.sign(signed, wait_ms=0)).json["state"] == "signed"
            run = await month.hand_in_run(
                draft.json["run_id"], month.signed_run(draft.json), wait_ms=0
            )
            assert run.json["state"] == "signed"
            funding = {"amount_minor": 1_000}
            waiting = (await month.office("programmes/GARDEN/fund", funding)).json
            own_key(month).put(OLD, NEW)
            await replace_key(month)
            follower = month.served.office.follower
            await follower._look()
            assert not follower._followed
        for one in (signed, waiting):
            left = (await month.look(f"operations/{one['id']}")).json
            assert left["state"] == "released", left
        refused = await month.sign(waiting)
        assert refused.status == 200 and refused.json["state"] == "released"
        # Each of them once more, with the new key; numbers of the old lane are no hindrance.
        (again,) = operations_of((await month.office(f"bulletins/{PERIOD}/issue", {})).json)
        assert (await month.sign(again)).json["state"] == "final"
        draft = await month.served.hand_in(month.employer.key, "/v1/payrolls", month.payroll())
        run = await month.hand_in_run(draft.json["run_id"], month.signed_run(draft.json, number=2))
        assert run.json["state"] == "final", run
        before = [month.balance(person.id) for person in month.residents]
        await month.served.office.follower._look()
        assert [month.balance(person.id) for person in month.residents] == before

    play(tmp_path, scenario)


def test_a_key_that_the_ledger_does_not_name_signs_nothing(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        key, account = own_key(month), hall_of(month)
        await replace_key(month)  # and nobody prepared it here
        refused = await month.office("programmes/GARDEN/open", {})
        assert refused.json["code"] == "node_key_unknown", refused
        key.put(OLD, NEW)
        town = month.served.town
        block = block_fields(account, NEW.public_key)
        staff = key_of("town0 staff")
        await town.must_settle(0, [town.sign(ACCOUNT_BLOCK, account, staff, block)])
        await until(lambda: _is_blocked(month))
        with pytest.raises(Refused) as caught:
            key.named(month.served.node.account(account))  # type: ignore[arg-type]
        assert caught.value.code == "key_blocked"

    play(tmp_path, scenario)


def _is_blocked(month: Month) -> bool:
    account = month.served.node.account(hall_of(month))
    device = None if account is None else account.device(NEW.public_key)
    return device is not None and bool(device.blocked)
