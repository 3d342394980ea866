"""What a new node's CometBFT asks other nodes for before it takes a snapshot: headers with their
commits, validator sets, parameters. No transaction can be asked for.

CometBFT's light client wants two RPC servers. A member's RPC is its own affair and is reached by
nobody else (protocol, §9), so the node that begins opens two doors on its own machine, in the form
of that RPC, and answers three questions itself, with what it proved (`light_answers`).

Source: CometBFT v0.38, `light/provider/http`, `statesync/stateprovider.go`.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from node.engines.cometbft.local_socket import checked_path, prepare_folder, remove_socket
from node.engines.cometbft.rpc import RpcRefused, RpcUnavailable
from node.private_files import private_by_default

METHODS = ("commit", "validators", "consensus_params")
HEIGHT_MAX = 2**63 - 1
QUESTION_BYTES_MAX = 4096
_INVALID, _INTERNAL = -32602, -32603


@dataclass(frozen=True, slots=True)
class LightQuestion:
    """One of `METHODS`, at a height; None: the newest."""

    method: str
    height: int | None

    @classmethod
    def checked(cls, method: object, height: object) -> "LightQuestion":
        """Raises `RpcRefused` for any other."""
        if isinstance(height, str) and height.isascii() and height.isdigit():
            height = int(height[:20])
        known = height is None or (type(height) is int and 0 < height <= HEIGHT_MAX)
        if not isinstance(method, str) or method not in METHODS or not known:
            raise RpcRefused("this is not answered here")
        return cls(method, height if isinstance(height, int) else None)


Source = Callable[[LightQuestion], Awaitable[Any]]
"""Gives the result in the RPC's form. Raises `RpcUnavailable`, and `RpcRefused` with a reason,
which says "height … must be less than or equal to …" where nobody has it yet: CometBFT looks for
these words."""


class LightDoor:
    """Listens on `path`, and asks `source`. Its address, for `StateSync.rpc_servers`, is `url`."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path = checked_path(path)
        self._source = source
        self._runner: web.AppRunner | None = None
        self.url = f"unix://{path}"

    async def open(self) -> None:
        """Begin. Raises `Refused`: `folder_not_private`."""
        prepare_folder(self._path.parent)
        remove_socket(self._path)
        app = web.Application(client_max_size=QUESTION_BYTES_MAX)
        app.router.add_post("/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        with private_by_default():
            await web.UnixSite(self._runner, str(self._path)).start()

    async def close(self) -> None:
        """End."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        remove_socket(self._path)

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            asked = json.loads(await request.read())
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            return _error(None, _INVALID, "this is no question")
        number, parameters = asked.get("id"), asked.get("params")
        parameters = parameters if isinstance(parameters, dict) else {}
        try:
            question = LightQuestion.checked(asked.get("method"), parameters.get("height"))
            found = await self._source(question)
        except (RpcRefused, RpcUnavailable) as refused:
            return _error(number, _INTERNAL, str(refused))
        return web.json_response({"jsonrpc": "2.0", "id": number, "result": found})


def _error(number: object, code: int, reason: str) -> web.Response:
    told = {"code": code, "message": "Internal error", "data": reason}
    return web.json_response({"jsonrpc": "2.0", "id": number, "error": told})
