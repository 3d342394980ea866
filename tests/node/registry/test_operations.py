"""Operations: signatures, states, and what they move with them."""

import pytest

from node.registry import Registry
from node.registry.operations import PENDING_MAX
from node.registry.records import NewOperation, ProgrammeRow
from node.registry.refusals import LinesRefused
from primitives.errors import Refused
from tests.node.registry.town_registry import ACT, NOW_MS, STAFF, activity, sha, signed_batch


def new(number: int = 1, kind: str = "programme.open", programme: str = "garden") -> NewOperation:
    return NewOperation(kind, 100, programme, None, number, b"body", NOW_MS)


def code_of(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return caught.value.code


def test_an_opening_from_end_to_end(registry: Registry) -> None:
    operations, programmes = registry.operations, registry.programmes
    parts = programmes.opening(ACT, "garden", "ARD")
    assert parts.account == programmes.get("garden").account
    assert parts.budget_minor == 100_000
    operation = operations.add(ACT, new())
    assert code_of(operations.add, ACT, new(2)) == "record_in_use"
    assert operations.add(ACT, new(2, programme="visits")).number == 2
    assert operations.numbers_in_use(lambda body: True) == {1, 2}
    assert operations.numbers_in_use(lambda body: body == b"other") == set()
    signed = operations.sign_by_staff(ACT, operation.id, STAFF, bytes(64))
    assert operations.sign_by_staff(ACT, operation.id, STAFF, bytes(64)) == signed
    assert signed.signatures == ((STAFF, bytes(64)),)
    assert operations.sign(ACT, operation.id, b"raw", sha("id")).state == "signed"
    assert operations.sign(ACT, operation.id, b"raw", sha("id")).raw == b"raw"
    assert code_of(operations.sign, ACT, operation.id, b"other", sha("x")) == "operation_settled"
    late = bytes([8]) * 32
    assert code_of(operations.sign_by_staff, ACT, operation.id, late, bytes(64)) == (
        "operation_settled"
    )
    assert operations.finish(ACT, operation.id, 7).height == 7
    assert operations.finish(ACT, operation.id, 7).state == "final"
    assert code_of(operations.release, ACT, operation.id) == "operation_settled"
    assert programmes.get("garden").state == "open"
    assert code_of(programmes.opening, ACT, "garden", "ARD") == "record_in_use"
    assert operations.numbers_in_use(lambda body: True) == {2}
    closing = operations.add(ACT, new(3, "programme.close"))
    operations.sign(ACT, closing.id, b"raw", sha("id"))
    operations.finish(ACT, closing.id, 8)
    assert programmes.get("garden").state == "closed"


def test_a_programme_does_not_change_while_its_opening_waits(registry: Registry) -> None:
    operation = registry.operations.add(ACT, new())
    row = ProgrammeRow(2, "garden", "Other", 1, "2024-01-01", "2026-12-31")
    with pytest.raises(LinesRefused) as caught:
        registry.programmes.import_programmes(ACT, [row])
    assert caught.value.code == "record_in_use"
    registry.operations.release(ACT, operation.id)
    assert registry.programmes.import_programmes(ACT, [row]).imported == 1
    assert registry.operations.add(ACT, new()).number == 1


def test_only_so_many_wait(registry: Registry) -> None:
    for number in range(PENDING_MAX):
        registry.operations.add(ACT, new(number, "programme.fund"))
    assert code_of(registry.operations.add, ACT, new(99, "programme.fund")) == (
        "operations_pending_max"
    )
    waiting = registry.operations.in_state("waiting")
    assert [one.number for one in waiting] == list(range(PENDING_MAX))
    registry.operations.release(ACT, waiting[0].id)
    assert registry.operations.add(ACT, new(0, "programme.fund")).number == 0


def test_what_was_never_signed_is_never_final(registry: Registry) -> None:
    operation = registry.operations.add(ACT, new())
    assert code_of(registry.operations.finish, ACT, operation.id, 1) == "operation_settled"
    assert code_of(registry.operations.get, bytes(16)) == "operation_unknown"
    assert registry.operations.release(ACT, operation.id).state == "released"
    assert registry.operations.release(ACT, operation.id).state == "released"
    assert code_of(registry.operations.sign, ACT, operation.id, b"raw", sha("id")) == (
        "operation_settled"
    )


def test_a_signed_batch_that_ran_out_is_free_again(registry: Registry) -> None:
    registry.activities.import_activities(ACT, [activity(2, "P1")], sha("a"))
    operation = signed_batch(registry, 1)
    registry.operations.release(ACT, operation.id)
    assert registry.bulletins.batch(operation.batch_id or 0).state == "released"
    again = signed_batch(registry, 2)
    registry.operations.finish(ACT, again.id, 4)
    batch = registry.bulletins.batch(again.batch_id or 0)
    assert (batch.state, batch.height, batch.raw) == ("final", 4, b"raw2")
    assert registry.operations.in_state("final") == [registry.operations.get(again.id)]
