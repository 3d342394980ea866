"""The keys of a running node and their files, kept the same while either changes.

A command may prepare a new key, or issue another transport certificate, while the node runs: the
node sees it within seconds. An epoch, or the ledger, may make a prepared key the one in use: the
node signs with it at once, and its files take their places here; a crash before that is made good
at the next start, since then the chain says again which key counts.
"""

import asyncio
from dataclasses import dataclass

import structlog

from node.comet_keys import CometKeys, CometPair
from node.key_files import KeyFiles
from node.key_renewal import keep_cometbft, keep_signing, keep_voting
from node.key_ring import KeyRing, NodeKeys
from node.office.node_key import NodeKey
from node.territory import TerritoryNode
from primitives.errors import Refused
from primitives.signatures import SigningKey

LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Read:
    """What the files hold."""

    current: NodeKeys
    pending: NodeKeys | None
    signing: SigningKey
    next_signing: SigningKey | None
    comet: CometPair | None


class KeyWatch:
    """See the module's docstring. `with_cometbft`: that is the engine, whose keys are watched too.

    Raises `Refused` for keys that can't be read at the start: `passphrase_wrong`,
    `keystore_malformed`, `engine_keys_missing`."""

    def __init__(self, files: KeyFiles, passphrase: str, *, with_cometbft: bool = False) -> None:
        self._files = files
        self._with_cometbft = with_cometbft
        # Held like the keys themselves: without it a prepared key would wait for a restart.
        self._passphrase = passphrase
        with files.held():
            found = self._read()
            self._seen = files.seen()
        self._known = self._seen
        """What was read, and not only noticed: reading takes a while."""
        again = self._read_at_once
        self.ring = KeyRing(found.current, found.pending, self._taken_voting, read_again=again)
        self.node_key = NodeKey(found.signing, found.next_signing)
        self.comet: CometKeys | None = None
        if found.comet is not None:
            self.comet = CometKeys(
                *found.comet, self._taken_comet, read_again=self._read_comet_at_once
            )
        self._kept_comet: SigningKey | None = None
        self._kept_voting: NodeKeys | None = None
        self._kept_signing: SigningKey | None = None
        self._node: TerritoryNode | None = None
        self._account = b""
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("keys")

    def begin(self, node: TerritoryNode, account: bytes) -> None:
        """Watch for this node from now on; `account` is its territory's."""
        self._node, self._account = node, account
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def end(self) -> None:
        """No more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Make files and node the same once."""
        node = self._node
        if node is None:
            return
        if self.node_key.take(node.account(self._account)):
            self._kept_signing = self.node_key.current
            self._log.warning("node_key_replaced", key=self.node_key.current.public_key.hex()[:16])
        await self._keep()
        seen = await asyncio.to_thread(self._files.seen)
        if seen == self._seen:
            return
        self._seen = seen
        found = await asyncio.to_thread(self._read_held)
        node.renew_keys(found.current, found.pending)
        self.node_key.put(found.signing, found.next_signing)
        if self.comet is not None and found.comet is not None:
            self.comet.put(*found.comet)
        self._known = seen

    def _read_at_once(self) -> tuple[NodeKeys, NodeKeys | None] | None:
        found = self._read_news()
        return None if found is None else (found.current, found.pending)

    def _read_comet_at_once(self) -> CometPair | None:
        found = self._read_news()
        return None if found is None else found.comet

    def _read_news(self) -> _Read | None:
        """An epoch begins with a key that this node does not know: perhaps it was prepared a moment
        ago. The loop stands still meanwhile; the next look takes up the other keys."""
        try:
            seen = self._files.seen()
            if seen == self._known:
                return None
            found = self._read_held()
        except (Refused, OSError) as error:
            self._log.error("keys_unreadable", error=str(error))
            return None
        self._known = seen
        return found

    def _taken_voting(self, taken: NodeKeys) -> None:
        self._kept_voting = taken

    def _taken_comet(self, taken: SigningKey) -> None:
        self._kept_comet = taken

    async def _keep(self) -> None:
        voting, signing, comet = self._kept_voting, self._kept_signing, self._kept_comet
        if voting is not None:
            await asyncio.to_thread(keep_voting, self._files, voting)
            self._kept_voting = None
        if signing is not None:
            await asyncio.to_thread(keep_signing, self._files, signing)
            self._kept_signing = None
        if comet is not None:
            await asyncio.to_thread(keep_cometbft, self._files, comet, self._passphrase)
            self._kept_comet = None

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except (Refused, OSError) as error:
                # What the node signs with is in memory: files are looked at again.
                if getattr(error, "code", "") != "node_not_ready":  # it has no state to look at yet
                    self._log.error("keys_unreadable", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    def _read_held(self) -> _Read:
        with self._files.held():
            return self._read()

    def _read(self) -> _Read:
        files, passphrase = self._files, self._passphrase
        signing, next_signing = files.read_signing(passphrase)
        comet: CometPair | None = None
        if self._with_cometbft:
            key = files.read_cometbft(passphrase)
            if key is None:
                raise Refused("engine_keys_missing", "none", file=str(files.folder.root))
            comet = key, files.read_next_cometbft(passphrase)
        return _Read(
            files.read_current(passphrase),
            files.read_pending(passphrase),
            signing,
            next_signing,
            comet,
        )
