"""Bringing a signed transaction through, and finding out what became of it.

The courier sends the bytes that stand in the outbox and no others, as often as needed: nodes
recognise them by their id, and the ledger takes a lane number once. What it learns is written to
the outbox before it is returned.
"""

import asyncio
import time
from collections.abc import Mapping

from ledger.envelope import is_of_network
from ledger.objects import Account
from primitives.errors import Refused
from wallet.delivery import BUSY_CODES, MORE_NODES, MORE_NODES_AFTER_MS
from wallet.lane_history import find_lane_use
from wallet.lane_owner import LaneOwner
from wallet.light.lanes import is_number_used
from wallet.light.memory import HeaderConflict
from wallet.node_client import NodeUnreachable
from wallet.outbox import Outbox
from wallet.outbox_entry import Entry
from wallet.pauses import BusyNodes
from wallet.reader import ProvedInclusion, ProvedPlace, Reader

POLL_SECONDS = 0.4
WAIT_MS = 30_000


class Courier:
    """Sends and settles the transactions of one lane."""

    def __init__(self, reader: Reader, outbox: Outbox, owner: LaneOwner) -> None:
        self._reader = reader
        self._outbox = outbox
        self._owner = owner
        self.last_inclusion: ProvedInclusion | None = None
        self.busy_code = ""

    async def send(self, entry: Entry, *, wait: bool, wait_ms: int = WAIT_MS) -> Entry:
        """Send `entry` and, with `wait`, stay until its outcome is proved or `wait_ms` is over.

        The entry comes back `final`, `refused` or still `pending`: then its outcome is unknown
        (`reported` says so), or, with `wait` false, a node holds it.
        """
        deadline = time.monotonic() + wait_ms / 1000
        urls = self._reader.client.urls
        started = time.monotonic()
        accepted: set[str] = set()
        refusals: dict[str, str] = {}
        busy = BusyNodes()
        while True:
            late = (time.monotonic() - started) * 1000 >= MORE_NODES_AFTER_MS
            wanted = 1 + (MORE_NODES if late else 0)
            for url in urls:
                if len(accepted) >= wanted or url in accepted or url in refusals:
                    continue
                if not busy.may_be_asked(url):
                    continue
                entry, word = await self._post(url, entry, wait and not accepted, busy)
                if entry.state == "final":
                    return entry
                if word == "accepted":
                    accepted.add(url)
                elif word:
                    refusals[url] = word
            if refusals and not accepted:
                return await self._refused(entry, list(refusals.values()))
            if not wait and accepted:
                return entry
            if not wait or time.monotonic() >= deadline:
                return self._outbox.save(entry.changed(reported="unknown"))
            await asyncio.sleep(POLL_SECONDS)
            entry, word = await self._look(entry)
            if entry.state != "pending":
                return entry
            if word == "unknown":
                # Whoever took it holds it no longer: asked again, they say why, or take it again.
                accepted.clear()

    async def resolve(self, entry: Entry) -> Entry:
        """Find out, without sending anything, what became of an earlier transaction.

        `final` if its inclusion (or, for a request that others completed, that of the same body)
        is proved; `absent` if its number is proved unused in a state that only blocks past its
        validity can follow; `refused` if another transaction is proved to hold its number. Else it
        stays `pending`. One for a network that this one took the place of can be final only there:
        `final` if its number is used by now, `absent` if it is not.
        """
        if not is_of_network(entry.body, self._reader.network.network_id):
            return await self._resolve_of_predecessor(entry)
        word: str = "unknown"
        if entry.id:
            found = await self._reader.finality(entry.id, self._owner.signing_key)
            if not isinstance(found, str):
                return self._final(entry, entry.id, found)
            word = found
        if word == "pending":
            return entry
        return await self._resolve_by_lane(entry, word)

    async def _resolve_of_predecessor(self, entry: Entry) -> Entry:
        owner = self._owner
        proved = await self._reader.account(owner.prefix, owner.account_id, owner.signing_key)
        used = _is_used(proved.account, owner.signing_key.public_key, entry.number)
        if used is None:
            return entry
        if used:
            return self._outbox.save(entry.changed(state="final", code=""))
        return self._outbox.save(entry.changed(state="absent", code="payment_of_predecessor"))

    async def _resolve_by_lane(self, entry: Entry, word: str) -> Entry:
        owner = self._owner
        proved = await self._reader.account(owner.prefix, owner.account_id, owner.signing_key)
        used = _is_used(proved.account, owner.signing_key.public_key, entry.number)
        if used is False:
            if proved.final.time_ms > entry.valid_until_ms:
                return self._outbox.save(entry.changed(state="absent", code="validity_expired"))
            if word not in ("unknown", "pending"):
                return self._outbox.save(entry.changed(state="refused", code=word))
            return entry
        other = await find_lane_use(self._reader, owner, entry.number)
        if other is None:
            return entry
        if other.body == entry.body:
            return self._final(entry, other.id, other.proof)
        return self._outbox.save(entry.changed(state="refused", code="number_used"))

    async def _post(self, url: str, entry: Entry, wait: bool, busy: BusyNodes) -> tuple[Entry, str]:
        """Send to one node: `accepted`, a refusal's code, or nothing when it did not answer."""
        try:
            wait_ms = MORE_NODES_AFTER_MS if wait else 0
            answer = await self._reader.client.post_transaction(url, entry.raw, wait_ms)
            if answer.status not in (200, 202):
                if answer.status >= 500 or answer.code in BUSY_CODES:
                    self.busy_code = answer.code
                    busy.hold(url, answer.retry_after_ms)
                    return entry, ""
                if answer.code == "network_mismatch":
                    # It is the node that is in the wrong place: the bytes are for this network.
                    return entry, ""
                return entry, answer.code
            if answer.content.get("status") == "final":
                return await self._settle(url, entry, answer.content), "accepted"
        except NodeUnreachable:
            return entry, ""
        except HeaderConflict:
            raise
        except Refused:
            # It claims that the transaction is final and cannot prove it: the next one may.
            return entry, ""
        return entry, "accepted"

    async def _settle(self, url: str, entry: Entry, content: Mapping[str, object]) -> Entry:
        found = await self._reader.prove_inclusion(url, entry.id, content)
        return self._final(entry, entry.id, found)

    async def _look(self, entry: Entry) -> tuple[Entry, str]:
        """Ask what became of a transaction under way, and what the nodes say while it is pending.

        No answer leaves it pending.
        """
        try:
            found = await self._reader.inclusion(entry.id, self._owner.signing_key)
        except HeaderConflict:
            raise
        except Refused:
            return entry, ""
        if isinstance(found, ProvedInclusion):
            return self._final(entry, entry.id, found), ""
        if found in ("pending", "unknown"):
            return entry, found
        return await self._refused(entry, [found]), ""

    async def _refused(self, entry: Entry, codes: list[str]) -> Entry:
        """A refusal, unless the number is used up: then by what is the question."""
        if "number_used" not in codes:
            return self._outbox.save(entry.changed(state="refused", code=codes[0]))
        try:
            resolved = await self.resolve(entry)
        except HeaderConflict:
            raise
        except Refused:
            return self._outbox.save(entry.changed(reported="unknown"))
        if resolved.state == "pending":
            return self._outbox.save(resolved.changed(reported="unknown"))
        return resolved

    def _final(
        self, entry: Entry, transaction_id: bytes, found: ProvedInclusion | ProvedPlace
    ) -> Entry:
        height: int | None = None  # nobody asked can tell any more, where only the place is proved
        if isinstance(found, ProvedPlace):
            number: int | None = found.number
        else:
            self.last_inclusion = found
            height, number = found.final.height, found.receipt_number
        return self._outbox.save(
            entry.changed(
                state="final", code="", id=transaction_id, height=height, receipt_number=number
            )
        )


def _is_used(account: Account | None, device_key: bytes, number: int) -> bool | None:
    """Whether a lane number is used; None when it is too far back for the lane to tell."""
    device = None if account is None else account.device(device_key)
    return False if device is None else is_number_used(device, number)
