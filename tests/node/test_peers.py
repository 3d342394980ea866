"""Members find each other over mutual TLS; nobody else gets in; nothing takes a node down."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

import node.peers.connection
from node.peers.certificates import make_authority
from node.peers.frames import CONSENSUS, TRANSACTIONS, FrameReader, pack
from node.peers.handshakes import HANDSHAKES_OF_STRANGERS_MAX, HandshakeGate
from node.peers.sockets import UNACKNOWLEDGED_MS_MAX, connected_socket
from node.peers.tls import client_context
from primitives.errors import Refused
from primitives.signatures import SigningKey
from tests.node.peer_fixtures import Member, make_members, start_all, until
from tests.patience import PATIENCE_SECONDS

Scenario = Callable[[list[Member]], Awaitable[None]]


@pytest.fixture(autouse=True, params=["asyncio", "uvloop"])
def event_loop_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything holds on both loops: their TLS layers differ."""
    if request.param == "uvloop":
        uvloop = pytest.importorskip("uvloop")
        monkeypatch.setattr(asyncio, "run", uvloop.run)


def run(count: int, scenario: Scenario) -> None:
    async def whole() -> None:
        members = make_members(count)
        await start_all(members)
        try:
            await scenario(members)
        finally:
            for member in members:
                await member.stop()

    asyncio.run(whole())


def connected(member: Member) -> int:
    return len(member.network.connected) if member.network else 0


def test_all_pairs_connect_and_frames_arrive_in_order() -> None:
    async def scenario(members: list[Member]) -> None:
        await until(lambda: all(connected(m) == 3 for m in members))
        sender = members[2]
        assert sender.network is not None
        for number in range(100):
            sender.network.broadcast(CONSENSUS, b"%d" % number)
        big = os.urandom(3 << 20)
        assert sender.network.send(members[0].id, TRANSACTIONS, big)
        await until(lambda: len(members[0].frames) == 101)
        assert [f.content for _, f in members[0].frames] == [b"%d" % n for n in range(100)] + [big]
        await until(lambda: len(members[3].frames) == 100)
        assert {key for key, _ in members[3].frames} == {sender.id}

    run(4, scenario)


def test_a_restarted_member_is_back() -> None:
    async def scenario(members: list[Member]) -> None:
        await until(lambda: all(connected(m) == 2 for m in members))
        for member in members:
            await member.stop()
            await until(lambda: all(connected(m) == 1 for m in members if m.network))
            await asyncio.sleep(0.3)
            await member.start(members)
            await until(lambda: all(connected(m) == 2 for m in members))
            assert [connected(m) for m in members] == [2, 2, 2]

    run(3, scenario)


def test_a_frame_that_its_handler_refuses_closes_that_connection_only() -> None:
    async def scenario(members: list[Member]) -> None:
        await until(lambda: all(connected(m) == 2 for m in members))
        members[1].refuse_frames = True
        assert members[0].network is not None
        members[0].network.broadcast(CONSENSUS, b"x")
        await until(lambda: members[0].id in members[1].disconnects)
        assert members[2].disconnects == []
        assert len(members[2].frames) == 1

    run(3, scenario)


def test_another_network_or_engine_is_refused() -> None:
    async def scenario(members: list[Member]) -> None:
        await until(lambda: connected(members[0]) == 1)
        for change in ({"network_id": bytes(32)}, {"engine": "cometbft"}, {"wire_version": 9}):
            await members[0].stop()
            kept = members[0].hello
            members[0].hello = kept._replace(**change)
            await members[0].start(members)
            await asyncio.sleep(0.2)
            assert connected(members[0]) == connected(members[1]) == 0
            members[0].hello = kept
        await members[0].stop()
        await members[0].start(members)
        await until(lambda: connected(members[1]) == 1)

    run(2, scenario)


def test_strangers_are_turned_away_at_the_handshake() -> None:
    async def scenario(members: list[Member]) -> None:
        stranger = make_members(9)[-1]
        context = client_context(
            stranger.transport_key,
            stranger.transport_certificate,
            [member.authority for member in members],
        )
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            reader, _ = await asyncio.open_connection(
                "127.0.0.1", members[1].port, ssl=context, server_hostname=""
            )
            await reader.readexactly(1)
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        nobody.check_hostname = False
        nobody.verify_mode = ssl.CERT_NONE
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            reader, _ = await asyncio.open_connection(
                "127.0.0.1", members[1].port, ssl=nobody, server_hostname=""
            )
            await reader.readexactly(1)
        await until(lambda: connected(members[1]) == 1)

    run(2, scenario)


async def _dial_as(member: Member, other: Member) -> asyncio.StreamWriter:
    context = client_context(member.transport_key, member.transport_certificate, [other.authority])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", other.port, ssl=context, server_hostname=""
    )
    await reader.readexactly(5)
    return writer


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff\x01",
        (0).to_bytes(4, "big") + b"\x01",
        pack(CONSENSUS, b"before the hello"),
        (17 << 10).to_bytes(4, "big") + b"\x01" + bytes(17 << 10),
        pack(1, b"\xc1\xc1"),
        pack(99, b""),
    ],
)
def test_garbage_of_a_member_closes_its_connection(garbage: bytes) -> None:
    async def scenario() -> None:
        members = make_members(2)
        await members[1].start(members)
        writer = await _dial_as(members[0], members[1])
        writer.write(garbage)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed() if writer.is_closing() else await _closed(writer)
        assert connected(members[1]) == 0
        await members[0].start(members)
        await until(lambda: connected(members[1]) == 1)
        for member in members:
            await member.stop()

    asyncio.run(scenario())


async def _closed(writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"\x00")
        await writer.drain()
        await asyncio.sleep(0.01)


def test_who_says_nothing_does_not_keep_others_out() -> None:
    async def scenario(members: list[Member]) -> None:
        silent = []
        for _ in range(40):
            knocking = socket.create_connection(("127.0.0.1", members[1].port))
            knocking.setblocking(False)
            silent.append(knocking)
        await asyncio.sleep(0.1)
        await members[0].stop()
        await members[0].start(members)
        for knocking in silent:
            knocking.close()
        await until(lambda: connected(members[1]) == 1)
        assert members[1].network is not None
        assert set(members[1].network.connected) == {members[0].id}

    run(2, scenario)


def test_a_peer_that_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node.peers.connection, "SEND_BYTES_MAX", 8 << 20)

    async def scenario() -> None:
        members = make_members(2)
        await members[1].start(members)
        context = client_context(
            members[0].transport_key, members[0].transport_certificate, [members[1].authority]
        )
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", members[1].port, ssl=context, server_hostname="", limit=1024
        )
        writer.write(pack(1, _hello_content(members[0])))
        await until(lambda: connected(members[1]) == 1)
        network = members[1].network
        assert network is not None
        for _ in range(200):
            network.broadcast(CONSENSUS, bytes(1 << 20))
            await asyncio.sleep(0)
            if not network.connected:
                break
        assert not network.connected
        writer.transport.abort()
        del reader
        await members[1].stop()

    asyncio.run(scenario())


def _hello_content(member: Member) -> bytes:
    from node.peers.frames import pack_hello

    return pack_hello(member.hello)[5:]


def test_handshakes_at_a_time() -> None:
    gate = HandshakeGate({b"1": "10.0.0.1", b"2": "10.0.0.1", b"3": "town.example"})
    assert [gate.enter("10.0.0.1") for _ in range(5)] == [True] * 4 + [False]
    assert [gate.enter("10.9.9.9") for _ in range(3)] == [True, True, False]
    gate.leave("10.9.9.9")
    assert gate.enter("::ffff:10.9.9.9")  # the same one
    assert not gate.enter("10.9.9.9")


def test_strangers_with_many_addresses_keep_no_member_out() -> None:
    places = {b"1": "10.0.0.1", b"2": "10.0.0.1", b"3": "town.example", b"4": "10.0.0.4"}
    gate = HandshakeGate(places)
    others = [gate.enter(f"10.8.0.{n}") for n in range(60)]
    assert others.count(True) == HANDSHAKES_OF_STRANGERS_MAX
    # A name is looked up, and who came once from elsewhere is expected there.
    assert [gate.enter("10.0.0.3"), gate.enter("10.0.0.7")] == [False, False]
    gate.expect(b"3", {"10.0.0.3"})
    gate.came_from(b"4", "10.0.0.7")
    for host in ("10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.7"):
        assert gate.enter(host), host
        gate.leave(host)
    for number in range(60):
        if others[number]:
            gate.leave(f"10.8.0.{number}")
    assert gate.enter("10.8.1.1")
    whole = [gate.enter(host) for host in ("10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.7") * 4]
    assert whole.count(True) == 10  # 4 + 2 + 2 + 2


def test_frames_are_cut_from_any_pieces() -> None:
    frames = [pack(TRANSACTIONS, os.urandom(n)) for n in (0, 1, 5, 300, 4000)]
    stream = b"".join(frames)
    for step in (1, 3, 7, 1000, len(stream)):
        reader = FrameReader()
        found = [
            frame
            for begin in range(0, len(stream), step)
            for frame in reader.feed(stream[begin : begin + step])
        ]
        assert [pack(*frame) for frame in found] == frames


def test_a_port_in_use_is_refused() -> None:
    async def scenario() -> None:
        members = make_members(2)
        await members[1].start(members)
        members[0].port = members[1].port
        with pytest.raises(Refused) as refusal:
            await members[0].start(members)
        assert refusal.value.code == "port_in_use"
        await members[1].stop()

    asyncio.run(scenario())


def test_an_authority_follows_from_its_key() -> None:
    key = make_members(1)[0].key
    assert make_authority(key) == make_authority(key)


def test_a_peer_that_vanishes_is_noticed_by_who_dialed_too() -> None:
    # Else the dialer retransmits ever more rarely, long after the path has healed.
    async def scenario() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            dialed = await connected_socket("127.0.0.1", listener.getsockname()[1])
            with dialed:
                return dialed.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    assert asyncio.run(scenario()) == UNACKNOWLEDGED_MS_MAX


def test_peers_change_while_it_runs() -> None:
    """One leaves, another comes; the connection between the others stays the same."""

    async def scenario(members: list[Member]) -> None:
        first, second, leaving, _ = members
        await until(lambda: all(connected(m) == 3 for m in members))
        newcomer = Member(SigningKey.from_seed(bytes([99]) * 32))
        stay = [m for m in members if m is not leaving]
        await newcomer.start([*stay, newcomer])
        try:
            for member in stay:
                assert member.network is not None
                member.network.set_peers(member.addresses([*stay, newcomer], []), is_member=True)
            await until(lambda: newcomer.id in connected_to(first) & connected_to(second))
            await until(lambda: not connected(leaving))
            await asyncio.sleep(0.3)
            assert all(connected(member) == 3 for member in [*stay, newcomer])
            assert not connected(leaving)
            assert second.id not in first.disconnects
        finally:
            await newcomer.stop()

    run(4, scenario)


def test_an_observer_dials_members_whoever_has_the_lower_key() -> None:
    async def scenario(members: list[Member]) -> None:
        keys = [SigningKey.from_seed(bytes([seed]) * 32) for seed in range(120, 126)]
        for key in keys:
            observer = Member(key)
            for member in members:
                assert member.network is not None
                # Its port is 0: whoever dialed it would not reach it.
                member.network.set_peers(member.addresses(members, [observer]), is_member=True)
            await observer.start(members, [observer])
            try:
                await until(lambda observer=observer: connected(observer) == 2)  # type: ignore[misc]
                for member in members:
                    assert member.network is not None
                    assert observer.id in member.network.connected
                    assert observer.id not in member.network.members_connected
                    assert member.network.heights() == [0]
            finally:
                await observer.stop()

    run(2, scenario)


def test_who_trusts_nobody_lets_nobody_in() -> None:
    async def scenario(members: list[Member]) -> None:
        first, second = members
        await until(lambda: connected(first) == 1)
        assert second.network is not None
        second.network.set_peers({}, is_member=True)
        await until(lambda: connected(first) == 0)
        await asyncio.sleep(0.3)
        assert connected(first) == connected(second) == 0
        second.network.set_peers(second.addresses(members, []), is_member=True)
        await until(lambda: connected(second) == 1)

    run(2, scenario)


def connected_to(member: Member) -> frozenset[bytes]:
    return member.network.connected if member.network else frozenset()
