"""What the door answers CometBFT's light client: nothing that was not proved from the genesis on.

Headers come from members, and are passed on once they hold under the set that the followed epochs
say. Sets with everybody's turn, and parameters, follow from these epochs alone, so nobody is asked
for them: neither is wholly committed to by headers.
"""

import asyncio
from collections import OrderedDict
from typing import Any

from consensus.cometbft.light import SignedHeader
from node.engines.cometbft.epoch_proofs import ProvedEpochs
from node.engines.cometbft.light_door import LightQuestion
from node.engines.cometbft.light_json import commit_answer, params_answer, validators_answer
from node.engines.cometbft.members_asked import MembersAsked, NoAnswer
from node.engines.cometbft.network_terms import consensus_params
from node.engines.cometbft.rpc import RpcRefused
from primitives.errors import Refused

HEADERS_CACHED = 256
PATIENCE_SECONDS = 8.0
"""CometBFT gives thirty seconds for all that it asks of one snapshot."""
AGAIN_SECONDS = 0.5


class LightAnswers:
    """See the module's docstring; a `light_door.Source`."""

    def __init__(self, proved: ProvedEpochs, members: MembersAsked) -> None:
        self._proved = proved
        self._members = members
        self._known: OrderedDict[int, SignedHeader] = OrderedDict()
        self._following = asyncio.Lock()

    async def __call__(self, question: LightQuestion) -> Any:
        """Raises `RpcRefused`, in the words that CometBFT looks for."""
        height = question.height
        try:
            if question.method == "commit":
                return commit_answer(await self.patient_header(height))
            if height is None:
                raise RpcRefused("this is not answered without a height")
            # A set is asked for after its header, which led to all epochs below.
            if question.method == "validators":
                validators, turns = self._proved.set_at(height), self._proved.priorities(height)
                return validators_answer(height, validators, turns)
            epoch = self._proved.epoch_of(height)
            return params_answer(height, consensus_params(epoch.terms, epoch.number))
        except (NoAnswer, Refused) as error:
            reason = f"height {height or 0} must be less than or equal to what members give"
            raise RpcRefused(reason) from error

    async def patient_header(self, height: int | None) -> SignedHeader:
        """As `header`, for a while again and again: a member may be about to have it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_SECONDS
        while True:
            try:
                return await self.header(height)
            except NoAnswer:
                if loop.time() > until:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)

    async def header(self, height: int | None) -> SignedHeader:
        """A final header, verified; None: the newest of whoever answers. Raises `NoAnswer`, and
        `Refused("rule_version_unknown")`."""
        if height is not None and height in self._known:
            return self._known[height]

        async def ask(name: str) -> SignedHeader:
            signed = await self._members.header(name, height)
            try:
                self._proved.check(signed)
            except Refused as refusal:
                if refusal.code != "epoch_unproved":
                    raise
                await self.follow_one(name)
                await asyncio.to_thread(self._check_again, signed)
            return signed

        signed = await self._members.first_true(ask)
        self._known[signed.header.height] = signed
        while len(self._known) > HEADERS_CACHED:
            self._known.popitem(last=False)
        return signed

    def _check_again(self, signed: SignedHeader) -> None:
        """It may have just begun an epoch that the member can't prove yet: no lie, and no use."""
        try:
            self._proved.check(signed)
        except Refused as refusal:
            if refusal.code == "epoch_unproved":
                raise NoAnswer from refusal
            raise

    async def follow(self) -> None:
        """Learn every epoch that any member can prove. Raises `NoAnswer` where nobody answers."""
        answered = False
        for name in self._members.names:
            try:
                await self.follow_one(name)
                answered = True
            except NoAnswer:
                continue
            except Refused as refusal:
                if refusal.code == "rule_version_unknown":
                    raise
                self._members.set_aside(name, refusal)
        if not answered:
            raise NoAnswer

    async def follow_one(self, name: str) -> None:
        """Learn the epochs after the newest that this member shows. Raises `NoAnswer`, and
        `Refused` where it lies."""
        async with self._following:
            while True:
                first = self._proved.newest.number + 1
                proofs = await self._members.epochs(name, first)
                if not proofs:
                    return
                await asyncio.to_thread(self._proved.take, proofs)
