"""Asks CometBFT over its own JSON-RPC, on a Unix socket that only the node reaches.

Source: CometBFT v0.38, `rpc/core`, `rpc/jsonrpc`.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

RESPONSE_BYTES_MAX = 32 * 1024 * 1024
TIMEOUT_SECONDS = 10


class RpcUnavailable(Exception):
    """Nobody answers, or not in time: CometBFT is starting, stopping, or busy."""


class RpcRefused(Exception):
    """It answered that it can't; the reason is for logs, not for people."""


class TransactionKnown(RpcRefused):
    """It is in the pool's cache: in the pool, or in a block already."""


class PoolFull(RpcRefused):
    """The pool takes no more for now."""


_REFUSALS = {"tx already exists in cache": TransactionKnown, "mempool is full": PoolFull}


@dataclass(frozen=True, slots=True)
class BroadcastResult:
    """What CheckTx said of a transaction; `code` 0: it is in the pool and on its way to peers."""

    code: int
    log: str
    codespace: str


class CometRpc:
    """A client for one node's CometBFT; `async with` closes it."""

    def __init__(self, socket: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(socket)),
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()

    async def call(self, method: str, **parameters: Any) -> Any:
        """The result of a method. Raises `RpcUnavailable`, `RpcRefused`."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        try:
            async with self._session.post("http://cometbft/", json=request) as response:
                raw = await response.content.read(RESPONSE_BYTES_MAX)
                while len(raw) < RESPONSE_BYTES_MAX and not response.content.at_eof():
                    raw += await response.content.read(RESPONSE_BYTES_MAX - len(raw))
                if not response.content.at_eof():
                    raise RpcRefused(f"{method}: the answer is too long")
            found = json.loads(raw)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise RpcUnavailable(method) from error
        except (ValueError, RecursionError) as error:
            raise RpcRefused(f"{method}: the answer can't be read") from error
        if not isinstance(found, dict) or "result" not in found:
            reason = _reason(found.get("error") if isinstance(found, dict) else None)
            kind = next((kind for text, kind in _REFUSALS.items() if text in reason), RpcRefused)
            raise kind(f"{method}: {reason}")
        return found["result"]

    async def broadcast(self, transaction: bytes) -> BroadcastResult:
        """Hand a transaction in; answered after CheckTx. Raises as `call`, `TransactionKnown` and
        `PoolFull` among them.

        Never from within Commit: CometBFT holds its pool locked then.
        """
        found = await self.call("broadcast_tx_sync", tx=base64.b64encode(transaction).decode())
        return BroadcastResult(
            int(found["code"]), str(found.get("log", "")), str(found.get("codespace", ""))
        )

    async def status(self) -> Any:
        """CometBFT's `status`: `sync_info.latest_block_height`, `catching_up`, `validator_info`."""
        return await self.call("status")

    async def height(self) -> int:
        """The newest height that it has a block of; 0 before the first."""
        return int((await self.status())["sync_info"]["latest_block_height"])

    async def commit(self, height: int) -> Any:
        """`signed_header` (header and commit) at a height, and whether it is `canonical`."""
        return await self.call("commit", height=str(height))

    async def validators(self, height: int) -> Any:
        """The set that signs the block at a height; at most a hundred."""
        return await self.call("validators", height=str(height), page="1", per_page="100")

    async def block(self, height: int) -> Any:
        """`block_id` and `block`."""
        return await self.call("block", height=str(height))

    async def peers(self) -> list[str]:
        """Node ids of those it is connected with."""
        found = await self.call("net_info")
        return [str(peer["node_info"]["id"]) for peer in found["peers"]]

    async def pool_transactions(self) -> int:
        """How many transactions its pool holds."""
        return int((await self.call("num_unconfirmed_txs"))["total"])


def _reason(refusal: Any) -> str:
    if not isinstance(refusal, dict):
        return "no result"
    return f"{refusal.get('message', '')}: {refusal.get('data', '')}"[:300]
