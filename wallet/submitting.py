"""Bringing signed bytes through that no outbox of this machine sends."""

import asyncio
import time

from primitives.errors import Refused
from terminal.errors import CommandError
from wallet.delivery import BUSY_CODES
from wallet.light.memory import HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient, NodeUnreachable
from wallet.node_urls import node_urls_of
from wallet.pauses import BusyNodes
from wallet.reader import ProvedInclusion, Reader
from wallet.transaction_ids import transaction_id

SUBMIT_WAIT_MS = 3_000
SUBMIT_FOR_MS = 30_000


async def submit(network: TrustedNetwork, urls: tuple[str, ...], raw: bytes) -> ProvedInclusion:
    """Bring a holder's transaction through. Sending it again is harmless: its lane is theirs.

    Raises `Refused` with the network's code, `CommandError("outcome_unknown")`.
    """
    id = transaction_id(raw)
    deadline = time.monotonic() + SUBMIT_FOR_MS / 1000
    async with NodeClient(urls or node_urls_of(network, ""), network.network_id) as client:
        reader = Reader(client, network, HeaderMemory())
        refusal: Refused | None = None
        busy = BusyNodes()
        while time.monotonic() < deadline:
            accepted = False
            for url in client.urls:
                if not busy.may_be_asked(url):
                    continue
                try:
                    answer = await client.post_transaction(url, raw, SUBMIT_WAIT_MS)
                    if answer.content.get("status") == "final":
                        return await reader.prove_inclusion(url, id, answer.content)
                    accepted = accepted or answer.status in (200, 202)
                    if answer.status == 422:
                        refusal = answer.refusal()
                    elif answer.code in BUSY_CODES:
                        busy.hold(url, answer.retry_after_ms)
                except NodeUnreachable:
                    continue
            if refusal is not None and not accepted:
                raise refusal
            await asyncio.sleep(0.3)
    raise CommandError("outcome_unknown", data={"id": id.hex(), "status": "unknown"})
