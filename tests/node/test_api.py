"""The public paths, the document, and handing transactions in."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_pydantic import OpenAPI

from consensus.certificates import Certificate
from consensus.header import Header
from ledger.proofs import InclusionProof
from primitives.encoding import decode
from primitives.hashing import hash_bytes
from tests.node.api_town import MSGPACK, ApiTown, address_of, play


def test_public_paths_answer_as_the_document_says(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        OpenAPI.model_validate(served.document)
        assert served.document["openapi"] == "3.1.0"
        network = (await served.ask("GET", "/v1/network")).json
        assert network["network_id"] == served.town.network_id.hex()
        assert network["genesis"] == json.loads(served.town.genesis.to_json())
        epoch = (await served.ask("GET", "/v1/epochs/0")).json
        assert isinstance(epoch["members"], list) and len(epoch["members"]) == 1
        assert (await served.ask("GET", "/v1/epochs/1")).code == "not_found"
        assert (await served.ask("GET", "/v1/epochs/x")).code == "request_malformed"
        members = network["members"]
        assert isinstance(members, list) and [one["prefix"] for one in members] == ["town0"]
        assert (await served.ask("GET", "/v1/epochs?from=1")).body == b"\x90"
        assert (await served.ask("GET", "/v1/proposals")).json == {"items": []}
        assert (await served.ask("GET", "/v1/proposals/0")).code == "not_found"
        for prefix in ("town0", "later", "no-name"):
            assert (await served.ask("GET", f"/v1/territories/{prefix}")).code == "not_found"
        status = (await served.ask("GET", "/v1/status")).json
        assert status["ready"] is True and status["members"] == 1
        assert (await served.ask("GET", "/health/live")).status == 200
        assert (await served.ask("GET", "/health/ready")).status == 200
        metrics = (await served.ask("GET", "/metrics")).body.decode()
        for name in ("cometbft_consensus_height", "cometbft_mempool_size", "cometbft_p2p_peers"):
            assert f"\n{name} " in metrics

    play(tmp_path, scenario)


def test_metrics_count_and_name_nobody(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        payer, payee = await served.town.people(2, 500)
        path = f"/v1/accounts/{address_of(payer)}"
        await served.read(payer.key, path)
        await served.read(payee.key, path)
        await served.ask("GET", "/nothing/of/ours")
        await served.ask("DELETE", "/v1/network")
        metrics = (await served.ask("GET", "/metrics")).body.decode()
        route = 'method="GET",route="/v1/accounts/{address}"'
        assert f'democite_http_requests_total{{{route},status="200"}} 1.0' in metrics
        assert f'democite_http_requests_total{{{route},status="404"}} 1.0' in metrics
        assert "\ncometbft_consensus_total_txs 2.0\n" in metrics
        assert "\ncometbft_consensus_block_interval_seconds_count " in metrics
        assert address_of(payer) not in metrics and "/nothing" not in metrics
        assert "DELETE" not in metrics

    play(tmp_path, scenario)


def test_nothing_is_final_yet(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        assert served.node.latest_final_height == 0
        assert (await served.ask("GET", "/v1/headers/latest")).code == "not_found"
        assert (await served.ask("GET", "/v1/currencies/TO0")).code == "version_not_kept"

    play(tmp_path, scenario)


def test_headers_come_as_json_and_as_bytes(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        await served.town.people(2, 500)
        for word in ("latest", "1"):
            reply = await served.ask("GET", f"/v1/headers/{word}")
            content = reply.json
            header = Header.decode(bytes.fromhex(str(content["header"])))
            certificate = Certificate.decode(bytes.fromhex(str(content["certificate"])))
            between = content["headers"]
            assert isinstance(between, list)
            last = bytes.fromhex(between[-1]) if between else header.encode()
            assert Header.decode(last).digest == certificate.digest
            assert header.height == content["height"]
        packed = await served.ask("GET", "/v1/headers/1", {"Accept": "application/msgpack"})
        value = decode(packed.body)
        assert isinstance(value, tuple) and value[:2] == ("certified_header", 1)
        plain = (await served.ask("GET", "/v1/headers/1")).json
        assert value[2] == bytes.fromhex(str(plain["header"]))
        assert (await served.ask("GET", "/v1/headers/0")).code == "not_found"
        assert (await served.ask("GET", "/v1/headers/9999999999999999")).code == "not_found"
        assert (await served.ask("GET", "/v1/headers/-1")).code == "request_malformed"
        assert (await served.ask("GET", "/v1/headers/1e3")).code == "request_malformed"
        currency = (await served.ask("GET", "/v1/currencies/TO0")).json
        assert currency["object"] is not None
        absent = (await served.ask("GET", "/v1/currencies/NONE")).json
        assert absent["object"] is None and absent["proof"]
        assert (await served.ask("GET", "/v1/currencies/to0")).code == "not_found"

    play(tmp_path, scenario)


def test_a_transaction_is_accepted_then_known_then_final(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        payer, payee = await served.town.people(2, 500)
        raw = served.town.pay(payer, payee, 10)
        transaction_id = hash_bytes("tx", raw)
        first = await served.post(raw)
        assert first.status == 202 and first.json == {"id": transaction_id.hex()}
        again = await served.post(raw, "?wait_ms=5000")
        assert again.status == 200 and again.json["status"] == "final"
        height = again.json["height"]
        found = (await served.ask("GET", f"/v1/headers/{height}")).json["header"]
        header = Header.decode(bytes.fromhex(str(found)))
        inclusion = InclusionProof.decode(bytes.fromhex(str(again.json["inclusion"])))
        assert inclusion.verify(header.transactions_root, header.transactions_count, transaction_id)
        last = await served.post(raw)
        assert last.status == 200 and last.json == {"id": transaction_id.hex()}

    play(tmp_path, scenario)


def test_refusals_have_their_code_and_change_nothing(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        town = served.town
        payer, payee = await town.people(2, 500)
        final = served.node.counters()["transactions_final"]
        bytes_max = town.genesis.parameters.transaction_bytes_max
        good = town.pay(payer, payee, 10, number=7)
        bad_signature = good[:-65] + bytes([good[-65] ^ 1]) + good[-64:]
        cases: list[tuple[bytes, int, str]] = [
            (b"", 422, "encoding_not_canonical"),
            (b"\xc1", 422, "encoding_not_canonical"),
            (good[:-1], 422, "encoding_not_canonical"),
            (good + b"\x00", 422, "encoding_not_canonical"),
            (b"\xdc\x00\x05" + good[1:], 422, "encoding_not_canonical"),
            (bad_signature, 422, "signature_invalid"),
            (town.pay(payer, payee, 0, number=7), 422, "amount_out_of_range"),
            (town.pay(payer, payee, 2**53, number=7), 422, "amount_out_of_range"),
            (town.pay(payer, payee, 501, number=7), 422, "balance_insufficient"),
            (town.pay(payer, payee, 1, number=65), 422, "number_out_of_window"),
            (bytes(bytes_max + 1), 422, "transaction_too_large"),
        ]
        for raw, status, code in cases:
            reply = await served.post(raw)
            assert (reply.status, reply.code) == (status, code), reply
            assert {"code", "detail", "hint"} <= reply.json.keys()
            waiting = await served.post(raw, "?wait_ms=100")
            assert waiting.code == code
        assert served.node.counters()["transactions_final"] == final
        account = served.node.account(payer.id)
        assert account is not None and account.balance_minor == 500

    play(tmp_path, scenario)


def test_requests_that_are_none(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        wrong = await served.ask("POST", "/v1/transactions", {"Content-Type": "text/plain"}, b"x")
        assert (wrong.status, wrong.code) == (415, "media_type_unknown")
        assert (await served.post(b"x", "?wait_ms=-1")).code == "request_malformed"
        assert (await served.post(b"x", "?wait_ms=1e9")).code == "request_malformed"
        put = await served.ask("PUT", "/v1/transactions", MSGPACK, b"x")
        assert put.status == 405 and put.headers["Allow"] == "POST"
        assert (await served.ask("GET", "/v1/nothing")).code == "not_found"
        assert (await served.ask("GET", "/v1/blocks/1")).code == "not_found"
        plain = await served.ask("GET", "/v1/events")
        assert (plain.status, plain.code) == (400, "request_malformed")

    play(tmp_path, scenario)


def test_a_full_node_says_when_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(served: ApiTown) -> None:
        payer, payee = await served.town.people(2, 500)
        monkeypatch.setattr("node.api.submissions.WAITING_MAX", 0)
        reply = await served.post(served.town.pay(payer, payee, 1))
        assert (reply.status, reply.code) == (429, "node_busy")
        assert reply.headers["Retry-After"] == "1"
        monkeypatch.undo()
        monkeypatch.setattr("node.intake.VERIFYING_MAX", 0)
        for said, seconds in ((2_001, "3"), (2_000, "2"), (100, "1")):
            intake = served.node._running.intake
            monkeypatch.setattr(intake, "retry_after_ms", functools.partial(int, said))
            reply = await served.post(served.town.pay(payer, payee, 1))
            assert (reply.status, reply.code) == (503, "mempool_full")
            assert reply.json["retry_after_ms"] == said
            assert reply.headers["Retry-After"] == seconds

    play(tmp_path, scenario)


def test_our_own_fault_is_a_problem_without_details(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(served: ApiTown) -> None:
        def fail(code: str) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(served.node, "currency_with_proof", fail)
        reply = await served.ask("GET", "/v1/currencies/SECRET")
        assert (reply.status, reply.code) == (500, "internal_error")
        assert b"ZeroDivision" not in reply.body and b"SECRET" not in reply.body

    play(tmp_path, scenario)


def test_logs_hold_no_values() -> None:
    program = """
import structlog
from node.logs import configure_logs
configure_logs()
def read(address):
    raise ValueError("a failure")
try:
    read("sec" + "ret")
except ValueError:
    structlog.get_logger("api").exception("request_failed", route="/v1/accounts/{address}")
import logging
logging.getLogger("aiohttp.server").error("Error handling request from %s", "192.0.2.1")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    (line,) = done.stderr.splitlines()
    content = json.loads(line)
    assert (content["event"], content["level"]) == ("request_failed", "error")
    assert "a failure" in line and "secret" not in line
