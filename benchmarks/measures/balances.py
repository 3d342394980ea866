"""How many balances with their proofs one node answers in a second, each asked by a signed GET.

The load generator checks some of the proofs itself, with the header's certificate; checking all
would measure it instead of the node. The node's own processor time says what it would carry alone.
"""

import asyncio
import time

from benchmarks.load import Load
from benchmarks.measures.form import Figures, Form
from benchmarks.payments import bench_of
from benchmarks.processes import processor_seconds
from clients.demo.places import PLACES

ASKED = 0
"""Which node; its own people ask."""

ASKING_AT_ONCE = 16
CHECKED_EVERY = 50
BLOCKS_SECONDS = 1.0
RATE = 50


async def measure(form: Form) -> Figures:
    """With a thousand accounts, after a second of payments."""
    async with bench_of() as bench:
        await bench.at_rate(RATE, BLOCKS_SECONDS)
        node = bench.network.nodes[ASKED]
        load = bench.load
        before, began = processor_seconds([node.pid or 0]), time.monotonic()
        own_before, ends = time.process_time(), began + form.seconds
        askers = [_ask(load, node.url, first, ends) for first in range(ASKING_AT_ONCE)]
        counted = await asyncio.gather(*askers)
        seconds = time.monotonic() - began
        used = processor_seconds([node.pid or 0]) - before
        own = time.process_time() - own_before
    answers = sum(answered for answered, _ in counted)
    return {
        "signed_get": {
            "answers": answers,
            "proofs_checked": sum(checked for _, checked in counted),
            "per_second": round(answers / seconds, 1),
            "node_processor_microseconds_each": round(used / answers * 1e6, 1),
            "load_generator_processor_microseconds_each": round(own / answers * 1e6, 1),
        },
        "web_socket": {"missing": "nodes answer no balance on a WebSocket"},
    }


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
