"""A member that mixes garbage into what it says: bytes, forged votes, false certificates."""

from __future__ import annotations

from dataclasses import replace

from consensus.certificates import Certificate
from consensus.messages import (
    CertificateMessage,
    FetchBlock,
    FetchView,
    Message,
    Proposal,
    VoteMessage,
    encode_message,
)
from consensus.simulation.host import Host
from consensus.votes import FINALIZE, NO_DIGEST, NOTARIZE, NULLIFY, Vote


class GarbageSender(Host):
    """Otherwise it plays by the rules."""

    honest = False

    def speak(self, peer: bytes, message: Message) -> None:
        """Say it, and often something else too."""
        super().speak(peer, message)
        random = self.world.random
        raw = bytearray(encode_message(message))
        raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
        self.world.carry(self.identity.key, peer, bytes(raw))
        view = self.replica.view + random.randint(-3, 90)
        for forged in self._forged(max(view, 1), peer, message):
            if random.random() < 0.2:
                self.world.transmit(self.identity.key, peer, forged)

    def _forged(self, view: int, peer: bytes, message: Message) -> list[Message]:
        random = self.world.random
        digest = bytes([random.randrange(256)]) * 32
        kind = random.choice((NOTARIZE, NULLIFY, FINALIZE))
        shown = NO_DIGEST if kind == NULLIFY else digest
        size = len(self.identity.members.members)
        epoch = self.replica.config.epoch + random.choice((0, 0, 0, 1, -1))
        epoch = max(epoch, 0)
        everybody = {index: bytes(64) for index in range(size)}
        forged: list[Message] = [
            VoteMessage(Vote(epoch, view, kind, shown, peer, bytes(64))),
            CertificateMessage(Certificate.from_votes(epoch, view, kind, shown, everybody, size)),
            FetchView(epoch, view, kind),
            FetchBlock(digest),
        ]
        if isinstance(message, Proposal):
            header = message.block.header
            empty = replace(message.block, header=replace(header, height=header.height + 1))
            vote = replace(message.vote, digest=empty.digest)
            forged.append(Proposal(empty, vote))
        if isinstance(message, CertificateMessage):
            certificate = message.certificate
            twice = (certificate.signatures[0],) * len(certificate.signatures)
            forged.append(CertificateMessage(replace(certificate, signatures=twice)))
            forged.append(CertificateMessage(replace(certificate, view=certificate.view + 1)))
        return forged
