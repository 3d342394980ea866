"""What a hostile caller meets at each of the office's doors."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ledger.envelope import cosign
from tests.node.api_town import ApiTown, Reply, address_of, api_town
from tests.node.office.month_town import (
    EMPLOYER_MINOR,
    OFFICE,
    PERIOD,
    STAFF,
    Month,
    month_town,
    open_employer,
    post_json,
)
from tests.node.test_api_hostile import connect
from tests.node.town import Person, key_of
from tests.patience import PATIENCE_SECONDS

Scenario = Callable[[Month], Awaitable[None]]
LEVELS = f"{OFFICE}/imports/levels"
LEVEL = {"line": 2, "level": "N9", "rate_per_hour_minor": 5}


def play(folder: Path, scenario: Scenario) -> None:
    """Run a scenario in a town with three residents."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), month_town(folder) as month:
            await scenario(month)

    asyncio.run(run())


def content_of(**changes: object) -> dict[str, object]:
    """A small import."""
    return {"file_name": "levels.csv", "file_sha256": "ab" * 32, "rows": [LEVEL], **changes}


def bodies(month: Month) -> list[tuple[str, dict[str, object]]]:
    """Every staff door that takes a body."""
    return [
        (LEVELS, content_of()),
        *(
            (f"{OFFICE}/imports/{name}", content_of(rows=[]))
            for name in ("residents", "employers", "services", "programmes", "activities")
        ),
        (f"{OFFICE}/links", {"links": []}),
        (f"{OFFICE}/activities/confirm", {"ids": [], "confirmed_by": "X"}),
        (f"{OFFICE}/programmes/GARDEN/open", {}),
        (f"{OFFICE}/programmes/GARDEN/fund", {"amount_minor": 1}),
        (f"{OFFICE}/programmes/GARDEN/close", {}),
        (f"{OFFICE}/bulletins/{PERIOD}/issue", {}),
        (f"{OFFICE}/operations/{'ab' * 16}/signatures",
         {"key": "ab" * 32, "signature": "ab" * 64}),
    ]  # fmt: skip


READS = (
    "residents", "residents/P1", "employers", "services", "programmes", "levels", "activities",
    f"bulletins/{PERIOD}", f"bulletins/{PERIOD}/P1", "operations", f"operations/{'ab' * 16}",
)  # fmt: skip


def told(reply: Reply) -> tuple[int, bytes]:
    """What a stranger learns."""
    return reply.status, reply.body


def test_staffs_doors_are_not_there_for_others(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        others = (
            Person("town0", "stranger").key, month.residents[0].key, month.employer.key,
            key_of("town1 staff"), key_of("town0 issuer"), key_of("town0 node"),
        )  # fmt: skip
        for key in others:
            for path, content in bodies(month):
                reply = await month.served.hand_in(key, path, content, "curious")
                assert (reply.status, reply.code) == (404, "not_found"), path
            for path in READS:
                reply = await month.look(path, key)
                assert (reply.status, reply.code) == (404, "not_found"), path
        levels = (await month.look("levels")).json["items"]
        assert levels == [{"level": "N1", "rate_per_hour_minor": 1_000}]
        for path, content in bodies(month):
            unsigned = await post_json(month.served, path, content)
            assert unsigned.code == "request_unauthorized", path

    play(tmp_path, scenario)


def test_personal_reads_need_a_reason_and_are_written_down(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        served = month.served
        personal = ("residents", "residents/P1", "activities", f"bulletins/{PERIOD}",
                    f"bulletins/{PERIOD}/P1")  # fmt: skip
        for path in personal:
            assert (await served.read(STAFF, f"{OFFICE}/{path}")).code == "not_found", path
            assert (await month.look(path)).status == 200, path
        entries = await served.office.registry.call(lambda r: r.audit.listed(1_000))
        reads = [one for one in entries if one.reason == "monthly bulletins"]
        assert len(reads) >= len(personal)
        assert all(one.key == STAFF.public_key for one in reads)
        assert "Dupont" not in repr(entries)

    play(tmp_path, scenario)


def test_payrolls_are_the_employers_own(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        served, town = month.served, month.served.town
        rival = Person("town0", "rival")
        await town.must_settle(0, [open_employer(town, rival)])
        for person in month.residents:
            await month.consent(person)
        payroll = month.payroll()
        draft = (await served.hand_in(month.employer.key, "/v1/payrolls", payroll)).json
        signed = month.signed_run(draft)
        doors = (
            ("/v1/payrolls/check", payroll), ("/v1/payrolls", payroll),
            (f"/v1/payrolls/{draft['run_id']}/signatures", signed),
        )  # fmt: skip
        for key in (rival.key, month.residents[0].key, STAFF, Person("town0", "stranger").key):
            for path, content in doors:
                reply = await served.hand_in(key, path, content)
                assert (reply.status, reply.code) == (404, "not_found"), path
            path = f"/v1/payrolls?employer={address_of(month.employer)}"
            assert (await served.read(key, path)).code == "not_found"
        # Another employer's run, under one's own name.
        stolen = signed | {"employer": address_of(rival)}
        path = f"/v1/payrolls/{draft['run_id']}/signatures"
        assert (await served.hand_in(rival.key, path, stolen)).code == "payroll_unknown"
        resident = payroll | {"employer": address_of(month.residents[0])}
        reply = await served.hand_in(month.residents[0].key, "/v1/payrolls/check", resident)
        assert reply.code == "not_found"

    play(tmp_path, scenario)


def test_the_node_countersigns_nothing_but_the_draft(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        for person in month.residents:
            await month.consent(person)
        key, town = month.employer.key, month.served.town
        draft = (await month.served.hand_in(key, "/v1/payrolls", month.payroll())).json
        run_id = draft["run_id"]
        lines = draft["lines"]
        assert isinstance(lines, list)
        changes: list[dict[str, object]] = [
            {"lines": lines[1:]},
            {"lines": [lines[0] | {"amount_minor": 90_000}, *lines[1:]]},
            {"lines": [lines[0] | {"commitment": "00" * 32}, *lines[1:]]},
            {"lines": [lines[0] | {"account": address_id(month, 1)}, *lines[2:]]},
            {"run_id": "00" * 16},
        ]
        for change in changes:
            reply = await month.hand_in_run(run_id, month.signed_run(draft | change))
            assert reply.code == "payroll_differs", change
        paying = month.served.town.pay(month.employer, month.residents[0], 5)
        signed = month.signed_run(draft)
        forged = signed | {"signatures": [{"key": key.public_key.hex(), "signature": "00" * 64}]}
        assert (await month.hand_in_run(run_id, forged)).code == "signature_invalid"
        stranger = Person("town0", "stranger").key
        body = bytes.fromhex(str(signed["body"]))
        beside = cosign(body, town.network_id, stranger)
        listed = signed["signatures"]
        assert isinstance(listed, list)
        added = [*listed, {"key": beside.key.hex(), "signature": beside.signature.hex()}]
        assert (await month.hand_in_run(run_id, signed | {"signatures": added})).code == (
            "key_unknown"
        )
        alone = signed | {"signatures": added[1:]}
        assert (await month.hand_in_run(run_id, alone)).code == "signatures_insufficient"
        twice = signed | {"signatures": [*listed, *listed]}
        assert (await month.hand_in_run(run_id, twice)).code == "signature_invalid"
        for garbage in ("", "00", paying.hex(), "c0" * 40):
            reply = await month.hand_in_run(run_id, signed | {"body": garbage})
            assert reply.status == 422, garbage
        assert month.balance(month.employer.id) == EMPLOYER_MINOR

    play(tmp_path, scenario)


def address_id(month: Month, place: int) -> str:
    """A resident's account id, in hex."""
    return month.residents[place].id.hex()


def test_only_staffs_signatures_count_on_an_operation(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        operation = (await month.office("programmes/GARDEN/open", {})).json
        path = f"operations/{operation['id']}/signatures"
        body = bytes.fromhex(str(operation["body"]))
        network_id = month.served.town.network_id
        for key in (month.residents[0].key, key_of("town0 node"), key_of("town0 issuer")):
            one = cosign(body, network_id, key)
            content = {"key": one.key.hex(), "signature": one.signature.hex()}
            assert (await month.office(path, content)).code == "key_unknown"
        wrong = cosign(body + b"\0", network_id, STAFF)
        content = {"key": wrong.key.hex(), "signature": wrong.signature.hex()}
        assert (await month.office(path, content)).code == "signature_invalid"
        left = (await month.look(f"operations/{operation['id']}")).json
        assert left["state"] == "waiting" and left["staff_signed"] == []
        assert (await month.look(f"operations/{'0' * 32}")).status == 404

    play(tmp_path, scenario)


def test_consents_are_the_owners_and_fresh(tmp_path: Path) -> None:
    async def scenario(month: Month) -> None:
        await month.register()
        person, other = month.residents[0], month.residents[1]
        now = time.time_ns() // 1_000_000
        assert (await month.consent(Person("town0", "stranger"))).code == "not_found"
        impostor = Person("town0", "x")
        impostor.key, impostor.id = other.key, person.id
        assert (await month.consent(impostor)).code == "not_found"
        assert (await month.consent(person, time_ms=now + 600_000)).code == "consent_stale"
        assert (await month.consent(person, time_ms=now - 90_000_000)).code == "consent_stale"
        assert (await month.consent(person, time_ms=now)).status == 200
        assert (await month.consent(person, time_ms=now)).status == 200
        assert (await month.consent(person, given=False, time_ms=now + 1)).status == 200
        assert (await month.consent(person, time_ms=now)).code == "consent_stale"
        path = f"/v1/consents/{address_of(person)}"
        assert (await month.served.read(other.key, path)).code == "not_found"
        assert (await month.served.read(month.employer.key, path)).code == "not_found"
        employer, month.employer = month.employer, other
        assert (await month.consent(person)).code == "account_unknown"
        month.employer = employer

    play(tmp_path, scenario)


def serve(folder: Path, scenario: Callable[[ApiTown], Awaitable[None]]) -> None:
    """Run a scenario that needs no people."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), api_town(folder) as served:
            await scenario(served)

    asyncio.run(run())


def test_a_body_is_signed_once_and_as_it_is(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        raw = json.dumps(content_of()).encode()
        headers = served.signed(STAFF, LEVELS, method="POST", body=raw)
        headers["Content-Type"] = "application/json"
        changed = raw.replace(b'"rate_per_hour_minor": 5', b'"rate_per_hour_minor": 9')
        assert (await served.ask("POST", LEVELS, headers, changed)).code == "request_unauthorized"
        assert (await served.ask("POST", LEVELS, headers, raw)).status == 200
        assert (await served.ask("POST", LEVELS, headers, raw)).code == "request_replayed"
        elsewhere = served.signed(STAFF, LEVELS, method="GET", body=raw)
        elsewhere["Content-Type"] = "application/json"
        assert (await served.ask("POST", LEVELS, elsewhere, raw)).code == "request_unauthorized"
        other = served.signed(STAFF, LEVELS, method="POST", body=raw) | {"Content-Type": "text/csv"}
        assert (await served.ask("POST", LEVELS, other, raw)).status == 415
        wrongs: tuple[object, ...] = (
            content_of(rows=[LEVEL | {"rate_per_hour_minor": "5"}]), content_of(more=1),
            content_of(rows=[LEVEL | {"level": "a\nb"}]), content_of(rows=None), [], "x", None,
        )  # fmt: skip
        for wrong in wrongs:
            reply = await served.hand_in(STAFF, LEVELS, wrong)
            assert (reply.status, reply.code) == (400, "request_malformed"), wrong
            assert "a\\nb" not in reply.body.decode()
        path = f"{OFFICE}/links"
        not_json = b"\xff{"
        headers = served.signed(STAFF, path, method="POST", body=not_json)
        headers["Content-Type"] = "application/json"
        assert (await served.ask("POST", path, headers, not_json)).code == "request_malformed"

    serve(tmp_path, scenario)


def test_the_same_body_twice_at_once_is_taken_once(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        raw = json.dumps(content_of()).encode()
        headers = served.signed(STAFF, LEVELS, method="POST", body=raw)
        headers["Content-Type"] = "application/json"
        replies = await asyncio.gather(
            *(served.ask("POST", LEVELS, headers, raw) for _ in range(8))
        )
        assert sorted(reply.status for reply in replies) == [200, *[401] * 7]

    serve(tmp_path, scenario)


def test_large_and_slow_bodies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.api.bodies.BODY_SECONDS_MAX", 0.5)
    monkeypatch.setattr("node.api.signed_requests.LARGE_OF_STRANGERS_MAX", 1)

    async def scenario(served: ApiTown) -> None:
        large = b" " * (9 << 20)
        headers = served.signed(STAFF, LEVELS, method="POST", body=large)
        headers["Content-Type"] = "application/json"
        reply = await served.ask("POST", LEVELS, headers, large)
        assert (reply.status, reply.code) == (413, "request_too_large")
        # A stranger fills the strangers' room with a body that never ends; staff who announce
        # theirs still come in.
        stranger = key_of("stranger")
        raw = json.dumps(content_of()).encode() + b" " * 50_000
        signed = served.signed(stranger, LEVELS, method="POST", body=raw)["Authorization"]
        reader, writer = await connect(served)
        head = (
            f"POST {LEVELS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Authorization: {signed}\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        writer.write(head.encode() + raw[:30_000])
        await writer.drain()
        await asyncio.sleep(0.1)
        headers = served.signed(STAFF, LEVELS, method="POST", body=raw)
        headers["Content-Type"] = "application/json"
        assert (await served.ask("POST", LEVELS, headers, raw)).code == "node_busy"
        digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
        headers = served.signed(STAFF, LEVELS, method="POST", body=raw)
        headers |= {"Content-Type": "application/json", "Content-Digest": f"sha-256=:{digest}:"}
        assert (await served.ask("POST", LEVELS, headers, raw)).status == 200
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert b" 408 " in await reader.readline()
        writer.close()
        headers = served.signed(STAFF, LEVELS, method="POST", body=raw)
        headers |= {"Content-Type": "application/json", "Content-Digest": f"sha-256=:{'A' * 43}=:"}
        reply = await served.ask("POST", LEVELS, headers, raw)
        assert reply.code == "request_unauthorized"

    serve(tmp_path, scenario)
