"""Headers with what makes them final, read from CometBFT and held against our own chain.

CometBFT keeps them as long as our blocks are kept, so they are not stored twice (decision 0024).
What it gives is compared with our own record of that height before anyone sees it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import structlog

from consensus.cometbft.certified import BETWEEN_MAX, CertifiedHeader, SetChange
from consensus.cometbft.light import SignedHeader, verify_commit
from consensus.cometbft.rpc_json import signed_header_from_json
from node.chain import Chain
from node.engines.cometbft.own_record import is_ours
from node.engines.cometbft.proof_book import ProofBook, made_proof
from node.engines.cometbft.rpc import RpcRefused, RpcUnavailable
from node.engines.cometbft.set_changes import SetChanges
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import verify

HEADERS_CACHED = 256


class CommitSource(Protocol):
    """What is asked of CometBFT's RPC."""

    async def commit(self, height: int) -> object:
        """See `CometRpc.commit`."""


class SignedHeaders:
    """See the module's docstring."""

    def __init__(
        self, rpc: Callable[[], CommitSource], chain: Chain, set_changes: SetChanges
    ) -> None:
        self._rpc = rpc
        self._chain = chain
        self._set_changes = set_changes
        self._known: OrderedDict[int, CertifiedHeader] = OrderedDict()
        self._log = structlog.get_logger("engine")

    async def at(self, height: int) -> CertifiedHeader:
        """The header at a final height, under its own commit or, where too few of its signatures
        hold by our equation, under that of one above. Raises `Refused("node_not_ready")` where
        CometBFT does not give it now."""
        known = self._known.get(height)
        if known is not None:
            return known
        first = await self._ask(height)
        signed, between = first, list[SignedHeader]()
        while not self._holds(signed):
            above = signed.header.height + 1
            if above > self._chain.height or len(between) >= BETWEEN_MAX:
                raise Refused("node_not_ready", f"height {height} lacks signatures that hold")
            signed = await self._ask(above)
            between.append(signed)
        rows = tuple([each.header for each in between])
        found = CertifiedHeader(first.header, signed.commit, rows)
        self._known[height] = found
        while len(self._known) > HEADERS_CACHED:
            self._known.popitem(last=False)
        return found

    async def keep_set_changes(self) -> None:
        """Fetch and keep what proves the changes of the set that lack it. One that can't be had now
        is asked for after the next block."""
        for height, before, after in list(self._set_changes.missing(self._chain.height)):
            try:
                signed = await self._ask(height)
                change = SetChange(signed.header, signed.commit, after)
                change.verify(before, verify)
            except Refused as refusal:
                self._log.warning("set_change_unproved", height=height, reason=str(refusal))
                continue
            await asyncio.to_thread(self._set_changes.put, change)

    async def keep_epoch_proofs(self, book: ProofBook) -> None:
        """Fetch and keep what proves the epochs that lack it; as `keep_set_changes`."""
        for before, epoch in list(book.missing(self._chain.height)):
            try:
                boundary = await self._ask(epoch.height)
                above = await self._ask(epoch.height + 1)
                proof = made_proof(before, epoch, (boundary.header, above.header, above.commit))
            except Refused as refusal:
                self._log.warning("epoch_unproved", epoch=epoch.number, reason=str(refusal))
                if refusal.code == "epoch_unproved":
                    book.give_up(epoch.number)  # it ended before headers had a number
                continue
            await asyncio.to_thread(book.put, epoch.number, proof)

    def _holds(self, signed: SignedHeader) -> bool:
        validators = self._set_changes.set_at(signed.header.height)
        try:
            verify_commit(signed, validators, verify)
        except Refused as refusal:
            self._log.warning("commit_unproved", height=signed.header.height, reason=str(refusal))
            return False
        return True

    async def _ask(self, height: int) -> SignedHeader:
        try:
            content = await self._rpc().commit(height)
        except (RpcUnavailable, RpcRefused) as error:
            raise Refused("node_not_ready", f"CometBFT does not give height {height}") from error
        signed = signed_header_from_json(
            content.get("signed_header") if isinstance(content, dict) else None
        )
        self._check(height, signed)
        return signed

    def _check(self, height: int, signed: SignedHeader) -> None:
        """That it is the header of the block that our chain has there."""
        if self._chain.stored_header(height) is None:
            raise Refused("not_found")
        if signed.header.height != height or not is_ours(self._chain, signed.header):
            raise InvariantBroken(f"CometBFT's header at height {height} is of another block")
