"""What CometBFT says of itself, asked every second: how far it is, its round, its peers."""

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from node.engines.cometbft.rpc import RpcRefused, RpcUnavailable

ASKED_SECONDS = 0.5
BEHIND_BLOCKS_MAX = 8
"""A ledger that lags CometBFT's own blocks by more is not current."""


@dataclass(frozen=True, slots=True)
class CometView:
    """`is_there`: it answers. `catching_up`: it fetches blocks or a snapshot. `peers`: node ids."""

    is_there: bool = False
    catching_up: bool = True
    height: int = 0
    round: int = 0
    peers: frozenset[str] = frozenset()


class Asked(Protocol):
    """What is asked of CometBFT's RPC."""

    async def call(self, method: str, **parameters: Any) -> Any:
        """See `CometRpc.call`."""

    async def peers(self) -> list[str]:
        """See `CometRpc.peers`."""


class CometWatch:
    """`view` is what it said last."""

    def __init__(self, rpc: Asked) -> None:
        self._rpc = rpc
        self._task: asyncio.Task[None] | None = None
        self.view = CometView()

    def begin(self) -> None:
        """From now on."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def end(self) -> None:
        """No more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Ask once."""
        try:
            sync = (await self._rpc.call("status"))["sync_info"]
            peers = frozenset(await self._rpc.peers())
            at = await self._rpc.call("consensus_state")
            self.view = CometView(
                True,
                bool(sync["catching_up"]),
                int(sync["latest_block_height"]),
                _round_of(at),
                peers,
            )
        except (RpcUnavailable, RpcRefused, KeyError, TypeError, ValueError):
            self.view = CometView()

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(ASKED_SECONDS)


def _round_of(content: Any) -> int:
    """`height/round/step` of the height that is being decided."""
    return int(str(content["round_state"]["height/round/step"]).split("/")[1])
