"""The simulator's liars on a real wire: a real node with its real key, whose engine lets an actor
bend what it says.

An actor is a `Host` of the simulator that overrides what it does differently. `WireHost` stands
where the simulated machine would: below the actor, above the real engine. Those whose lies are
about real bodies and real heights are written here.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from consensus.config import ReplicaConfig
from consensus.effects import Build, Effect, Send
from consensus.events import Event, Received
from consensus.header import Block
from consensus.members import MemberSet
from consensus.messages import (
    BlockResponse,
    CertificateMessage,
    Message,
    Proposal,
    VoteMessage,
    encode_message,
)
from consensus.replica import Replica
from consensus.simulation.actors import ACTOR_CLASSES
from consensus.simulation.host import Host
from consensus.votes import NOTARIZE, Vote, vote_message
from ledger.transaction import Transaction
from node.block_body import read_body
from node.chain import Chain
from node.engines.replicas import EngineParts
from node.engines.simplex import SimplexEngine
from node.executor import ParentGone
from node.peers.catch_up import read_range
from node.peers.frames import CONSENSUS, PROPOSAL, THESE_BLOCKS
from node.peers.groups import pack_group
from node.peers.proposals import Proposals
from node.traffic import Traffic
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey

BODY_BYTES_MAX = 1 << 25
FALSE_HEIGHT = 1_000_000


class Careless(Replica):
    """It minds neither a lost journal nor meeting its own lies; others would soon say nothing."""

    def __init__(self, config: ReplicaConfig, records: Sequence[bytes], now_ms: int) -> None:
        super().__init__(config, records, now_ms)
        self.observing = False

    def _stop_voting(self, reason: str) -> None:
        """It goes on."""


@dataclass(frozen=True)
class WireIdentity:
    """What an actor asks of its identity."""

    key: bytes
    members: MemberSet
    signer: SigningKey


class WireWorld:
    """What an actor knows of the world, made of the real one."""

    calm = False

    def __init__(self, engine: "BentEngine", parts: EngineParts, seed: int) -> None:
        self.engine = engine
        self.parts = parts
        self.random = random.Random(seed)

    @property
    def now_ms(self) -> int:
        """Monotonic."""
        return time.monotonic_ns() // 1_000_000

    def at(self, when_ms: int, action: Callable[[], None]) -> None:
        """Do it then."""
        asyncio.get_running_loop().call_later(max(0, when_ms - self.now_ms) / 1000, action)

    def transmit(self, sender: bytes, receiver: bytes, message: Message) -> None:
        """As a node sends it: proposals name their transactions."""
        if isinstance(message, Proposal):
            raws = read_body(message.block.body, BODY_BYTES_MAX)
            packed = Proposals.pack(message, [hash_bytes("tx", raw) for raw in raws])
            self.parts.network.send(receiver, PROPOSAL, packed)
        else:
            self.carry(sender, receiver, encode_message(message))

    def carry(self, sender: bytes, receiver: bytes, raw: bytes) -> None:
        """Bytes as they are."""
        self.parts.network.send(receiver, CONSENSUS, raw)


class WireLedger:
    """The toy ledger's questions, answered by the shelf."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts

    def holds(self, digest: bytes) -> bool:
        """Whether the block was executed here."""
        shelved = self._parts.shelf.get(digest)
        return shelved is not None and shelved.candidate is not None


class WireChain:
    """The toy chain's questions, answered by the real chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def __len__(self) -> int:
        return self._chain.height

    def part(self, first_height: int, last_height: int) -> tuple[Block, ...]:
        """Blocks by height."""
        found: list[Block] = []
        for height in range(first_height, min(last_height, first_height + 63) + 1):
            stored = self._chain.stored_header(height)
            if stored is None:
                break
            found.append(Block(stored.header, self._chain.body(height)))
        return tuple(found)

    def blocks(self) -> list[Block]:
        """The newest alone will do."""
        return list(self.part(self._chain.height, self._chain.height))


class WireHost(Host):
    """See the module's docstring."""

    honest = False

    def __init__(self, identity: Any, world: Any, checkers: Any, hosts: Any) -> None:
        # Not `super().__init__`: there is no simulated machine.
        self.identity = identity
        self.world = world
        self.checkers = checkers
        self.hosts = hosts
        self.alive = False
        self.restarts = 0
        self.ledger = cast(Any, WireLedger(world.parts))
        self.chain = cast(Any, WireChain(world.parts.chain))

    @property
    def replica(self) -> Replica:  # type: ignore[override]
        """The engine's."""
        engine: BentEngine = cast(Any, self.world).engine
        return engine.replica

    def start(self) -> None:
        """The engine started."""
        self.alive = True

    def receive(self, sender: bytes, raw: bytes) -> None:
        """The engine has heard it already."""

    def crash(self, down_by: str = "") -> None:
        """Who tests kills the process."""

    def do(self, effect: Effect) -> None:
        """What an actor does after all."""
        if isinstance(effect, Build):
            cast(Any, self.world).engine.build_plainly(effect)

    def speak(self, peer: bytes, message: Message) -> None:
        """What an actor says after all."""
        self.world.transmit(self.identity.key, peer, message)


def is_hated(transaction_id: bytes) -> bool:
    """What the censor will not have."""
    return transaction_id[-1] % 2 == 1


class WireCensor(WireHost):
    """Leaves out every other payment, and gives up views whose block holds one."""


class WireMislabeller(WireHost):
    """As leader it signs, for its view, a block whose header names another view."""

    def speak(self, peer: bytes, message: Message) -> None:
        """Bend proposals."""
        if isinstance(message, Proposal):
            header = message.block.header
            shown = replace(header, view=header.parent_view or 1, time_ms=header.time_ms + 1)
            network_id = self.replica.config.network_id
            signed = vote_message(network_id, 0, header.view, NOTARIZE, shown.digest)
            signature = self.identity.signer.sign(signed)
            vote = Vote(0, header.view, NOTARIZE, shown.digest, self.identity.key, signature)
            message = Proposal(Block(shown, message.block.body), vote)
        super().speak(peer, message)


class WireSyncLiar(WireHost):
    """Lies to whoever is behind: false heights, false headers, false bodies, missing blocks."""

    def false_blocks(self, first_height: int, last_height: int) -> list[Block]:
        """A chain by height, with something wrong in it."""
        blocks = list(cast(WireChain, self.chain).part(first_height, last_height))
        if not blocks:
            return blocks
        draw = self.world.random
        place = draw.randrange(len(blocks))
        lies: tuple[list[Block], ...] = (
            [*blocks[:place], Block(blocks[place].header, b"\x90"), *blocks[place + 1 :]],
            [*blocks[:place], _higher(blocks[place]), *blocks[place + 1 :]],
            [*blocks[:place], *blocks[place + 1 :]],
            [*blocks, _higher(blocks[-1])],
            blocks[::-1],
        )
        return draw.choice(lies)

    def speak(self, peer: bytes, message: Message) -> None:
        """Bend what answers a question."""
        if isinstance(message, BlockResponse):
            super().speak(peer, BlockResponse(Block(message.block.header, b"\x90")))
            super().speak(peer, BlockResponse(_higher(message.block)))
        elif isinstance(message, CertificateMessage) and message.header is not None:
            header = replace(message.header, height=message.header.height + FALSE_HEIGHT)
            super().speak(peer, CertificateMessage(message.certificate, header))
            super().speak(peer, message)
        else:
            super().speak(peer, message)


def _higher(block: Block) -> Block:
    """The same block as if it stood far above."""
    return Block(replace(block.header, height=block.header.height + FALSE_HEIGHT), block.body)


WRITTEN_HERE: dict[str, type[WireHost]] = {
    "censor": WireCensor,
    "mislabelling_leader": WireMislabeller,
    "sync_liar": WireSyncLiar,
}
ON_THE_WIRE = (
    "equivocating_leader",
    "double_voter",
    "stale_parent_leader",
    "withholder",
    "garbage_sender",
    "impersonator",
    "fetch_flooder",
    "amnesiac",
    *WRITTEN_HERE,
)
"""Those that bend what is said; an old disk and twins need no bending, only a copy of a disk."""


def actor_class(name: str) -> type[WireHost]:
    """The actor above the wire."""
    if name in WRITTEN_HERE:
        return WRITTEN_HERE[name]
    actor = ACTOR_CLASSES[name]
    return cast(type[WireHost], type(f"Wire{actor.__name__}", (actor, WireHost), {}))


def replica_class(name: str) -> type[Replica]:
    """The actor's replica, careless."""
    own = actor_class(name).replica_class
    return type(f"Careless{own.__name__}", (Careless,) if own is Replica else (own, Careless), {})


class BentEngine(SimplexEngine):
    """A real engine; what it would say goes through an actor."""

    actor = ""
    seed = 0

    def __init__(
        self, parts: EngineParts, voting_key: Callable[[], SigningKey], *rest: Any, **more: Any
    ) -> None:
        super().__init__(parts, voting_key, *rest, **more)
        self._parts = parts
        key = voting_key()
        identity = WireIdentity(key.public_key, parts.epochs.current.members, key)
        world = WireWorld(self, parts, self.seed)
        self.host = actor_class(self.actor)(identity, world, None, {})
        if self.actor == "censor":
            self._leave_out()

    def _leave_out(self) -> None:
        take = self._parts.mempool.take

        def liked(count: int, without: Any) -> Sequence[Transaction]:
            return [each for each in take(count, without) if not is_hated(each.id)]

        self._parts.mempool.take = liked  # type: ignore[method-assign, assignment]

    def start(self) -> None:
        """Both begin."""
        super().start()
        self.host.start()

    def tell(self, event: Event) -> None:
        """The actor hears it after the engine."""
        super().tell(event)
        if isinstance(event, Received):
            self.host.receive(event.peer_key, encode_message(event.message))
            if self.actor == "censor" and isinstance(event.message, Proposal):
                self._give_up(event.message)

    def _give_up(self, proposal: Proposal) -> None:
        raws = read_body(proposal.block.body, BODY_BYTES_MAX)
        if any(is_hated(hash_bytes("tx", raw)) for raw in raws):
            self.replica.timers.expire(self.replica.now_ms)

    def build_plainly(self, build: Build) -> None:
        """As the engine does."""
        with contextlib.suppress(ParentGone):
            super()._build(build)

    def _build(self, build: Build) -> None:
        self.host.do(build)

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Send):
            self.host.speak(effect.peer_key, effect.message)
        else:
            super()._do(effect)

    def _broadcast(self, message: Message) -> None:
        for peer in self._parts.epochs.current.members.index:
            if peer != self.host.identity.key:
                self.host.speak(peer, message)
        if isinstance(message, Proposal):
            self._prepare_root(message.block.digest)
        elif isinstance(message, VoteMessage) and message.vote.kind == NOTARIZE:
            self._prepare_root(message.vote.digest)


class BentTraffic(Traffic):
    """Answers about heights go through the actor too."""

    def _want_blocks(self, peer_key: bytes, content: bytes) -> None:
        engine = self.engine
        if not isinstance(engine, BentEngine) or not isinstance(engine.host, WireSyncLiar):
            super()._want_blocks(peer_key, content)
            return
        first, last = read_range(content)
        blocks = engine.host.false_blocks(first, last)
        items: list[bytes] = [b""]
        for block in blocks:
            items += (block.header.encode(), block.body)
        self.network.send(peer_key, THESE_BLOCKS, first.to_bytes(8, "big") + pack_group(items))
