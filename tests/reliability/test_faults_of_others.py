"""Faults that other ledgers had, and that concern a node's peers, its syncing and its keys.

Those of the journal are in `test_corruption.py`; those of the consensus core in `tests/consensus`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from consensus.certificates import Certificate, verify_certificate
from consensus.header import Header
from consensus.messages import CertificateMessage, encode_message
from consensus.votes import FINALIZE, NOTARIZE, Vote, vote_message
from ledger.terms import genesis_terms
from node.block_body import transactions_root
from node.epochs import voting_set
from node.peer_circle import member_addresses
from node.peers.certificates import make_authority, make_transport
from node.peers.frames import (
    CONSENSUS,
    PROPOSAL,
    THESE_TRANSACTIONS,
    WANT_TRANSACTIONS,
    WIRE_VERSION,
    Frame,
    Hello,
)
from node.peers.network import PeerNetwork
from node.peers.proposals import pack_these, read_want
from primitives.encoding import encode
from primitives.errors import Refused
from primitives.signatures import verify
from tests.node.test_peers_hostile import Villain
from tests.node.town import Town, key_of, machinery_of, until
from tests.patience import PATIENCE_SECONDS

NEVER_THERE = 2**60
UNKNOWN_IDS = [bytes([7]) * 32, bytes([8]) * 32]
KEY = key_of("town3 voting")


class Liar(Villain):
    """Says that its chain is as high as a test wants, and answers what it is asked with rubbish."""

    height = 0

    async def start(self) -> None:
        options = self.town.options(3)
        self.network = PeerNetwork(
            options.voting_key.public_key,
            *make_transport(KEY),
            member_addresses(self.town.genesis.territories, {})[0],
            lambda: Hello(WIRE_VERSION, self.town.network_id, "simplex", self.height, 0),
            self,
            frame_bytes_max=64 << 20,
        )
        await self.network.start("127.0.0.1", self.town.ports[3])
        await until(lambda: bool(self.network.connected))

    def peer_frame(self, peer_key: bytes, frame: Frame) -> None:
        super().peer_frame(peer_key, frame)
        if frame.type == WANT_TRANSACTIONS:
            digest, indices = read_want(frame.content)
            rubbish = [b"not a transaction" for _ in indices]
            self.network.send(peer_key, THESE_TRANSACTIONS, pack_these(digest, rubbish))


def test_asa_2025_001_a_height_that_was_never_there_keeps_nobody_from_syncing(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        town = Town(tmp_path)
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(4, 10_000)
        await town.stop(2)
        liar = Liar(town)
        liar.height = NEVER_THERE
        await liar.start()
        await town.start(2)
        # First a height that nobody has, then a lower one.
        await until(lambda: len(liar.network.connected) == 3)
        await until(lambda: NEVER_THERE in machinery_of(town.nodes[2]).network.heights())
        async with asyncio.timeout(20):
            await town.nodes[2].wait_ready()
        await liar.network.stop()
        liar.height = 1
        await liar.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await town.nodes[2].wait_ready()
        await town.must_settle(2, [town.pay(people[0], people[1], 5)])
        await town.same_height()
        assert not town.nodes[2].status().catching_up
        await liar.network.stop()
        await town.stop()

    asyncio.run(scenario())


def _proposal_of(town: Town, header: Header, ids: list[bytes]) -> bytes:
    message = vote_message(town.network_id, 0, header.view, NOTARIZE, header.digest)
    vote = Vote(0, header.view, NOTARIZE, header.digest, KEY.public_key, KEY.sign(message))
    head = encode(("compact", 1, header.encode(), vote.value()))
    return len(head).to_bytes(4, "big") + head + b"".join(ids)


Bend = Callable[[Header], Header]
BENT: dict[str, tuple[Bend, list[bytes]]] = {
    # ASA-2025-002: what looks like parts of a block, and never makes one.
    "asa_2025_002_parts": (lambda header: header, UNKNOWN_IDS),
    # ASA-2024-001: a parameter that no rule allows yet must not halt who meets it.
    "asa_2024_001_rules": (lambda header: replace(header, rule_version=2**31), []),
    "asa_2024_001_set": (lambda header: replace(header, next_set_hash=bytes(32)), []),
    "asa_2024_001_closing": (lambda header: replace(header, closing=True), []),
    "asa_2024_001_height": (lambda header: replace(header, height=2**53 - 1), []),
}


@pytest.mark.parametrize("name", BENT)
def test_a_leader_that_proposes_the_impossible_halts_nobody(name: str, tmp_path: Path) -> None:
    bend, ids = BENT[name]

    async def scenario() -> None:
        town = Town(tmp_path)
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(4, 10_000)
        liar = Liar(town)
        await liar.start()
        await until(lambda: len(liar.network.connected) == 3)
        machinery = machinery_of(town.nodes[0])
        newest = machinery.chain.newest
        assert newest is not None
        for view in range(machinery.engine.view, machinery.engine.view + 24):
            if machinery.members.leader(0, view) != KEY.public_key:
                continue
            header = bend(
                replace(
                    newest.header,
                    view=view,
                    parent_view=newest.header.view,
                    parent_digest=newest.header.digest,
                    height=newest.header.height + 1,
                    time_ms=newest.header.time_ms + 1,
                    transactions_root=transactions_root(ids),
                    transactions_count=len(ids),
                )
            )
            liar.network.broadcast(PROPOSAL, _proposal_of(town, header, ids))
        for turn in range(3):
            await town.must_settle(turn, [town.pay(people[turn], people[3], 1)])
        await town.same_height()
        await liar.network.stop()
        await town.stop()

    asyncio.run(scenario())


def test_asa_2025_003_a_bitmap_that_does_not_fit_its_signatures_is_refused(tmp_path: Path) -> None:
    town = Town(tmp_path)
    members = voting_set(genesis_terms(town.genesis))
    digest = b"d" * 32
    message = vote_message(town.network_id, 0, 5, FINALIZE, digest)
    keys = {key_of(f"town{n} voting").public_key: key_of(f"town{n} voting") for n in range(4)}
    signatures = {
        place: keys[member.voting_key].sign(message) for place, member in enumerate(members.members)
    }
    sound = Certificate.from_votes(0, 5, FINALIZE, digest, signatures, 4)
    verify_certificate(sound, members, town.network_id, verify)
    bent = [
        replace(sound, bitmap=bitmap, signatures=sound.signatures[:count])
        for bitmap in (b"", b"\x0f\x00", b"\xff", bytes(8_000), b"\xff" * 8_000, b"\x0d", b"\x1f")
        for count in (0, 1, 3, 4)
    ]

    async def scenario() -> None:
        await town.start(0, 1, 2)
        await town.ready()
        people = await town.people(4, 10_000)
        liar = Liar(town)
        await liar.start()
        for certificate in bent:
            with pytest.raises(Refused):
                verify_certificate(certificate, members, town.network_id, verify)
            await until(lambda: len(liar.network.connected) == 3)
            liar.network.broadcast(CONSENSUS, encode_message(CertificateMessage(certificate)))
        await town.must_settle(0, [town.pay(people[0], people[1], 1)])
        await town.same_height()
        await liar.network.stop()
        await town.stop()

    asyncio.run(scenario())


def test_fabric_4875_certificates_neither_expire_nor_must_be_announced(tmp_path: Path) -> None:
    authority = x509.load_der_x509_certificate(make_authority(KEY))
    transport = x509.load_pem_x509_certificate(make_transport(KEY)[1])
    for certificate in (authority, transport):
        assert certificate.not_valid_after_utc.year == 9999
        assert certificate.not_valid_before_utc.year == 2000

    async def scenario() -> None:
        town = Town(tmp_path)
        await town.start()
        await town.ready()
        people = await town.people(4, 10_000)
        for index in range(4):  # each starts again with a new certificate under the same authority
            await town.stop(index)
            await town.start(index)
        await town.ready()
        # And two of them could not decide alone: the new certificates are used.
        await town.must_settle(0, [town.pay(people[0], people[1], 1)])
        await town.same_height()
        await town.stop()

    asyncio.run(scenario())
