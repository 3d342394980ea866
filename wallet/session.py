"""A session: many keys in memory, one WebSocket, thousands of payments.

For programs that hold the keys of many people, such as the demonstration and the benchmarks, and
for a till. Nothing is written to disk, so a session that dies forgets what it sent; a person's
wallet uses `wallet.courier` and its outbox instead.

    async with Session(network, urls) as session:
        baker = session.account("arden", signing_key)
        outcome = await session.settle(session.pay(baker, payee_id, 250))

- `pay` signs and queues, at once and without waiting; `settle` waits for the outcome;
  `on_outcome` hears of every outcome in the order in which it became known.
- A payment counts as final when a node named its block and that block's header was verified here:
  certificates are checked once per header, not once per payment. `prove` checks the inclusion of
  one payment as well, and a balance read with its proof shows what all of them came to.
- When the node goes away, the next one is used and everything pending is sent again, the same
  bytes. What sees no inclusion for 3 s is sent to two more nodes.
"""

import asyncio
import contextlib
import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from ledger.envelope import Cosignature, build_body, sign_transaction
from ledger.fields import PAYMENT_PAY
from ledger.payments import pay_fields
from primitives import addresses
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.signatures import SigningKey
from wallet.delivery import MORE_NODES_AFTER_MS, Delivery, Outcome, Pending
from wallet.light.memory import HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient
from wallet.payments import PAYMENT_VALID_MS
from wallet.reader import ProvedAccount, ProvedInclusion, Reader
from wallet.transaction_ids import transaction_id

IDLE_POLL_SECONDS = 0.01


@dataclass(slots=True)
class SessionAccount:
    """An account that this session may act for, and its lane.

    Numbers of refused transactions are used again, so that a refused one that a lying node kept
    can never be accepted beside the one that took its place.
    """

    prefix: str
    account_id: bytes
    signing_key: SigningKey
    currency: str
    next_number: int = 1
    released: list[int] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The account's address."""
        return addresses.format_address(self.prefix, self.account_id)

    def take_number(self) -> int:
        """The lane number for the next transaction."""
        if self.released:
            return heapq.heappop(self.released)
        self.next_number += 1
        return self.next_number - 1

    def release_number(self, number: int) -> None:
        """Give back the number of a refused transaction."""
        heapq.heappush(self.released, number)


class Session:
    """See the module's docstring. `urls` are tried in order; the first that answers is used."""

    def __init__(
        self,
        network: TrustedNetwork,
        urls: Sequence[str],
        *,
        memory: HeaderMemory | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
        more_nodes_after_ms: int = MORE_NODES_AFTER_MS,
    ) -> None:
        self.network = network
        self.client = NodeClient(urls, network.network_id)
        self.reader = Reader(self.client, network, memory or HeaderMemory())
        self._delivery = Delivery(
            self.reader, more_nodes_after_ms=more_nodes_after_ms, on_outcome=on_outcome
        )
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        self._running = asyncio.create_task(self._delivery.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._running
        await self.client.__aexit__(kind, error, trace)

    # -- signing and sending ------------------------------------------------------------------

    def account(
        self,
        prefix: str,
        signing_key: SigningKey,
        *,
        account_id: bytes | None = None,
        currency: str | None = None,
        next_number: int = 1,
    ) -> SessionAccount:
        """An account to act for. Without `account_id`, the one that this first key names.

        `currency` is the territory's first unless given. `next_number` is 1 for a key that never
        signed; `recover_lane` reads it from the network.
        """
        if account_id is None:
            account_id = addresses.account_id(prefix, signing_key.public_key)
        if currency is None:
            currency = self.network.territory(prefix).currencies[0].code
        return SessionAccount(prefix, account_id, signing_key, currency, next_number)

    async def recover_lane(self, account: SessionAccount) -> None:
        """Set the account's next number above the highest that the network knows, proved."""
        read = await self.balance(account)
        device = read.account and read.account.device(account.signing_key.public_key)
        account.next_number = (device.high if device else 0) + 1
        account.released.clear()

    def pay(
        self,
        account: SessionAccount,
        payee: bytes,
        amount_minor: int,
        *,
        note_commitment: bytes | None = None,
    ) -> bytes:
        """Sign a payment and queue it. Gives its id."""
        body_fields = pay_fields(payee, account.currency, amount_minor, note_commitment)
        return self.send(account, PAYMENT_PAY, body_fields)

    def send(
        self,
        account: SessionAccount,
        kind: str,
        body_fields: Sequence[Value],
        *,
        cosigners: Sequence[SigningKey | Cosignature] = (),
        valid_for_ms: int = PAYMENT_VALID_MS,
    ) -> bytes:
        """Sign a transaction of any kind on the account's lane and queue it. Gives its id."""
        started = time.monotonic()
        raw, number = self.sign(
            account, kind, body_fields, cosigners=cosigners, valid_for_ms=valid_for_ms
        )

        def on_end(outcome: Outcome) -> None:
            if outcome.state != "final" and outcome.code != "number_used":
                account.release_number(number)

        valid_until_ms = time.time_ns() // 1_000_000 + valid_for_ms
        return self._queue(account, raw, number, valid_until_ms, started, on_end)

    def sign(
        self,
        account: SessionAccount,
        kind: str,
        body_fields: Sequence[Value],
        *,
        cosigners: Sequence[SigningKey | Cosignature] = (),
        valid_for_ms: int = PAYMENT_VALID_MS,
        number: int | None = None,
        created_ms: int | None = None,
    ) -> tuple[bytes, int]:
        """Sign without sending: the raw bytes and the lane number they took."""
        if created_ms is None:
            created_ms = time.time_ns() // 1_000_000
        if number is None:
            number = account.take_number()
        body = build_body(
            kind,
            self.network.network_id,
            created_ms=created_ms,
            valid_until_ms=created_ms + valid_for_ms,
            account=account.account_id,
            device=account.signing_key.public_key,
            number=number,
            fields=body_fields,
        )
        network_id = self.network.network_id
        return sign_transaction(body, network_id, account.signing_key, cosigners), number

    def send_raw(
        self, account: SessionAccount, raw: bytes, *, number: int = 0, valid_until_ms: int = 0
    ) -> bytes:
        """Queue bytes as they are, whatever they are. Gives their id.

        `account` is who asks what became of them; the lane is left alone.
        """
        if not valid_until_ms:
            valid_until_ms = time.time_ns() // 1_000_000 + PAYMENT_VALID_MS
        return self._queue(account, raw, number, valid_until_ms, time.monotonic(), None)

    def _queue(
        self,
        account: SessionAccount,
        raw: bytes,
        number: int,
        valid_until_ms: int,
        started: float,
        on_end: Callable[[Outcome], None] | None,
    ) -> bytes:
        id = transaction_id(raw)
        self._delivery.queue(
            Pending(
                id=id,
                raw=raw,
                prefix=account.prefix,
                account_id=account.account_id,
                signing_key=account.signing_key,
                number=number,
                valid_until_ms=valid_until_ms,
                started=started,
                on_end=on_end,
            )
        )
        return id

    async def settle(self, id: bytes, *, timeout_ms: int = 60_000) -> Outcome:
        """How something that was sent ended.

        Raises `Refused("outcome_unknown")` when that is not known within `timeout_ms`.
        """
        self._raise_failure()
        known = self._delivery.outcomes.get(id)
        if known is not None:
            return known
        pending = self._delivery.pending.get(id)
        if pending is None:
            raise Refused("payment_unknown", id.hex())
        if pending.waiter is None:
            pending.waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await asyncio.shield(pending.waiter)
        except TimeoutError:
            raise Refused("outcome_unknown", id.hex()) from None

    async def idle(self, *, timeout_ms: int = 60_000) -> None:
        """Until nothing is pending. Raises `Refused("outcome_unknown")` after `timeout_ms`."""
        deadline = time.monotonic() + timeout_ms / 1000
        while self._delivery.pending:
            self._raise_failure()
            if time.monotonic() >= deadline:
                raise Refused("outcome_unknown", f"{self.pending_count} pending")
            await asyncio.sleep(IDLE_POLL_SECONDS)
        self._raise_failure()

    @property
    def pending_count(self) -> int:
        """How many transactions have no outcome yet; who sends a lot watches this."""
        return len(self._delivery.pending)

    @property
    def connections(self) -> int:
        """How often a node was connected to: 1 unless one went away."""
        return self._delivery.connections

    @property
    def connected_url(self) -> str | None:
        """The node in use; None while there is none."""
        return self._delivery.connected_url

    def _raise_failure(self) -> None:
        if self._delivery.failure is not None:
            raise self._delivery.failure

    # -- reading ------------------------------------------------------------------------------

    async def balance(self, account: SessionAccount, *, height: int | None = None) -> ProvedAccount:
        """The account, read with its own key and proved (against the header at `height`)."""
        return await self.reader.account(
            account.prefix, account.account_id, account.signing_key, height=height
        )

    async def prove(self, id: bytes, account: SessionAccount) -> ProvedInclusion:
        """The inclusion of a final transaction. Raises `Refused("not_final_yet")`."""
        found = await self.reader.inclusion(id, account.signing_key)
        if isinstance(found, ProvedInclusion):
            return found
        raise Refused("not_final_yet", found)
