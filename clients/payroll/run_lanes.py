"""Where a run's bytes are kept while it is under way: in the wallet's outbox, or in memory.

An employer's computer keeps them in the outbox of its wallet, written before anything is sent, so
that a command that was killed takes up the very same bytes. A program that acts for many employers
keeps them in memory: then the run's id, which the ledger takes once, is all that stands between a
repeated call and a second payment.
"""

import asyncio
import heapq
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from clients.payroll.wage_runs import WageRun, run_reference
from ledger.fields import WAGES_PAY
from primitives.errors import Refused
from wallet.desk import Desk
from wallet.lane_owner import LaneOwner
from wallet.light.memory import HeaderConflict, HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient, NodeUnreachable
from wallet.outbox_entry import Entry
from wallet.payments import make_entry
from wallet.reader import ProvedInclusion, ProvedPlace, Reader
from wallet.transaction_ids import transaction_id

SETTLE_MS = 30_000
POLL_SECONDS = 0.3


class RunLane(Protocol):
    """See the module's docstring."""

    client: NodeClient

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def earlier(self, file_sha256: bytes, run_name: str | None) -> Entry | None:
        """A run of the same payroll that was signed and whose end nobody was told."""

    async def prepare(self, run: WageRun) -> Entry:
        """Number the run and keep its bytes; nothing is sent."""

    def keep(self, entry: Entry) -> Entry:
        """Keep what is newly known of a run."""

    async def send(self, entry: Entry, *, wait: bool) -> Entry:
        """Bring a countersigned run through; its end is proved before it counts as final."""


class OutboxLane:
    """The lane of a wallet, with its outbox."""

    def __init__(
        self, network: TrustedNetwork, urls: Sequence[str], owner: LaneOwner, folder: Path
    ) -> None:
        self.desk = Desk(network, owner, urls, folder=folder)
        self.client = self.desk.client

    async def __aenter__(self) -> Self:
        await self.desk.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.desk.__aexit__(kind, error, trace)

    def earlier(self, file_sha256: bytes, run_name: str | None) -> Entry | None:
        """See `RunLane`."""
        for entry in self.desk.outbox.orphans():
            if (
                entry.kind == WAGES_PAY
                and _reference(entry) == run_reference(file_sha256, run_name)
                and entry.state in ("pending", "final")
                and entry.reported in ("", "unknown")
                and self.desk.outbox.hold(entry)
            ):
                return entry
        return None

    async def prepare(self, run: WageRun) -> Entry:
        """See `RunLane`."""
        return await self.desk.prepare(run, complete=False)

    def keep(self, entry: Entry) -> Entry:
        """See `RunLane`."""
        return self.desk.outbox.save(entry)

    async def send(self, entry: Entry, *, wait: bool) -> Entry:
        """See `RunLane`."""
        return await self.desk.courier.send(entry, wait=wait)


class MemoryLane:
    """A lane in memory: one key, one process."""

    def __init__(self, network: TrustedNetwork, urls: Sequence[str], owner: LaneOwner) -> None:
        self._network = network
        self._owner = owner
        self.client = NodeClient(urls, network.network_id)
        self._reader = Reader(self.client, network, HeaderMemory())
        self._next_number: int | None = None
        self._released: list[int] = []
        self._entries: dict[tuple[str, str], Entry] = {}

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.__aexit__(kind, error, trace)

    def earlier(self, file_sha256: bytes, run_name: str | None) -> Entry | None:
        """See `RunLane`."""
        entry = self._entries.get(run_reference(file_sha256, run_name))
        return entry if entry is not None and entry.state == "pending" else None

    async def prepare(self, run: WageRun) -> Entry:
        """See `RunLane`."""
        return self.keep(
            make_entry(
                run,
                self._owner,
                self._network.network_id,
                await self._take_number(),
                created_ms=time.time_ns() // 1_000_000,
                complete=False,
            )
        )

    def keep(self, entry: Entry) -> Entry:
        """See `RunLane`. The next run takes the number of a refused one."""
        self._entries[_reference(entry)] = entry
        if entry.releases_number:
            heapq.heappush(self._released, entry.number)
        return entry

    async def send(self, entry: Entry, *, wait: bool) -> Entry:
        """See `RunLane`."""
        deadline = time.monotonic() + SETTLE_MS / 1000
        while True:
            for url in self.client.urls:
                try:
                    answer = await self.client.post_transaction(url, entry.raw)
                except NodeUnreachable:
                    continue
                if answer.status == 422 and answer.code != "number_used":
                    return self.keep(entry.changed(state="refused", code=answer.code))
                break
            found = await self._look(entry.id)
            if isinstance(found, ProvedPlace):  # in a block that the nodes asked keep no longer
                return self.keep(
                    entry.changed(state="final", height=None, receipt_number=found.number)
                )
            if found is not None:
                return self.keep(
                    entry.changed(
                        state="final",
                        height=found.final.height,
                        receipt_number=found.receipt_number,
                    )
                )
            if not wait or time.monotonic() >= deadline:
                return entry
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self, id: bytes) -> ProvedInclusion | ProvedPlace | None:
        try:
            found = await self._reader.finality(id, self._owner.signing_key)
        except HeaderConflict:
            raise
        except Refused:
            return None
        return None if isinstance(found, str) else found

    async def _take_number(self) -> int:
        if self._released:
            return heapq.heappop(self._released)
        if self._next_number is None:
            owner = self._owner
            proved = await self._reader.account(owner.prefix, owner.account_id, owner.signing_key)
            device = proved.account and proved.account.device(owner.signing_key.public_key)
            if not device:
                raise Refused("account_unknown", owner.address)
            self._next_number = device.high + 1
        self._next_number += 1
        return self._next_number - 1


def countersigned(entry: Entry, raw: bytes) -> Entry:
    """The entry with all signatures."""
    return entry.changed(raw=raw, id=transaction_id(raw))


def _reference(entry: Entry) -> tuple[str, str]:
    return str(entry.private.get("file_sha256", "")), str(entry.private.get("run_name", ""))
