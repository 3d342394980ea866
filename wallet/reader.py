"""Reading from nodes that are not trusted: every answer is proved before it is returned.

Nodes are asked in turn. One that lies, lags or is away is passed over; its error is raised only
when no other node has a better answer. What was once seen final is remembered, so that no node can
take the wallet back to an older state.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from consensus.cometbft.inclusion import INCLUSION_BYTES_MAX
from ledger.objects import Account, Currency
from ledger.power_objects import RequestRecord
from primitives import addresses
from primitives.errors import Refused
from primitives.signatures import SigningKey
from wallet.epoch_follower import EpochFollower
from wallet.light.balances import verify_account, verify_currency, verify_request
from wallet.light.bundles import COMETBFT, HeaderBundle, bundle_from_json, hex_field
from wallet.light.memory import HeaderConflict, HeaderMemory
from wallet.light.receipts import verify_inclusion, verify_place
from wallet.light.trust import FinalHeader, TrustedNetwork, check_rule_version, decode_header
from wallet.node_client import Answer, NodeClient, NodeUnreachable
from wallet.set_follower import SetFollower
from wallet.successor import successor_told

OBJECT_BYTES_MAX = 64 * 1024
PROOF_BYTES_MAX = 64 * 1024
T = TypeVar("T")

# A node that still holds a transaction may yet bring it through, whatever another says of it; one
# that refused it says more than one that never saw it. Refusals have rank 1.
_WORD_RANKS = {"none": -1, "unknown": 0, "pending": 2}

# The node asked next may be a block behind the one asked before it: as a rule for milliseconds, on
# a loaded machine for a second or two.
LAG_PATIENCE_MS = 3_000
LAG_PAUSE_MS = 50

# What a node may say only because it has not caught up.
_BEHIND_CODES = ("not_found", "node_behind", "not_final_yet", "version_not_kept")


@dataclass(frozen=True, slots=True)
class ProvedAccount:
    """An account as it stood after the parent of `final`; None if it was proved not to be open."""

    account: Account | None
    final: FinalHeader


@dataclass(frozen=True, slots=True)
class ProvedCurrency:
    """A currency's totals as they stood after the parent of `final`."""

    currency: Currency
    final: FinalHeader


@dataclass(frozen=True, slots=True)
class ProvedInclusion:
    """A transaction that stands in the final block of `final`.

    `receipt_number` is the node's word; a receipt proves it.
    """

    final: FinalHeader
    bundle: HeaderBundle
    inclusion: bytes
    receipt_number: int | None


@dataclass(frozen=True, slots=True)
class ProvedPlace:
    """A transaction's number in the receipt log, with its proof under a later final header."""

    number: int
    proof: bytes
    bundle: HeaderBundle


@dataclass(frozen=True, slots=True)
class _NoGoodAnswer:
    """The best error of a round; None if nobody was there."""

    refusal: Refused | None


class Reader:
    """Proved answers about one network."""

    def __init__(self, client: NodeClient, network: TrustedNetwork, memory: HeaderMemory) -> None:
        self.client = client
        self.network = network
        self.memory = memory
        self.epochs = EpochFollower(client, network, memory)
        self._sets = SetFollower(client, network, memory, lambda: self.epochs.checkpoint)
        self.proofs_verified = 0

    async def header(self, height: int | None = None) -> FinalHeader:
        """A final header; the newest when `height` is None."""
        return await self.first(lambda url: self._newest(url, height))

    async def account(
        self,
        prefix: str,
        account_id: bytes,
        signing_key: SigningKey,
        *,
        height: int | None = None,
        newest: bool = True,
        reason: str = "",
    ) -> ProvedAccount:
        """An account with its proof, read with one of its keys.

        With `height`, against that header; staff say their reason. Raises `Refused`: `not_found`
        when no node shows it to this key, `node_behind` when all know less than this wallet has
        seen already.
        """
        address = addresses.format_address(prefix, account_id)
        path = f"/v1/accounts/{address}" + ("" if height is None else f"?height={height}")

        async def read(url: str) -> ProvedAccount:
            content = await self._get(url, path, signing_key, reason)
            final = await self._proof_header(url, content)
            if height is not None and final.height != height:
                raise Refused("proof_invalid", "another height than asked for")
            if height is None and newest and final.height < self.memory.newest_height:
                raise Refused("node_behind", f"{final.height} < {self.memory.newest_height}")
            account = verify_account(final, account_id, *_object_and_proof(content))
            self.proofs_verified += 1
            return ProvedAccount(account, final)

        return await self.first(read)

    async def requests(
        self, account: Account, signing_key: SigningKey, *, reason: str = ""
    ) -> list[RequestRecord]:
        """What is open for the account's keys, proved; as many as the account itself lists.

        Raises `Refused("proof_invalid")` if no node shows them all.
        """
        address = addresses.format_address(account.prefix, account.id)

        async def read(url: str) -> list[RequestRecord]:
            path = f"/v1/accounts/{address}/requests"
            content = await self._get(url, path, signing_key, reason)
            items = content.get("items")
            found: list[RequestRecord] = []
            for item in items if isinstance(items, list) else []:
                if not isinstance(item, dict):
                    raise Refused("node_answer_malformed", field="items")
                final = await self._proof_header(url, item)
                found.append(verify_request(final, account.id, *_object_and_proof(item)))
            if {one.maker for one in found} != set(account.requests):
                raise Refused("proof_invalid", "not the requests that the account lists")
            return found

        return await self.first(read) if account.requests else []

    async def currency(self, code: str) -> ProvedCurrency:
        """A currency's totals with their proof."""

        currency, final = await self.public_object(
            f"/v1/currencies/{code}",
            lambda final, raw, proof: verify_currency(final, code, raw, proof),
        )
        return ProvedCurrency(currency, final)

    async def public_object(
        self,
        path: str,
        verify: Callable[[FinalHeader, bytes | None, bytes], T],
        *,
        newest: bool = False,
        bytes_max: int = OBJECT_BYTES_MAX,
    ) -> tuple[T, FinalHeader]:
        """An object that anyone may read, as `verify` takes it, and the header that proves it.

        `newest`: not as of an older header than was seen. Raises as `account`, and as `verify`.
        """

        async def read(url: str) -> tuple[T, FinalHeader]:
            content = await self._get(url, path, None)
            final = await self._proof_header(url, content)
            if newest and final.height < self.memory.newest_height:
                raise Refused("node_behind", f"{final.height} < {self.memory.newest_height}")
            found = verify(final, *_object_and_proof(content, bytes_max))
            self.proofs_verified += 1
            return found, final

        return await self.first(read)

    async def inclusion(
        self, transaction_id: bytes, signing_key: SigningKey
    ) -> ProvedInclusion | str:
        """A transaction's inclusion, proved; else what nodes say of it.

        That is `pending`, `unknown`, or the code of a refusal. Raises `Refused` when no node
        answers, and `block_pruned` when those who know it keep its block no longer.
        """
        word = "none"
        refusal: Refused | None = None
        for url in self.client.urls:
            try:
                found = await self.inclusion_from(url, transaction_id, signing_key)
            except HeaderConflict:
                raise
            except NodeUnreachable:
                continue
            except Refused as error:
                refusal = error
                continue
            if isinstance(found, ProvedInclusion):
                return found
            if _WORD_RANKS.get(found, 1) > _WORD_RANKS.get(word, 1):
                word = found
        if word != "none":
            return word
        raise refusal or Refused("node_unreachable", ", ".join(self.client.urls))

    async def finality(
        self, transaction_id: bytes, signing_key: SigningKey
    ) -> ProvedInclusion | ProvedPlace | str:
        """As `inclusion`; its place in the receipt log where no node asked keeps the block."""
        try:
            return await self.inclusion(transaction_id, signing_key)
        except Refused as refusal:
            if refusal.code != "block_pruned":
                raise
        return await self.receipt(transaction_id, signing_key)

    async def inclusion_from(
        self, url: str, transaction_id: bytes, signing_key: SigningKey
    ) -> ProvedInclusion | str:
        """The same from one node. Raises `NodeUnreachable`, `Refused`."""
        path = f"/v1/transactions/{transaction_id.hex()}"
        answer = await self.client.get_from(url, path, signing_key)
        if answer.status == 404:
            return "unknown"
        content = _data(answer)
        status = content.get("status")
        if status == "final":
            if content.get("height") is None and content.get("number") is not None:
                raise Refused("block_pruned", transaction_id.hex())
            return await self.prove_inclusion(url, transaction_id, content)
        if status == "refused":
            return answer.code if answer.code != "node_answer_malformed" else "refused"
        if status in ("pending", "unknown"):
            return str(status)
        raise Refused("node_answer_malformed", field="status")

    async def prove_inclusion(
        self, url: str, transaction_id: bytes, content: Mapping[str, object]
    ) -> ProvedInclusion:
        """Check a node's answer that a transaction is final."""
        final, bundle = await self.final_header(url, _count(content, "height"))
        # CometBFT's holds the transaction's bytes.
        bytes_max = INCLUSION_BYTES_MAX if bundle.engine == COMETBFT else PROOF_BYTES_MAX
        inclusion = hex_field(content, "inclusion", bytes_max)
        verify_inclusion(final, transaction_id, inclusion)
        self.proofs_verified += 1
        number = content.get("number")
        return ProvedInclusion(final, bundle, inclusion, number if type(number) is int else None)

    async def receipt(self, transaction_id: bytes, signing_key: SigningKey) -> ProvedPlace:
        """A final transaction's place in the receipt log, proved under a later final header.

        Raises `Refused("not_final_yet")` when no node can give that (yet).
        """

        async def read(url: str) -> ProvedPlace:
            path = f"/v1/transactions/{transaction_id.hex()}"
            content = await self._get(url, path, signing_key)
            if content.get("status") != "final" or content.get("receipt") is None:
                raise Refused("not_final_yet")
            final, bundle = await self.final_header(url, _count(content, "receipt_height"))
            proof = hex_field(content, "receipt", PROOF_BYTES_MAX)
            number = _count(content, "number")
            verify_place(final, number, transaction_id, proof)
            self.proofs_verified += 1
            return ProvedPlace(number, proof, bundle)

        return await self.first(read)

    async def final_header(self, url: str, height: int | None) -> tuple[FinalHeader, HeaderBundle]:
        """A header from one node, verified to be final and remembered."""
        name = "latest" if height is None else str(height)
        content = await self._get(url, f"/v1/headers/{name}", None)
        bundle = bundle_from_json(content)
        final = await self.accept_from(url, bundle)
        if height is not None and final.height != height:
            raise Refused("node_answer_malformed", "another height than asked for")
        return final, bundle

    async def accept_from(self, url: str, bundle: HeaderBundle) -> FinalHeader:
        """Verify and remember a header, following `url` to its epoch, or its validator set, where
        that is a new one.

        Raises `Refused`, `HeaderConflict`, `NodeUnreachable`.
        """
        self.network.check_engine(bundle.engine)
        if bundle.engine == COMETBFT:
            await self._sets.prepare(url, bundle)
        else:
            epoch = decode_header(bundle.header).epoch
            if self.epochs.is_needed(epoch):
                await self.epochs.follow(url, epoch)
        final = self.network.verify_final(bundle)
        self.memory.remember(final, bundle)
        # It is final, so a liar can't say it: nothing under these rules is read on a guess.
        check_rule_version(final.header.rule_version)
        return final

    async def first(self, read: Callable[[str], Awaitable[T]]) -> T:
        """The answer of the first node that has a good one; else the best error.

        Where all are behind what was seen already, they are given `LAG_PATIENCE_MS` to catch up.
        """
        deadline = time.monotonic() + LAG_PATIENCE_MS / 1000
        while True:
            answer = await self._first_good(read)
            if not isinstance(answer, _NoGoodAnswer):
                return answer
            refusal = answer.refusal
            if refusal is None or refusal.code != "node_behind" or time.monotonic() > deadline:
                raise await self._explained(refusal)
            await asyncio.sleep(LAG_PAUSE_MS / 1000)

    async def _first_good(self, read: Callable[[str], Awaitable[T]]) -> "T | _NoGoodAnswer":
        refusal: Refused | None = None
        for url in self.client.urls:
            try:
                return await read(url)
            except HeaderConflict:
                raise
            except NodeUnreachable:
                continue
            except Refused as error:
                # A node that has not caught up knows nothing of what another may have.
                if refusal is None or refusal.code in _BEHIND_CODES:
                    refusal = error
        return _NoGoodAnswer(refusal)

    async def _explained(self, refusal: Refused | None) -> Refused:
        """Why nobody has a good answer; above all that another network took this one's place."""
        if refusal is None:
            return Refused("node_unreachable", ", ".join(self.client.urls))
        successor = await successor_told(self.client, self.network, self.memory)
        if successor is not None:
            return Refused("network_succeeded", successor.genesis.network_id.hex())
        return refusal

    async def _newest(self, url: str, height: int | None) -> FinalHeader:
        final, _ = await self.final_header(url, height)
        if height is None and final.height < self.memory.newest_height:
            raise Refused("node_behind", f"{final.height} < {self.memory.newest_height}")
        return final

    async def _proof_header(self, url: str, content: Mapping[str, object]) -> FinalHeader:
        final, _ = await self.final_header(url, _count(content, "header_height"))
        return final

    async def _get(
        self, url: str, path: str, signing_key: SigningKey | None, reason: str = ""
    ) -> Mapping[str, object]:
        return _data(await self.client.get_from(url, path, signing_key, reason=reason))


def _data(answer: Answer) -> Mapping[str, object]:
    if answer.status != 200:
        raise answer.refusal()
    return answer.content


def _count(content: Mapping[str, object], name: str) -> int:
    value = content.get(name)
    if type(value) is not int or value < 0:
        raise Refused("node_answer_malformed", field=name)
    return value


def _object_and_proof(
    content: Mapping[str, object], bytes_max: int = OBJECT_BYTES_MAX
) -> tuple[bytes | None, bytes]:
    raw = None
    if content.get("object") is not None:
        raw = hex_field(content, "object", bytes_max)
    return raw, hex_field(content, "proof", PROOF_BYTES_MAX)
