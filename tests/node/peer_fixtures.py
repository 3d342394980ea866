"""Members on loopback for tests: keys, certificates, a recording handler."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from node.peers.address import PeerAddress
from node.peers.certificates import make_authority, make_transport
from node.peers.frames import WIRE_VERSION, Frame, Hello
from node.peers.network import PeerNetwork
from primitives.errors import Refused
from primitives.signatures import SigningKey
from tests.patience import PATIENCE_SECONDS

NETWORK_ID = bytes(range(32))
FRAME_BYTES_MAX = 4 << 20


@dataclass
class Member:
    """One member's keys, the network it runs and what came to it."""

    key: SigningKey
    hello: Hello = field(default_factory=lambda: Hello(WIRE_VERSION, NETWORK_ID, "simplex", 0, 0))
    network: PeerNetwork | None = None
    port: int = 0
    frames: list[tuple[bytes, Frame]] = field(default_factory=list)
    connects: list[bytes] = field(default_factory=list)
    disconnects: list[bytes] = field(default_factory=list)
    refuse_frames: bool = False

    def __post_init__(self) -> None:
        self.authority = make_authority(self.key)
        self.transport_key, self.transport_certificate = make_transport(self.key)

    @property
    def id(self) -> bytes:
        return self.key.public_key

    def peer_connected(self, peer_key: bytes) -> None:
        self.connects.append(peer_key)

    def peer_disconnected(self, peer_key: bytes) -> None:
        self.disconnects.append(peer_key)

    def peer_frame(self, peer_key: bytes, frame: Frame) -> None:
        if self.refuse_frames:
            raise Refused("peer_malformed", "as the test asks")
        self.frames.append((peer_key, frame))

    def addresses(
        self, others: "list[Member]", observers: "list[Member]"
    ) -> dict[bytes, PeerAddress]:
        """Of all of these but this one."""
        return {
            other.id: PeerAddress(
                other.id, other.authority, "127.0.0.1", other.port, other in observers
            )
            for other in [*others, *observers]
            if other is not self
        }

    async def start(
        self, others: "list[Member]", observers: "tuple[Member, ...] | list[Member]" = ()
    ) -> None:
        """Listen on the port of before, or a new one, and connect to `others` and `observers`."""
        peers = self.addresses(others, list(observers))
        self.network = PeerNetwork(
            self.id,
            self.transport_key,
            self.transport_certificate,
            peers,
            lambda: self.hello,
            self,
            frame_bytes_max=FRAME_BYTES_MAX,
            is_member=self not in observers,
        )
        self.port = await self.network.start("127.0.0.1", self.port)

    async def stop(self) -> None:
        if self.network is not None:
            await self.network.stop()
            self.network = None


def make_members(count: int) -> list[Member]:
    """Members in the order of their keys, so that the first dials all others."""
    members = [Member(SigningKey.from_seed(bytes([7 + index]) * 32)) for index in range(count)]
    return sorted(members, key=lambda member: member.id)


async def start_all(members: list[Member]) -> None:
    """The last ones first, so that those who dial know the ports."""
    for member in reversed(members):
        await member.start(members)


async def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
