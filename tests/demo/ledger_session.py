"""A session whose network is the ledger's own rules, in memory: no node, no consensus.

What `wallet.session.Session` offers to the demonstration, with every transaction decided at once.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from clients.demo.people import demo_secret
from clients.demo.places import PLACES
from ledger.execution import apply, new_candidate
from ledger.founders import GenesisCurrency, Territory
from ledger.genesis import Genesis, initial_objects
from ledger.objects import Account
from ledger.rules import Parameters
from ledger.state import State
from ledger.transaction import decode_transaction, signature_items
from primitives.errors import Refused
from primitives.signatures import SigningKey, verify
from wallet.delivery import Outcome
from wallet.light.trust import TrustedNetwork
from wallet.reader import ProvedInclusion
from wallet.session import Session, SessionAccount
from wallet.transaction_ids import transaction_id


def key_for(prefix: str, role: str) -> SigningKey:
    """A town hall's key."""
    return SigningKey.from_seed(demo_secret(1, "town hall", prefix, role))


def make_genesis() -> Genesis:
    """The four places' network."""
    return Genesis(
        version=1,
        time_ms=time.time_ns() // 1_000_000,
        demo=True,
        parameters=Parameters(),
        territories=tuple(
            Territory(
                name=place.name,
                prefix=place.prefix,
                currencies=(GenesisCurrency(place.currency),),
                peer="127.0.0.1:1",
                http="127.0.0.1:2",
                voting_key=key_for(place.prefix, "voting").public_key,
                authority_der=b"\0",
                signing_keys=(
                    key_for(place.prefix, "signing").public_key,
                    key_for(place.prefix, "signing-2").public_key,
                ),
                signing_threshold=1,
                recovery_key=key_for(place.prefix, "recovery").public_key,
                issuer_keys=(key_for(place.prefix, "issuer").public_key,),
                issuer_threshold=1,
                node_key=key_for(place.prefix, "node").public_key,
            )
            for place in PLACES
        ),
    )


class MemoryObjects:
    """Committed objects and receipts, of which only the objects of the genesis are."""

    def __init__(self, genesis: Genesis) -> None:
        self._objects = {key: item.encode() for key, item in initial_objects(genesis)}

    def object(self, key: bytes) -> bytes | None:
        """See `ledger.sources.ObjectSource`."""
        return self._objects.get(key)

    def objects_of(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `ledger.sources.ObjectSource`."""
        return [self._objects.get(key) for key in keys]

    def receipt_leaf(self, number: int) -> bytes | None:
        """See `ledger.sources.ReceiptSource`."""
        return None

    def chunk_root(self, index: int) -> bytes | None:
        """See `ledger.sources.ReceiptSource`."""
        return None


class Books:
    """The ledger: one candidate that grows by what is accepted."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        source = MemoryObjects(genesis)
        rules = genesis.rules
        self.candidate = new_candidate(State(source, source, rules, 0))
        self.numbers: dict[bytes, int] = {}

    def submit(self, raw: bytes) -> str:
        """Accept (an empty word, also for what was accepted before) or give the refusal's code."""
        if transaction_id(raw) in self.numbers:
            return ""
        try:
            transaction = decode_transaction(raw, self.genesis.network_id)
            if not all(verify(*item) for item in signature_items(transaction)):
                return "signature_invalid"
            number = self.candidate.receipt_count
            apply(self.candidate, transaction, time.time_ns() // 1_000_000)
        except Refused as refusal:
            return refusal.code
        self.numbers[transaction.id] = number
        return ""

    def accounts(self) -> list[Account]:
        """Every account as it stands now."""
        found = {
            item.id: item for _, item in initial_objects(self.genesis) if isinstance(item, Account)
        }
        return list({**found, **self.candidate.accounts}.values())


@dataclass(frozen=True)
class _Proved:
    receipt_number: int


class LedgerSession(Session):
    """See the module's docstring."""

    def __init__(self, books: Books, on_outcome: Callable[[Outcome], object]) -> None:
        self.network = TrustedNetwork(books.genesis)
        self._books = books
        self._on_outcome = on_outcome
        self._ends: dict[bytes, Outcome] = {}
        self._pending = 0

    def send_raw(
        self, account: SessionAccount, raw: bytes, *, number: int = 0, valid_until_ms: int = 0
    ) -> bytes:
        """Decide now, tell in a later turn of the loop."""
        id = transaction_id(raw)
        code = self._books.submit(raw)
        self._ends[id] = Outcome(id, "refused" if code else "final", code, None, 1.0)
        self._pending += 1
        asyncio.get_running_loop().call_soon(self._tell, self._ends[id])
        return id

    def _tell(self, outcome: Outcome) -> None:
        self._pending -= 1
        self._on_outcome(outcome)

    async def settle(self, id: bytes, *, timeout_ms: int = 0) -> Outcome:
        """As it ended."""
        return self._ends[id]

    async def idle(self, *, timeout_ms: int = 0) -> None:
        """Until everything was told."""
        while self._pending:
            await asyncio.sleep(0)

    @property
    def pending_count(self) -> int:
        """What is decided and not told yet."""
        return self._pending

    async def prove(self, id: bytes, account: SessionAccount) -> ProvedInclusion:
        """The receipt number alone."""
        return cast(ProvedInclusion, _Proved(self._books.numbers[id]))
