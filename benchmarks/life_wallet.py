"""What a wallet that was a year away reads and checks before its next payment.

    .venv/bin/python -m benchmarks.life_wallet [--json FILE] [--territories N] [--epochs N]

In a network of 40 territories one has a new voting key every tenth week; 52 epochs end. Their
certificates are real ones (27 Ed25519 signatures each), served over HTTP on loopback. The wallet
knows the genesis, follows, asks f + 1 territories since it was away for long, and verifies the
newest header. README.md says how to read the figures.
"""

import argparse
import asyncio
import json
import sys
import time

from aiohttp import web

from benchmarks import figures_file
from benchmarks.arguments import count, new_file
from benchmarks.processes import ended_in_order
from consensus.certificates import Certificate
from consensus.epoch_starts import EPOCHS_AT_ONCE, EpochStart
from consensus.header import Header, genesis_digest
from consensus.members import Member, MemberSet
from consensus.votes import FINALIZE, vote_message
from ledger.founders import GenesisCurrency, Territory
from ledger.genesis import GENESIS_VERSION, Genesis
from ledger.rules import Parameters
from primitives.encoding import encode
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey
from wallet.light.bundles import HeaderBundle
from wallet.light.memory import HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient
from wallet.reader import Reader

WEEK_MS = 604_800_000
CHANGE_EPOCHS = 10
BYTES_PER_KB = 1_000
TERRITORIES_MAX = 999
"""Their currencies have three digits."""


def key_of(role: str, number: int) -> SigningKey:
    """A key that follows from its role and number."""
    return SigningKey.from_seed(hash_bytes("benchmark_key", f"{role} {number}".encode()))


def genesis(territories: int, time_ms: int, http: str) -> Genesis:
    """So many territories, each asked at the same address."""
    return Genesis(
        GENESIS_VERSION,
        time_ms,
        True,
        Parameters(),
        tuple(
            Territory(
                name=f"Territory {number}",
                prefix=f"t{number:03d}",
                currencies=(GenesisCurrency(f"T{number:03d}"),),
                peer=f"127.0.0.1:{10_000 + number}",
                http=http,
                voting_key=key_of("voting", number).public_key,
                authority_der=b"\x30",
                signing_keys=(key_of("staff", number).public_key,),
                signing_threshold=1,
                recovery_key=key_of("recovery", number).public_key,
                issuer_keys=(key_of("issuer", number).public_key,),
                issuer_threshold=1,
                node_key=key_of("node", number).public_key,
            )
            for number in range(territories)
        ),
    )


class Year:
    """The headers that such a wallet meets, and nothing else of the chain."""

    def __init__(self, territories: int, epochs: int) -> None:
        self.began_ms = time.time_ns() // 1_000_000 - epochs * WEEK_MS
        self.territories = territories
        self.epochs = epochs
        self.genesis: Genesis | None = None
        self.starts: list[EpochStart] = []
        self.newest: HeaderBundle | None = None

    def make(self, http: str) -> Genesis:
        """End every epoch, and certify one more header in the last."""
        self.genesis = genesis(self.territories, self.began_ms, http)
        keys = [key_of("voting", number) for number in range(self.territories)]
        members = self._set(keys)
        digest, time_ms = genesis_digest(self.genesis.network_id), self.began_ms
        for epoch in range(1, self.epochs + 1):
            following = list(keys)
            if epoch % CHANGE_EPOCHS == 0:
                following[epoch % self.territories] = key_of("new voting", epoch)
            changed = self._set(following)
            time_ms = self.began_ms + epoch * WEEK_MS
            header = self._header(epoch - 1, epoch * 10_000, time_ms, digest, changed.hash())
            certificate = self._certify(header, members, keys)
            told = changed if changed != members else None
            self.starts.append(EpochStart(epoch, header, (), certificate, told))
            keys, members, digest = following, changed, header.digest
        header = self._header(self.epochs, self.epochs * 10_000 + 1, time_ms + 1, digest, None)
        self.newest = HeaderBundle(header.encode(), self._certify(header, members, keys).encode())
        return self.genesis

    def _set(self, keys: list[SigningKey]) -> MemberSet:
        return MemberSet.of(
            Member(key.public_key, key_of("recovery", number).public_key, f"t{number:03d}")
            for number, key in enumerate(keys)
        )

    def _header(
        self, epoch: int, height: int, time_ms: int, parent: bytes, next_set: bytes | None
    ) -> Header:
        if self.genesis is None:
            raise LookupError("the genesis comes first")
        return Header(
            network_id=self.genesis.network_id,
            epoch=epoch,
            view=9_999,
            parent_view=9_998,
            parent_digest=parent,
            height=height,
            time_ms=time_ms,
            rule_version=self.genesis.rule_version,
            transactions_root=bytes(32),
            transactions_count=0,
            state_root=bytes(32),
            next_set_hash=next_set,
        )

    def _certify(self, header: Header, members: MemberSet, keys: list[SigningKey]) -> Certificate:
        by_key = {key.public_key: key for key in keys}
        message = vote_message(
            header.network_id, header.epoch, header.view, FINALIZE, header.digest
        )
        signatures = {
            index: by_key[member.voting_key].sign(message)
            for index, member in enumerate(members.members[: members.quorum])
        }
        size = len(members.members)
        return Certificate.from_votes(
            header.epoch, header.view, FINALIZE, header.digest, signatures, size
        )


class Front:
    """The three answers of a node that such a wallet asks for."""

    def __init__(self, year: Year) -> None:
        self._year = year

    def application(self) -> web.Application:
        """The routes, as a node has them."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/v1/network", self._network),
                web.get("/v1/headers/latest", self._latest),
                web.get("/v1/epochs", self._epochs),
                web.get("/v1/epochs/{epoch}", self._epoch),
            ]
        )
        return application

    async def _network(self, request: web.Request) -> web.Response:
        return web.json_response({"epoch": self._year.epochs})

    async def _latest(self, request: web.Request) -> web.Response:
        if self._year.newest is None:
            raise web.HTTPNotFound
        return web.json_response(self._year.newest.to_json())

    async def _epochs(self, request: web.Request) -> web.Response:
        first = int(request.query["from"]) - 1
        starts = self._year.starts[first : first + EPOCHS_AT_ONCE]
        body = encode(tuple([start.value() for start in starts]))
        return web.Response(body=body, content_type="application/msgpack")

    async def _epoch(self, request: web.Request) -> web.Response:
        start = self._year.starts[int(request.match_info["epoch"]) - 1]
        return web.json_response({"boundary": start.boundary.encode().hex()})


async def measure(territories: int, epochs: int) -> dict[str, object]:
    """A wallet's first question after so many epochs."""
    year = Year(territories, epochs)
    runner = web.AppRunner(Front(year).application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    http = f"127.0.0.1:{runner.addresses[0][1]}"
    network = TrustedNetwork(year.make(http))
    try:
        async with NodeClient([f"http://{http}"], network.network_id) as client:
            reader = Reader(client, network, HeaderMemory())
            started, busy = time.perf_counter(), time.process_time()
            final = await reader.header()
            seconds, busy = time.perf_counter() - started, time.process_time() - busy
    finally:
        await runner.cleanup()
    if not isinstance(final.header, Header) or final.header.epoch != epochs:
        raise AssertionError("the wallet is not where the network is")
    return {
        "territories": territories,
        "epochs": epochs,
        "seconds": round(seconds, 3),
        "processor_seconds": round(busy, 3),
        "kilobytes": round(reader.epochs.bytes_read / BYTES_PER_KB, 1),
        "certificates_verified": network.certificates_verified,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.life_wallet", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--json", metavar="FILE", type=new_file)
    parser.add_argument("--territories", metavar="N", type=count(1, TERRITORIES_MAX), default=40)
    parser.add_argument("--epochs", metavar="N", type=count(), default=52)
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments.territories, arguments.epochs))
    figures = {"benchmark": "life_wallet", **found}
    print(json.dumps(figures, indent=1))
    if arguments.json is not None:
        figures_file.write(arguments.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(ended_in_order(main))
