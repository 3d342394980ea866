"""Hostile clients and peers against real processes: memory stays bounded, others are served."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from ledger.genesis import Genesis
from node.data_folder import DataFolder
from node.key_ring import TransportIdentity
from node.keys import read_key, read_transport_key
from node.peer_circle import member_addresses
from node.peers.catch_up import pack_range
from node.peers.frames import (
    CONSENSUS,
    PROPOSAL,
    THESE_BLOCKS,
    TRANSACTIONS,
    WANT_BLOCKS,
    WIRE_VERSION,
    Frame,
    Hello,
    pack,
)
from node.peers.groups import pack_group
from node.peers.network import PeerNetwork
from node.territory_options import TerritoryOptions
from tests.patience import PATIENCE_SECONDS
from tests.processes.network import Node
from tests.reliability.aftermath import check_aftermath
from tests.reliability.bank import Bank, bank
from tests.reliability.rounds import calm_down, meanwhile
from tests.reliability.testbed import Testbed, ask, running_testbed

pytestmark = pytest.mark.process

ATTACK_SECONDS = 6.0
PAYMENTS_MEANWHILE = 10
GREW_BYTES_MAX = 100 << 20
SLOW_CONNECTIONS = 300
FLOODERS = 8
POST = b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\n"
UPGRADE = (
    b"GET /v1/events HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

Attack = Callable[[Testbed, Node, random.Random], Awaitable[None]]


def resident_bytes(node: Node) -> int:
    if node.process is None:
        raise RuntimeError(f"{node.prefix} does not run")
    for line in Path(f"/proc/{node.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise RuntimeError("no VmRSS")


async def say(address: str, *parts: bytes, pause_seconds: float = 0.0) -> None:
    """Send the parts, read what comes, and care about nothing."""
    host, _, port = address.rpartition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_seconds)
            async with asyncio.timeout(0.5):
                await reader.read(65_536)
        finally:
            writer.transport.abort()
    except (OSError, TimeoutError):
        await asyncio.sleep(0.01)


async def http_garbage(bed: Testbed, node: Node, draw: random.Random) -> None:
    while True:
        head = draw.choice([b"", b"GET / HTTP/1.1\r\n", POST, UPGRADE])
        await say(node.http, head + draw.randbytes(draw.randrange(1, 5_000)))


async def http_flood(bed: Testbed, node: Node, draw: random.Random) -> None:
    body = draw.randbytes(400)
    request = POST + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    while True:
        await say(node.http, request * 50)
        await say(node.http, b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n" * 50)


async def http_huge(bed: Testbed, node: Node, draw: random.Random) -> None:
    while True:
        await say(node.http, POST + b"Content-Length: 99999999999\r\n\r\n", *[bytes(65_536)] * 64)
        await say(
            node.http,
            POST + b"Transfer-Encoding: chunked\r\n\r\n",
            *[b"10000\r\n" + bytes(65_536) + b"\r\n"] * 64,
        )
        await say(node.http, b"GET / HTTP/1.1\r\n", *[b"X: " + b"a" * 8_000 + b"\r\n"] * 64)
        # A WebSocket frame that says it is 2^62 bytes long.
        await say(
            node.http,
            UPGRADE,
            b"\x82\xff" + (1 << 62).to_bytes(8, "big") + bytes(4),
            *[bytes(65_536)] * 64,
        )


async def http_slow(bed: Testbed, node: Node, draw: random.Random) -> None:
    async def drip() -> None:
        while True:
            raw = POST + b"Content-Length: 500\r\n\r\n" + bytes(400)
            await say(node.http, *[bytes([byte]) for byte in raw], pause_seconds=0.5)

    await asyncio.gather(*(drip() for _ in range(SLOW_CONNECTIONS)))


async def peer_strangers(bed: Testbed, node: Node, draw: random.Random) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = bed.listen[node.prefix].rpartition(":")
    while True:
        await say(bed.listen[node.prefix], draw.randbytes(2_000))
        await say(bed.listen[node.prefix], b"\x16\x03\x01", pause_seconds=0.2)
        try:
            _, writer = await asyncio.open_connection(host, int(port), ssl=context)
            writer.write(pack(TRANSACTIONS, bytes(10_000)))
            await writer.drain()
            writer.transport.abort()
        except OSError:
            await asyncio.sleep(0.01)


class Member:
    """The keys of one member in other hands: connected, and saying what it likes."""

    def __init__(self, bed: Testbed, own: Node) -> None:
        folder = DataFolder(own.data)
        passphrase = bed.network.passphrase.read_text().splitlines()[0]
        genesis = Genesis.from_json(bed.network.genesis.read_text())
        options = TerritoryOptions(
            folder.journal, folder.store, "leveldb", genesis, "simplex",
            read_key(folder.voting_file, "voting", passphrase),
            TransportIdentity(
                read_transport_key(folder.transport_file, passphrase),
                folder.certificate_file.read_bytes(),
            ),
        )  # fmt: skip
        self.listen = bed.listen[own.prefix]
        self.network = PeerNetwork(
            options.voting_key.public_key,
            options.transport.key_pem,
            options.transport.certificate_pem,
            member_addresses(genesis.territories, {})[0],
            lambda: Hello(WIRE_VERSION, genesis.network_id, "simplex", 2**60, 0),
            self,
            frame_bytes_max=64 << 20,
        )

    def peer_connected(self, peer_key: bytes) -> None:
        """See `PeerHandler`."""

    def peer_disconnected(self, peer_key: bytes) -> None:
        """See `PeerHandler`."""

    def peer_frame(self, peer_key: bytes, frame: Frame) -> None:
        """See `PeerHandler`."""


async def hostile_member(bed: Testbed, node: Node, draw: random.Random) -> None:
    """Garbage, floods, huge groups, and questions whose answers it does not want."""
    member = Member(bed, list(bed.nodes.values())[-1])
    host, _, port = member.listen.rpartition(":")
    await member.network.start(host, int(port))
    samples = [
        (TRANSACTIONS, pack_group([draw.randbytes(300) for _ in range(1_500)])),
        (TRANSACTIONS, (2**32 - 1).to_bytes(4, "big") * 1_000),
        (CONSENSUS, draw.randbytes(1 << 20)),
        (CONSENSUS, b"\x9f" * 100_000),
        (PROPOSAL, (4_000).to_bytes(4, "big") + draw.randbytes(100_000)),
        (THESE_BLOCKS, draw.randbytes(1 << 20)),
        *[(WANT_BLOCKS, pack_range(1, 2**63))] * 20,
    ]
    try:
        while True:
            member.network.broadcast(*draw.choice(samples))
            await asyncio.sleep(0.005)
    finally:
        await member.network.stop()


async def endure(bed: Testbed, told: Bank, node: Node, attacks: Sequence[Attack]) -> int:
    """All of them at once; how many bytes the node's memory grew by."""
    before, paid = resident_bytes(node), len(told.told.final)
    works = [attack(bed, node, random.Random(number)) for number, attack in enumerate(attacks)]
    attackers = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(attackers, timeout=ATTACK_SECONDS)
        for attacker in attackers:
            assert not attacker.done(), attacker
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(told.told.final) < paid + PAYMENTS_MEANWHILE:
                await asyncio.sleep(0.1)
            # Those who ask politely are answered, by the node under attack itself.
            while await asyncio.to_thread(ask, f"{node.url}/health/ready", 10.0) is None:
                await asyncio.sleep(0.1)
    finally:
        for attacker in attackers:
            attacker.cancel()
        await asyncio.gather(*attackers, return_exceptions=True)
    return resident_bytes(node) - before


ATTACKS: dict[str, list[Attack]] = {
    "http": [*[http_garbage] * 4, *[http_flood] * 4, *[http_huge] * 4, http_slow],
    "peers": [*[peer_strangers] * FLOODERS, hostile_member],
}


async def play(folder: Path) -> dict[str, object]:
    async with running_testbed(folder, 5) as bed, bank(bed.network, 5) as told:
        node, liar = next(iter(bed.nodes.values())), list(bed.nodes.values())[-1]
        grew: dict[str, int] = {}
        async with meanwhile(told.pay_for_ever(25), told.read_for_ever()):
            for name, attacks in ATTACKS.items():
                if hostile_member in attacks:
                    bed.network.kill(liar)
                grew[name] = await endure(bed, told, node, attacks)
            bed.start(liar)
        assert max(grew.values()) < GREW_BYTES_MAX, grew
        await calm_down(bed, told)
        await asyncio.to_thread(bed.network.stop)
        figures = await asyncio.to_thread(check_aftermath, bed.network, told)
        return {**figures, "grew MiB": {name: size >> 20 for name, size in grew.items()}}


def test_hostile_clients_and_peers(tmp_path: Path) -> None:
    figures = asyncio.run(play(tmp_path))
    print(figures)
    assert int(str(figures["payments acknowledged"])) >= PAYMENTS_MEANWHILE * len(ATTACKS)
