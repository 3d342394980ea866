"""Bytes between nodes, out of what the kernel tells."""

import asyncio

import pytest

from benchmarks.wire import bytes_delivered_in, peer_bytes_sent
from tests.patience import PATIENCE_SECONDS

TOLD = """\
0      0      127.0.0.1:48078 127.0.0.1:20765
\t bbr rto:212 bytes_sent:2250899 bytes_retrans:13572 bytes_acked:1000 bytes_received:2679983
0      0      127.0.0.1:20765 127.0.0.1:48078
\t bbr rto:212 bytes_acked:30 bytes_received:1000
0      0      [::ffff:127.0.0.1]:20767 [::ffff:127.0.0.1]:50000
\t bbr rto:212 bytes_acked:5
0      0      127.0.0.1:20764 127.0.0.1:48090
\t bbr rto:212 bytes_acked:70000
0      0      127.0.0.1:20765 127.0.0.1:48092
\t bbr rto:212
"""


def test_connections_of_peers_alone_count_at_both_ends() -> None:
    assert bytes_delivered_in(TOLD, {20765}) == 1030
    assert bytes_delivered_in(TOLD, {20765, 20767}) == 1035
    assert bytes_delivered_in(TOLD, {1}) == 0


async def _talk(size: int) -> tuple[int | None, int | None]:
    read = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(size)
        read.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    before = peer_bytes_sent({port})
    writer.write(bytes(size))
    await read.wait()
    after = peer_bytes_sent({port})
    async with asyncio.timeout(PATIENCE_SECONDS):
        # Loopback may hold the acknowledgement back for a moment.
        while before is not None and after is not None and after - before < size:
            await asyncio.sleep(0.01)
            after = peer_bytes_sent({port})
    writer.close()
    server.close()
    return before, after


def test_what_a_connection_carries_is_counted() -> None:
    before, after = asyncio.run(_talk(100_000))
    if before is None or after is None:
        pytest.skip("there is no ss here")
    assert after - before == 100_000
