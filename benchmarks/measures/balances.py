"""How many balances with their proofs one node answers in a second: each asked by a signed GET,
and on WebSockets that signed once for their accounts.

The load generator checks some of the proofs itself, with the header's certificate; checking all
would measure it instead of the node. The node's own processor time says what it would carry alone.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from itertools import cycle
from typing import Any

from aiohttp import ClientWebSocketResponse

from benchmarks.load import Load
from benchmarks.measures.form import Figures, Form
from benchmarks.payments import bench_of
from benchmarks.processes import processor_seconds
from clients.demo.places import PLACES
from clients.demo.supervisor import NodeProcess
from wallet.light.balances import verify_account
from wallet.node_stream import EVENTS_PATH

Asker = Callable[[float], Coroutine[Any, Any, tuple[int, int]]]
"""Asks until a moment (monotonic seconds): answers, and how many of them were checked."""

ASKED = 0
"""Which node; its own people ask."""

ASKING_AT_ONCE = 16
CHECKED_EVERY = 50
SOCKETS = 4
ACCOUNTS_PER_SOCKET = 32
AHEAD = 8
BLOCKS_SECONDS = 1.0
RATE = 50


async def measure(form: Form) -> Figures:
    """With a thousand accounts, after a second of payments."""
    async with bench_of() as bench:
        await bench.at_rate(RATE, BLOCKS_SECONDS)
        node = bench.network.nodes[ASKED]
        load = bench.load
        by_get = [partial(_ask, load, node.url, first) for first in range(ASKING_AT_ONCE)]
        on_sockets = [partial(_ask_on_socket, load, node.url, first) for first in range(SOCKETS)]
        return {
            "signed_get": await _timed(node, form.seconds, by_get),
            "web_socket": await _timed(node, form.seconds, on_sockets),
        }


async def _timed(node: NodeProcess, seconds: float, askers: Sequence[Asker]) -> Figures:
    """All of them at once, for so long: what the node answered, and what it took."""
    pids = [node.pid or 0]
    before, own_before = processor_seconds(pids), time.process_time()
    began = time.monotonic()
    counted = await asyncio.gather(*(ask(began + seconds) for ask in askers))
    lasted = time.monotonic() - began
    used, own = processor_seconds(pids) - before, time.process_time() - own_before
    answers = sum(answered for answered, _ in counted)
    return {
        "answers": answers,
        "proofs_checked": sum(checked for _, checked in counted),
        "per_second": round(answers / lasted, 1),
        "node_processor_microseconds_each": round(used / answers * 1e6, 1),
        "load_generator_processor_microseconds_each": round(own / answers * 1e6, 1),
    }


async def _ask_on_socket(load: Load, url: str, first: int, ends: float) -> tuple[int, int]:
    """One socket that signs once for each of its accounts, then asks for them in turn, a few
    questions ahead: answers, and how many of them were checked."""
    payers = load.payers[ASKED :: len(PLACES)][first::SOCKETS][:ACCOUNTS_PER_SOCKET]
    accounts = {payer.account.address: payer.account for payer in payers}
    session = payers[0].session
    questions = cycle([json.dumps({"type": "account", "address": each}) for each in accounts])
    answered = checked = 0
    async with session.client.session.ws_connect(url + EVENTS_PATH, compress=0) as socket:
        for address, account in accounts.items():
            signed = session.client.authorize(account.signing_key, "GET", EVENTS_PATH)
            words = {"type": "authorize", "address": address, "authorization": signed}
            await socket.send_json(words)
            await _next(socket, "authorized")
        for _ in range(AHEAD):
            await socket.send_str(next(questions))
        while time.monotonic() < ends:
            content = await _next(socket, "account")
            await socket.send_str(next(questions))
            if answered % CHECKED_EVERY == 0:
                account = accounts[content["address"]]
                final = await session.reader.header(content["header_height"])
                found, proof = bytes.fromhex(content["object"]), bytes.fromhex(content["proof"])
                if verify_account(final, account.account_id, found, proof) is None:
                    raise RuntimeError(f"{account.address} is not there")
                checked += 1
            answered += 1
    return answered, checked


async def _next(socket: ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next frame of this type; final headers come between."""
    while True:
        content: dict[str, Any] = await socket.receive_json()
        if content["type"] == kind:
            return content
        if content["type"] == "refused":
            raise RuntimeError(f"a node refused: {content['code']}")


async def _ask(load: Load, url: str, first: int, ends: float) -> tuple[int, int]:
    """Ask until the time is over: answers, and how many of them were checked."""
    payers = load.payers[ASKED :: len(PLACES)]
    answered = checked = 0
    while time.monotonic() < ends:
        payer = payers[(first + answered * ASKING_AT_ONCE) % len(payers)]
        account, session = payer.account, payer.session
        if answered % CHECKED_EVERY == 0:
            proved = await session.balance(account)
            if proved.account is None:
                raise RuntimeError(f"{account.address} is not there")
            checked += 1
        else:
            path = f"/v1/accounts/{account.address}"
            answer = await session.client.get_from(url, path, account.signing_key)
            if answer.status != 200 or "proof" not in answer.content:
                raise RuntimeError(f"{answer.status} {answer.code}")
        answered += 1
    return answered, checked
