"""Which of its two identities this node shows while its voting key is being replaced.

The others trust the old key's certificate until the epoch in which the new key holds has begun
where they are, and the new one's from the vote on. A node that was away when that epoch began is
trusted with the new one alone, and learns of the epoch only once it is connected. So with a
pending key, a node that reaches fewer members than it needs tries its other identity, in turn.
"""

import asyncio
from collections.abc import Callable

import structlog

from node.epochs import Epoch
from node.key_ring import KeyRing
from node.peers.network import PeerNetwork

LOOK_SECONDS = 1.0
PATIENCE_LOOKS = 10
"""So many looks in a row must find too few members connected: dialing goes on once a second."""


class OwnIdentity:
    """See the module's docstring. `others_needed` is how many members are enough."""

    def __init__(
        self, keys: KeyRing, network: PeerNetwork, others_needed: Callable[[], int]
    ) -> None:
        self.keys = keys
        self._network = network
        self._others_needed = others_needed
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("keys")

    def begin(self) -> None:
        """Look after it from now on."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def end(self) -> None:
        """No more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def take(self, epoch: Epoch) -> None:
        """An epoch has begun: with the pending voting key, if its terms name it."""
        if self.keys.take([each.voting_key for each in epoch.terms.members]):
            self._log.warning(
                "voting_key_replaced",
                key=self.keys.current.voting_key.hex()[:16],
                epoch=epoch.number,
            )
            self.show()

    def show(self) -> None:
        """Show peers the identity that the key ring says."""
        shown = self.keys.shown
        transport = shown.transport
        self._network.set_identity(shown.voting_key, transport.key_pem, transport.certificate_pem)

    async def _watch(self) -> None:
        lonely = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            reached = len(self._network.members_connected)
            is_lonely = self.keys.pending is not None and reached < self._others_needed()
            lonely = lonely + 1 if is_lonely else 0
            if lonely >= PATIENCE_LOOKS:
                lonely = 0
                self.keys.show_other()
                self.show()
