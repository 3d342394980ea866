"""Sockets of `/v1/events` for tests: what a client says, and what it hears."""

import asyncio
import json
import secrets
import time

from aiohttp import ClientWebSocketResponse

from tests.node.api_town import ApiTown, address_of
from tests.node.town import Person
from tests.patience import PATIENCE_SECONDS
from wallet.request_signing import authorization


async def next_of(socket: ClientWebSocketResponse, kind: str) -> dict[str, object]:
    """The next frame of a type; others are passed over."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            content = await socket.receive_json()
            if content["type"] == kind:
                return dict(content)


def authorize(served: ApiTown, person: Person, path: str = "/v1/events") -> str:
    """The frame that subscribes to a person's account."""
    value = authorization(
        person.key,
        served.town.network_id,
        "GET",
        path,
        b"",
        time_ms=time.time_ns() // 1_000_000,
        nonce=secrets.token_bytes(16),
    )
    return json.dumps({"type": "authorize", "address": address_of(person), "authorization": value})
