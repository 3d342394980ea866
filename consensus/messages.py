"""What members say to each other, and its bounded codec.

A message's sender is the peer that the transport authenticated; what is inside is signed on its
own, so a message may be passed on by anyone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from consensus.certificates import Certificate
from consensus.finality import check_descent, check_finalizes
from consensus.header import Block, Header
from consensus.votes import FINALIZE, KINDS, NOTARIZE, Vote
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES

HEADERS_MAX = 4_096
"""How many headers an `EpochEnd` may hold. So many closing blocks come of hours in which every
FINALIZE is lost and nothing else is."""

MESSAGE_BYTES_MAX = 18 << 20
"""The largest block that any genesis may allow, with its frame; the transport bounds what it reads
by the network's own limit."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A block, proposed by the leader's own NOTARIZE of it."""

    block: Block
    vote: Vote


@dataclass(frozen=True, slots=True)
class VoteMessage:
    """A vote."""

    vote: Vote


@dataclass(frozen=True, slots=True)
class CertificateMessage:
    """A certificate; with its header where it has one and the sender holds it."""

    certificate: Certificate
    header: Header | None = None


@dataclass(frozen=True, slots=True)
class FetchView:
    """Please send the certificate of `view` of this kind: 1 NOTARIZE (a FINALIZE will do too),
    2 NULLIFY, 0 any. Whoever is in a later epoch answers with the end of this one."""

    epoch: int
    view: int
    kind: int


@dataclass(frozen=True, slots=True)
class FetchBlock:
    """Please send the block with this digest."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class BlockResponse:
    """The block asked for."""

    block: Block


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """An epoch's boundary is final: the FINALIZE certificate of the last of these headers, which
    are the boundary and then the closing ones up to it."""

    certificate: Certificate
    headers: tuple[Header, ...]


Message: TypeAlias = (
    Proposal | VoteMessage | CertificateMessage | FetchView | FetchBlock | BlockResponse | EpochEnd
)


def epoch_of(message: Message) -> int | None:
    """The epoch that a message is about; None for blocks, which are named by their digests."""
    match message:
        case Proposal(_, vote) | VoteMessage(vote):
            return vote.epoch
        case CertificateMessage(certificate) | EpochEnd(certificate):
            return certificate.epoch
        case FetchView(epoch):
            return epoch
    return None


def encode_message(message: Message) -> bytes:
    """The bytes on the wire."""
    value: Value
    if isinstance(message, Proposal):
        block = message.block
        value = ("proposal", 1, block.header.encode(), block.body, message.vote.value())
    elif isinstance(message, VoteMessage):
        value = ("vote_message", 1, message.vote.value())
    elif isinstance(message, CertificateMessage):
        header = None if message.header is None else message.header.encode()
        value = ("certificate_message", 1, message.certificate.encode(), header)
    elif isinstance(message, FetchView):
        value = ("fetch_view", 1, message.epoch, message.view, message.kind)
    elif isinstance(message, FetchBlock):
        value = ("fetch_block", 1, message.digest)
    elif isinstance(message, EpochEnd):
        headers = tuple(header.encode() for header in message.headers)
        value = ("epoch_end", 1, message.certificate.encode(), headers)
    else:
        value = ("block_response", 1, message.block.header.encode(), message.block.body)
    return encode(value)


def decode_message(raw: bytes) -> Message:
    """Read a message from a peer; refuses `encoding_not_canonical`, `version_unknown`."""
    value = decode(raw, bytes_max=MESSAGE_BYTES_MAX)
    if not isinstance(value, tuple) or len(value) < 3 or type(value[0]) is not str:
        raise Refused("encoding_not_canonical", "not a message")
    kind, version, *fields = value
    if type(version) is not int or version != 1:  # true equals 1, and is another form
        raise Refused("version_unknown", f"message version {version!r}")
    match (kind, fields):
        case ("proposal", [bytes(header), bytes(body), vote]):
            message = Proposal(Block(Header.decode(header), body), Vote.from_value(vote))
            if message.vote.kind != NOTARIZE or message.vote.digest != message.block.digest:
                raise Refused("encoding_not_canonical", "a proposal's vote is for its block")
            return message
        case ("vote_message", [vote]):
            return VoteMessage(Vote.from_value(vote))
        case ("certificate_message", [bytes(certificate), None]):
            return CertificateMessage(Certificate.decode(certificate))
        case ("certificate_message", [bytes(certificate), bytes(header)]):
            return _certificate_message(Certificate.decode(certificate), Header.decode(header))
        case ("fetch_view", [int(epoch), int(view), int(wanted)]) if _is_view(epoch) and _is_view(
            view
        ):
            if wanted not in (0, *KINDS) or type(wanted) is bool:
                raise Refused("encoding_not_canonical", "no such kind of certificate")
            return FetchView(epoch, view, wanted)
        case ("fetch_block", [bytes(digest)]) if len(digest) == HASH_BYTES:
            return FetchBlock(digest)
        case ("block_response", [bytes(header), bytes(body)]):
            return BlockResponse(Block(Header.decode(header), body))
        case ("epoch_end", [bytes(certificate), tuple(headers)]):
            return _epoch_end(Certificate.decode(certificate), headers)
    raise Refused("encoding_not_canonical", "no such message")


def _certificate_message(certificate: Certificate, header: Header) -> CertificateMessage:
    """A certificate and the header it is said to be about: they must name each other."""
    if certificate.kind not in (NOTARIZE, FINALIZE) or certificate.digest != header.digest:
        raise Refused("certificate_invalid", "the header is not the one that was certified")
    if (certificate.epoch, certificate.view) != (header.epoch, header.view):
        raise Refused("certificate_invalid", "certificate and header are of different views")
    return CertificateMessage(certificate, header)


def _epoch_end(certificate: Certificate, raws: tuple[Value, ...]) -> EpochEnd:
    """A boundary, closing headers each on the one before, and the F of the last."""
    if not 1 <= len(raws) <= HEADERS_MAX:
        raise Refused("encoding_not_canonical", f"{len(raws)} headers end an epoch")
    headers = tuple(Header.decode(raw) for raw in raws if type(raw) is bytes)
    boundary, last = headers[0] if headers else None, headers[-1] if headers else None
    if boundary is None or last is None or len(headers) != len(raws):
        raise Refused("encoding_not_canonical", "a header is bytes")
    if boundary.next_set_hash is None:
        raise Refused("certificate_invalid", "the first of the headers is no boundary")
    check_descent(headers)
    check_finalizes(certificate, last)
    return EpochEnd(certificate, headers)


def _is_view(view: object) -> bool:
    return type(view) is int and 0 <= view < 2**53
