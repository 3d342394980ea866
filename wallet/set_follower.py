"""Following a network that CometBFT orders, from one validator set to the next.

As `wallet.epoch_follower`, with what CometBFT's headers say: within `trust_days_max` of what was
last known to be final the known set answers for its headers and for the next set. A wallet that was
away for longer wants to hear the header itself from f + 1 territories of the set it knew, each
asked at its own address, or that a checkpoint (a height and its header's digest) is newer than that
(docs/protocol.md, section 6).
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from consensus.cometbft.certified import CertifiedHeader, SetChange, read_set_changes
from consensus.cometbft.headers import Header
from primitives.errors import Refused
from wallet.light.bundles import HeaderBundle, bundle_from_json
from wallet.light.memory import HeaderMemory
from wallet.light.trust import FinalHeader, TrustedNetwork, header_of
from wallet.light.validator_sets import ValidatorSets, bundle_of, certified_of
from wallet.node_client import NodeClient, NodeUnreachable
from wallet.node_urls import node_url

SETS_PATH = "/v1/sets"


class SetFollower:
    """Brings `network` to the set that a header needs. `checkpoint` gives the owner's, if any."""

    def __init__(
        self,
        client: NodeClient,
        network: TrustedNetwork,
        memory: HeaderMemory,
        checkpoint: Callable[[], tuple[int, bytes] | None],
    ) -> None:
        self._client = client
        self._network = network
        self._memory = memory
        self._checkpoint = checkpoint
        self._held_against: tuple[int, bytes] | None = None
        self._vouched_ms = 0
        self._turn = asyncio.Lock()

    async def prepare(self, url: str, bundle: HeaderBundle) -> None:
        """Learn from one node what a header needs to be judged, and whether old keys may judge it.

        Raises `Refused`: `certificate_invalid`, `epoch_unknown` where the node does not lead there,
        `trust_expired` where more than the known set's word is needed and not to be had,
        `checkpoint_differs`, `HeaderConflict`; `NodeUnreachable`.
        """
        certified = certified_of(bundle)
        if self._is_ready(certified):
            return
        async with self._turn:
            await self._hold_against_checkpoint(url)
            led = await self._led_to(url, certified)
            if not self._is_recent():
                # Keys that were replaced since may be anybody's: nothing is learnt on their word.
                led.verify(bundle)
                await self._check_agreed(certified.header)
            self._adopt(led)

    def _is_ready(self, certified: CertifiedHeader) -> bool:
        checked = self._held_against == self._checkpoint()
        return checked and self._network.sets.is_known(certified) and self._is_recent()

    # -- sets ---------------------------------------------------------------------------------

    async def _led_to(self, url: str, certified: CertifiedHeader) -> ValidatorSets:
        """The sets known, and the changes that this node shows up to this header's set; nothing of
        it is believed yet. Part by part, each checked before the next is asked for."""
        led = self._network.sets.led_on(self._network.genesis, ())
        height = certified.certified.height
        above = led.known_below(height)
        while not led.is_known(certified) and above < height:
            status, raw = await self._client.get_bytes_from(url, f"{SETS_PATH}?above={above}")
            changes = read_set_changes(raw) if status == 200 else ()
            if not changes or changes[0].header.height <= above:
                raise Refused("epoch_unknown", f"the set at height {height}")
            self._compare(led, changes)
            led.follow(changes)
            above = max([one.header.height for one in changes])
        return led

    def _compare(self, led: ValidatorSets, changes: Sequence[SetChange]) -> None:
        """Another header where a change is known is an alarm, if the same set signed both."""
        known = {one.header.height: one.header.hash for one in led.changes}
        for change in changes:
            if known.get(change.header.height, change.header.hash) != change.header.hash:
                self._remember(led, change)

    def _adopt(self, led: ValidatorSets) -> None:
        """Believe these sets. A change stands in a final header like any other: it must fit what
        was seen."""
        sets = self._network.sets
        known = {one.header.hash for one in sets.changes}
        for change in led.changes:
            if change.header.hash not in known:
                self._remember(led, change)
        sets.adopt(led)

    def _remember(self, led: ValidatorSets, change: SetChange) -> None:
        bundle = bundle_of(change)
        self._memory.remember(FinalHeader(*led.verify(bundle)), bundle)

    # -- after a long absence -----------------------------------------------------------------

    def _is_recent(self) -> bool:
        newest = self._memory.newest
        genesis_ms = self._network.genesis.time_ms
        known_ms = max(genesis_ms, newest.time_ms if newest else 0, self._vouched_ms)
        return time.time_ns() // 1_000_000 - known_ms <= self._network.trust_ms_max

    async def _hold_against_checkpoint(self, url: str) -> None:
        """Whatever else is said for it, a chain that contradicts the owner is not believed. A node
        that lacks the header says nothing for it either."""
        checkpoint = self._checkpoint()
        if checkpoint is None or self._held_against == checkpoint:
            self._held_against = checkpoint
            return
        height, digest = checkpoint
        answer = await self._client.get_from(url, f"/v1/headers/{height}")
        if answer.status != 200:
            return
        bundle = bundle_from_json(answer.content)
        led = await self._led_to(url, certified_of(bundle))
        header, _, _ = led.verify(bundle)
        if (header.height, header.digest) != (height, digest):
            raise Refused("checkpoint_differs", f"height {height}")
        self._held_against, self._vouched_ms = checkpoint, header.time_ms
        if self._is_recent():
            self._adopt(led)

    async def _check_agreed(self, header: Header) -> None:
        """Believe a header because f + 1 territories have the same at its height."""
        prefixes, faults = self._voters()
        answers = await asyncio.gather(*(self._told(one, header.height) for one in prefixes))
        agreeing = sum([answer == header.digest for answer in answers])
        if agreeing < faults + 1:
            raise Refused("trust_expired", f"{agreeing} of {faults + 1}")

    def _voters(self) -> tuple[list[str], int]:
        """Short names of the members that the newest known set is of, and how many may lie."""
        network = self._network
        keys = {one.public_key for one in network.sets.newest.validators}
        named = [(one.cometbft_key, one.prefix) for one in network.genesis.territories]
        if network.known_terms is not None:
            terms = network.known_terms.terms
            named += [(one.cometbft_key, one.prefix) for one in terms.members]
        return sorted({prefix for key, prefix in named if key in keys}), (len(keys) - 1) // 3

    async def _told(self, prefix: str, height: int) -> bytes | None:
        """The digest at this height as one territory has it, asked where its people ask it."""
        try:
            url = node_url(self._network.territory(prefix).http)
            answer = await self._client.get_from(url, f"/v1/headers/{height}")
            if answer.status != 200:
                return None
            return header_of(bundle_from_json(answer.content)).digest
        except (Refused, NodeUnreachable):
            return None
