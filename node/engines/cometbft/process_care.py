"""Ends a `cometbft` that goes on with what no longer holds; its supervisor starts another at once.

It reads three things only when it begins, or connects, or decides a block:
- Whom it dials. One that was refused, or away for minutes, it dials again after hours, or never: an
  observer that waited for its admission, a member behind a line that was cut.
- Whom it let in. One that is admitted no longer stays connected, and gets every block.
- The keys. One that caught up with blocks still has the voting key that voted where it began; and
  it is known among its peers by the key that it began with.

So each of them, seen for a while, is a reason to begin anew. It takes a second or two, and what was
signed is remembered here, not there.

Source: CometBFT v0.38, `p2p/switch.go` (`reconnectToPeer`, `filterPeer`), `consensus/state.go`
(`updatePrivValidatorPubKey`).
"""

import asyncio
from collections.abc import Awaitable, Callable

from node.engines.cometbft.comet_view import CometView

LOOK_SECONDS = 1.0
SURE_LOOKS = 3
"""So many looks in a row must find the same: a key changes between two blocks, a peer leaves."""

STRANGER_LOOKS = 10
"""One that gets another key at this moment goes by itself, and comes back with that one."""

LONELY_LOOKS_MIN, LONELY_LOOKS_MAX = 20, 320
"""Those whom it needs may just be down; so each time it takes twice as long."""


class ProcessCare:
    """See the module's docstring. `view` is what CometBFT says of itself. `is_lonely`: it has fewer
    peers than it needs. `has_strangers`: some peer is not to be let in. `has_old_key`: it was told
    of another voting key than votes now, or began with another name."""

    def __init__(
        self,
        view: Callable[[], CometView],
        restart: Callable[[str], Awaitable[None]],
        *,
        is_lonely: Callable[[], bool],
        has_strangers: Callable[[], bool],
        has_old_key: Callable[[], bool],
    ) -> None:
        self._view = view
        self._restart = restart
        self._reasons = {
            "peers_not_admitted": has_strangers,
            "another_key_votes": has_old_key,
            "too_few_peers": is_lonely,
        }
        self._looks = dict.fromkeys(self._reasons, 0)
        self._lonely_looks = LONELY_LOOKS_MIN
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """From now on."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def end(self) -> None:
        """No more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Look once, and act where it is time."""
        if not self._view().is_there:
            return  # it begins, or ends: nothing is known of it
        for reason, holds in self._reasons.items():
            self._looks[reason] = self._looks[reason] + 1 if holds() else 0
        lonely = "too_few_peers"
        if not self._looks[lonely]:
            self._lonely_looks = LONELY_LOOKS_MIN
        for reason, looks in self._looks.items():
            if looks >= self._enough(reason):
                if reason == lonely:
                    self._lonely_looks = min(2 * self._lonely_looks, LONELY_LOOKS_MAX)
                self._looks = dict.fromkeys(self._reasons, 0)
                await self._restart(reason)
                return

    def _enough(self, reason: str) -> int:
        enough = {"too_few_peers": self._lonely_looks, "peers_not_admitted": STRANGER_LOOKS}
        return enough.get(reason, SURE_LOOKS)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()
