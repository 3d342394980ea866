"""Delivering many transactions over one WebSocket, and learning how each ended.

Bookkeeping of a session (`wallet.session`), which signs. A transaction stays pending until its
block's header was verified, until it was refused, or until it is proved that it can never be
accepted. When the node goes away the next one is used and everything pending is sent again: the
same bytes, which nodes recognise.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from primitives.errors import Refused
from primitives.signatures import SigningKey
from wallet.light.lanes import is_number_used
from wallet.light.memory import HeaderConflict
from wallet.light.trust import FinalHeader
from wallet.node_client import NodeUnreachable
from wallet.node_stream import FinalIds, HeaderEvent, NodeStream, StreamClosed, Submitted
from wallet.pauses import pause_seconds
from wallet.reader import ProvedInclusion, Reader

# A wallet that sees no inclusion after 3 s sends to two more territories (protocol, section 7).
MORE_NODES_AFTER_MS = 3_000
MORE_NODES = 2

# Codes that say "not now" rather than "no".
BUSY_CODES = frozenset({"mempool_full", "node_busy", "node_not_ready", "busy"})

OUTCOMES_KEPT = 65_536
HEADERS_KEPT = 1_024
SEND_AT_ONCE = 256
RECONNECT_SECONDS = 0.2
WATCH_SECONDS = 0.5
LOOKUPS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a transaction ended.

    `state` is `final`, verified under the header `final`; `refused` with its `code`; or `absent`:
    proved never to be accepted any more. `milliseconds` run from before signing until this was
    known here, certificate verified.
    """

    id: bytes
    state: str
    code: str
    final: FinalHeader | None
    milliseconds: float


@dataclass(slots=True)
class Pending:
    """A transaction whose outcome is not known yet. Times are monotonic seconds. Until `held_until`
    the node in use, which was too busy `times_busy` times, is not asked again; until
    `others_held_until`, none of the others that it was not shown yet."""

    id: bytes
    raw: bytes
    prefix: str
    account_id: bytes
    signing_key: SigningKey
    number: int
    valid_until_ms: int
    started: float
    on_end: Callable[[Outcome], None] | None = None
    sent: float = 0.0
    times_sent: int = 0
    times_busy: int = 0
    held_until: float = 0.0
    shown_to: tuple[str, ...] = ()
    """Other nodes that had an answer to it."""
    times_others_busy: int = 0
    others_held_until: float = 0.0
    spread: bool = False
    """Whether that is as many as are to have it."""
    refusal: str = ""
    waiter: asyncio.Future[Outcome] | None = None


class Delivery:
    """See the module's docstring. `run` works until cancelled."""

    def __init__(
        self,
        reader: Reader,
        *,
        more_nodes_after_ms: int = MORE_NODES_AFTER_MS,
        on_outcome: Callable[[Outcome], None] | None = None,
    ) -> None:
        self._reader = reader
        self._more_nodes_after_seconds = more_nodes_after_ms / 1000
        self._on_outcome = on_outcome
        self.pending: dict[bytes, Pending] = {}
        self.outcomes: OrderedDict[bytes, Outcome] = OrderedDict()
        self.unsent: deque[Pending] = deque()
        self.connected_url: str | None = None
        self.connections = 0
        self.failure: BaseException | None = None
        self._wake = asyncio.Event()
        self._headers: OrderedDict[int, FinalHeader] = OrderedDict()
        self._early: dict[int, tuple[float, set[bytes]]] = {}
        """By height, since when and for what a header is missing."""

    def queue(self, pending: Pending) -> None:
        """Take over a transaction; it is sent in this or the next turn of the loop."""
        if pending.id in self.pending:
            return
        self.pending[pending.id] = pending
        self.unsent.append(pending)
        self._wake.set()

    async def run(self) -> None:
        """Stay connected, send, listen, look after what takes long."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._guard(self._stay_connected()))
            group.create_task(self._guard(self._watch()))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """A broken network, or a bug, must reach those who wait instead of a silent task."""
        try:
            await work
        except (Exception, asyncio.CancelledError) as error:
            if self.failure is None and not isinstance(error, asyncio.CancelledError):
                self.failure = error
            for pending in self.pending.values():
                if pending.waiter is not None and not pending.waiter.done():
                    if self.failure is not None:
                        pending.waiter.set_exception(self.failure)
                    else:
                        pending.waiter.cancel()
            raise

    # -- connection ---------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        urls = self._reader.client.urls
        turn = 0
        while True:
            url = urls[turn % len(urls)]
            try:
                await self._check_network(url)
                async with NodeStream(self._reader.client.session, url) as stream:
                    self.connections += 1
                    self.connected_url = url
                    await self._serve(stream)
            except (StreamClosed, NodeUnreachable):
                pass
            except HeaderConflict:
                raise
            except Refused:
                # It sends what the protocol does not say: another node will do better.
                pass
            self.connected_url = None
            turn += 1
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _check_network(self, url: str) -> None:
        """A node of another network would refuse everything, and its refusals mean nothing."""
        answer = await self._reader.client.get_from(url, "/v1/network")
        if answer.content.get("network_id") != self._reader.network.network_id.hex():
            raise Refused("node_of_other_network", url)

    async def _serve(self, stream: NodeStream) -> None:
        """Use one connection until it ends."""
        now = time.monotonic()
        self.unsent = deque([each for each in self.pending.values() if each.held_until <= now])
        self._wake.set()
        sending = asyncio.create_task(self._send(stream))
        listening = asyncio.create_task(self._listen(stream))
        try:
            done, _ = await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (sending, listening):
                task.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)

    async def _send(self, stream: NodeStream) -> None:
        while True:
            self._wake.clear()
            while self.unsent:
                now = time.monotonic()
                raws: list[bytes] = []
                while self.unsent and len(raws) < SEND_AT_ONCE:
                    pending = self.unsent.popleft()
                    if pending.id in self.pending:
                        pending.sent = now
                        pending.times_sent += 1
                        raws.append(pending.raw)
                await stream.send(raws)
            await self._wake.wait()

    async def _listen(self, stream: NodeStream) -> None:
        async for event in stream.events():
            if isinstance(event, HeaderEvent):
                final = await self._reader.accept_from(stream.url, event.bundle)
                if final.height != event.height:
                    raise Refused("node_answer_malformed", field="height")
                self._note_header(final)
            elif isinstance(event, FinalIds):
                final_header = self._headers.get(event.height)
                if final_header is not None:
                    self._end_all(event.ids, final_header)
                else:
                    self._note_early(event)
            elif isinstance(event, Submitted):
                self._note_results(event)

    def _note_early(self, event: FinalIds) -> None:
        """A block whose header did not come yet; the node may have made it up, and as many."""
        mine = {id for id in event.ids if id in self.pending}
        if mine and (event.height in self._early or len(self._early) < LOOKUPS_AT_ONCE):
            _, ids = self._early.setdefault(event.height, (time.monotonic(), set()))
            ids.update(mine)

    def _note_header(self, final: FinalHeader) -> None:
        self._headers[final.height] = final
        if len(self._headers) > HEADERS_KEPT:
            self._headers.popitem(last=False)
        early = self._early.pop(final.height, None)
        if early is not None:
            self._end_all(early[1], final)

    def _note_results(self, event: Submitted) -> None:
        for id, word in event.results:
            if word in ("accepted", "known"):
                continue
            pending = self.pending.get(id)
            if pending is None:
                continue
            if word in BUSY_CODES:
                self._hold(pending, event.retry_after_ms)
            elif pending.times_sent > 1 or word == "number_used":
                # Another node may have brought it through already: look before believing.
                pending.refusal = word
            else:
                self._end(pending, "refused", word, None)

    def _hold(self, pending: Pending, told_ms: int) -> None:
        """A node is too busy for it: it comes again when it was told to, and not before."""
        pending.times_busy += 1
        pause = pause_seconds(told_ms, pending.times_busy)
        pending.held_until = time.monotonic() + pause
        asyncio.get_running_loop().call_later(pause, self._again, pending)

    def _again(self, pending: Pending) -> None:
        if pending.id in self.pending:
            pending.held_until = 0.0
            self.unsent.append(pending)
            self._wake.set()

    # -- outcomes -----------------------------------------------------------------------------

    def _end_all(self, ids: Iterable[bytes], final: FinalHeader) -> None:
        for id in ids:
            pending = self.pending.get(id)
            if pending is not None:
                self._end(pending, "final", "", final)

    def _end(self, pending: Pending, state: str, code: str, final: FinalHeader | None) -> None:
        if self.pending.pop(pending.id, None) is None:
            return
        elapsed_ms = (time.monotonic() - pending.started) * 1000
        outcome = Outcome(pending.id, state, code, final, elapsed_ms)
        self.outcomes[pending.id] = outcome
        if len(self.outcomes) > OUTCOMES_KEPT:
            self.outcomes.popitem(last=False)
        if pending.on_end is not None:
            pending.on_end(outcome)
        if pending.waiter is not None and not pending.waiter.done():
            pending.waiter.set_result(outcome)
        if self._on_outcome is not None:
            self._on_outcome(outcome)

    # -- what takes long ----------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = time.monotonic()
            missing = [
                height for height, (noted, _) in self._early.items() if now - noted > WATCH_SECONDS
            ]
            late = [each for each in self.pending.values() if self._is_late(each, now)]
            late = late[:LOOKUPS_AT_ONCE]
            for pending in late:
                # To the end of the line, so that every late one gets its turn.
                self.pending[pending.id] = self.pending.pop(pending.id)
            await asyncio.gather(
                *(self._quietly(self._fetch_header(height)) for height in missing),
                *(self._quietly(self._look(pending)) for pending in late),
            )

    def _is_late(self, pending: Pending, now: float) -> bool:
        """Whether to look what became of it, and to send it to others."""
        none_to_ask = pending.spread or now < pending.others_held_until
        if pending.held_until and none_to_ask and not pending.shown_to:
            # Nobody took it: there is nothing to look for before its turn comes.
            return bool(pending.refusal)
        long_ago = now - pending.started >= self._more_nodes_after_seconds
        return bool(pending.refusal or (pending.sent and long_ago))

    async def _fetch_header(self, height: int) -> None:
        """One that a node did not send although it named the block final. Where nobody has it, the
        payments named are looked up like any that take long."""
        try:
            self._note_header(await self._reader.header(height))
        finally:
            self._early.pop(height, None)

    async def _quietly(self, work: Awaitable[None]) -> None:
        """No answer now is no answer; only a broken network is worth more than another try."""
        try:
            await work
        except HeaderConflict:
            raise
        except (Refused, NodeUnreachable):
            return

    async def _look(self, pending: Pending) -> None:
        found = await self._reader.inclusion(pending.id, pending.signing_key)
        if pending.id not in self.pending:
            return
        if isinstance(found, ProvedInclusion):
            self._end(pending, "final", "", found.final)
        elif found not in ("pending", "unknown"):
            self._end(pending, "refused", found, None)
        elif pending.refusal and found == "unknown":
            self._end(pending, "refused", pending.refusal, None)
        elif not pending.spread and time.monotonic() >= pending.others_held_until:
            await self._spread(pending)
        elif time.time() * 1000 > pending.valid_until_ms:
            await self._prove_absence(pending)
        elif found == "unknown" and not pending.held_until:  # nor since the look began
            await self._ask_why(pending)

    async def _spread(self, pending: Pending) -> None:
        """Show it to others. Those that are too busy, or away, are asked again later: the node in
        use may say for ever that it is busy."""
        others = [url for url in self._reader.client.urls if url != self.connected_url]
        told_ms, missing = 0, False
        for url in others[:MORE_NODES]:
            if url in pending.shown_to:
                continue
            try:
                answer = await self._reader.client.post_transaction(url, pending.raw)
            except NodeUnreachable:
                missing = True
                continue
            if answer.code in BUSY_CODES:
                told_ms, missing = max(told_ms, answer.retry_after_ms), True
            else:
                pending.shown_to += (url,)
        if missing:
            pending.times_others_busy += 1
            pause = pause_seconds(told_ms, pending.times_others_busy)
            pending.others_held_until = time.monotonic() + pause
        pending.spread = not missing

    async def _ask_why(self, pending: Pending) -> None:
        """Whoever took it holds it no longer: asked again, they say why, or take it again."""
        url = self.connected_url or self._reader.client.urls[0]
        answer = await self._reader.client.post_transaction(url, pending.raw)
        if answer.status == 422:
            pending.refusal = answer.code
        elif answer.code in BUSY_CODES and pending.id in self.pending:
            self._hold(pending, answer.retry_after_ms)

    async def _prove_absence(self, pending: Pending) -> None:
        proved = await self._reader.account(pending.prefix, pending.account_id, pending.signing_key)
        device = proved.account and proved.account.device(pending.signing_key.public_key)
        used = is_number_used(device, pending.number) if device else False
        if used is False and proved.final.time_ms > pending.valid_until_ms:
            self._end(pending, "absent", "validity_expired", None)
