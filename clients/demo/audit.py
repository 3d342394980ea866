"""The light client's check: every figure proved against one certified header, nothing believed.

- Each account is read with its own key from its own territory's node, with its proof.
- Reserve and supply come from each currency's totals object, with its proof.
- All proofs lead to the state root of one header, whose certificate is verified from the genesis
  alone; and the four nodes carry that header as their newest final one.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.objects import Account, Currency
from primitives import addresses
from primitives.errors import Refused
from primitives.signatures import SigningKey
from wallet.light.balances import verify_account
from wallet.light.bundles import hex_field
from wallet.light.trust import FinalHeader
from wallet.node_client import NodeUnreachable
from wallet.reader import OBJECT_BYTES_MAX, PROOF_BYTES_MAX, Reader

READS_AT_ONCE = 16
AGREE_SECONDS = 60.0
POLL_SECONDS = 0.2
ROUNDS_MAX = 5


@dataclass(frozen=True)
class Owner:
    """An account that must exist, and a key that may read it."""

    prefix: str
    account_id: bytes
    signing_key: SigningKey
    reason: str = ""
    """Why staff reads it, if the key is not the account's own."""


@dataclass
class Totals:
    """One currency: what its totals object says, and what its accounts add up to."""

    currency: Currency
    balances_minor: int = 0
    accounts: int = 0

    @property
    def problems(self) -> list[str]:
        """What does not hold."""
        code = self.currency.code
        found = []
        if not self.currency.reserve_minor == self.currency.supply_minor == self.balances_minor:
            found.append(
                f"{code}: {self.currency.reserve_minor} / {self.currency.supply_minor} / "
                f"{self.balances_minor}"
            )
        if self.currency.accounts != self.accounts:
            found.append(f"{code}: {self.currency.accounts} / {self.accounts} accounts")
        return found


@dataclass
class Audit:
    """What was proved. `problems` is empty if everything holds."""

    header: FinalHeader
    totals: dict[str, Totals]
    proofs_verified: int
    problems: list[str] = field(default_factory=list)


class Auditor:
    """See the module's docstring. `readers` by territory, each with its own node first."""

    def __init__(
        self,
        readers: Mapping[str, Reader],
        owners: Sequence[Owner],
        currencies: Sequence[str],
        on_progress: Callable[[int], None],
    ) -> None:
        self._readers = readers
        self._owners = owners
        self._currencies = currencies
        self._on_progress = on_progress
        self._slots = asyncio.Semaphore(READS_AT_ONCE)

    async def run(self, above_height: int) -> Audit:
        """Check everything against a header above `above_height`, the last block with payments.

        When a block becomes final meanwhile, totals and balances would be of two moments: then
        all is read again. Raises `Refused("node_behind")` when the nodes do not come together.
        """
        for _ in range(ROUNDS_MAX):
            header = await self._agreed(above_height)
            totals = await self._totals(header)
            if totals is not None:
                return await self._check(header, totals)
        raise Refused("node_behind", "the chain does not come to rest")

    async def _agreed(self, above_height: int) -> FinalHeader:
        """The newest final header, once all nodes carry the same one."""
        deadline = time.monotonic() + AGREE_SECONDS
        while True:
            newest = [await self._newest(reader) for reader in self._readers.values()]
            first = newest[0]
            if (
                first is not None
                and first.height > above_height
                and all(one is not None and one.digest == first.digest for one in newest)
            ):
                return first
            if time.monotonic() > deadline:
                heights = ", ".join("-" if one is None else str(one.height) for one in newest)
                raise Refused("node_behind", f"{heights}; {above_height}")
            await asyncio.sleep(POLL_SECONDS)

    async def _newest(self, reader: Reader) -> FinalHeader | None:
        """What the territory's own node carries."""
        try:
            final, _ = await reader.final_header(reader.client.urls[0], None)
        except (NodeUnreachable, Refused):
            return None
        return final

    async def _totals(self, header: FinalHeader) -> dict[str, Totals] | None:
        """The totals objects at this header; None if the chain went on meanwhile."""
        reader = next(iter(self._readers.values()))
        totals: dict[str, Totals] = {}
        for code in self._currencies:
            proved = await reader.currency(code)
            if proved.final.digest != header.digest:
                return None
            totals[code] = Totals(proved.currency)
        return totals

    async def _check(self, header: FinalHeader, totals: dict[str, Totals]) -> Audit:
        problems: list[str] = []

        async def read(owner: Owner) -> None:
            async with self._slots:
                account = await self._account(owner, header)
            if account is None:
                problems.append(addresses.format_address(owner.prefix, owner.account_id))
            else:
                totals[account.currency].balances_minor += account.balance_minor
                totals[account.currency].accounts += 1
            self._on_progress(1)

        await asyncio.gather(*(read(owner) for owner in self._owners))
        for one in totals.values():
            problems.extend(one.problems)
        return Audit(header, totals, len(self._owners) + len(totals), problems)

    async def _account(self, owner: Owner, header: FinalHeader) -> Account | None:
        """The account at this header, proved; None if it was proved not to be there.

        The header was verified once for all; so each account costs one request.
        """
        address = addresses.format_address(owner.prefix, owner.account_id)
        path = f"/v1/accounts/{address}?height={header.height}"
        reader = self._readers[owner.prefix]

        async def ask(url: str) -> Account | None:
            answer = await reader.client.get_from(url, path, owner.signing_key, reason=owner.reason)
            if answer.status != 200:
                raise answer.refusal()
            raw = None
            if answer.content.get("object") is not None:
                raw = hex_field(answer.content, "object", OBJECT_BYTES_MAX)
            proof = hex_field(answer.content, "proof", PROOF_BYTES_MAX)
            return verify_account(header, owner.account_id, raw, proof)

        return await reader.first(ask)
