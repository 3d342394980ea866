"""What peers say to each other about snapshots, and what makes an offer believable.

    wanted         nothing, or the height(8) of the one that the asker has begun to fetch
    offer          group of [manifest, certificate, header after it, header, …]; empty: none
    part asked     height(8) ‖ part(4)
    part answered  height(8) ‖ part(4) ‖ content; no content: the sender does not have it

The certificate finalizes the last of the headers, or the snapshot's own where there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass

from consensus.certificates import Certificate, verify_certificate
from consensus.finality import check_descent, check_finalizes
from consensus.header import Header
from consensus.members import MemberSet
from node.answers import CertifiedHeader
from node.peers.groups import pack_group, read_group
from node.snapshots.manifest import Manifest
from primitives.errors import Refused
from primitives.signatures import verify

HEADERS_MAX = 256
_HEAD_BYTES = 12
_HEIGHT_BYTES = 8
SetOf = Callable[[int], MemberSet | None]
"""The members of an epoch, as far as they are known."""
BeginsAbove = Callable[[int], bytes | None]
"""The digest of the block that an epoch begins above, as far as that is known."""


@dataclass(frozen=True)
class Offer:
    """A snapshot, and what makes its header final."""

    manifest: Manifest
    certificate: Certificate
    between: tuple[Header, ...]

    @property
    def named(self) -> Header:
        """The header that the certificate names: a block's, or a closing one."""
        return self.between[-1] if self.between else self.manifest.header

    @property
    def closing(self) -> tuple[Header, ...]:
        """The headers that stand above an epoch's end, and are no blocks."""
        return tuple([header for header in self.between if header.closing])

    @property
    def newest(self) -> Header:
        """The newest block that is proved final."""
        blocks = [header for header in self.between if not header.closing]
        return blocks[-1] if blocks else self.manifest.header


def pack_offer(manifest: Manifest, certified: CertifiedHeader) -> bytes:
    """An offer's bytes."""
    headers = [header.encode() for header in certified.between]
    return pack_group([manifest.encode(), certified.certificate.encode(), *headers])


def read_offer(content: bytes) -> Offer | None:
    """What a peer has; None if that is nothing. Refuses `peer_malformed`, `snapshot_wrong` and what
    a header or certificate that can't be read is refused with; nothing is checked yet."""
    items = read_group(content, items_max=HEADERS_MAX + 2)
    if not items:
        return None
    if len(items) < 2:
        raise Refused("peer_malformed", "a snapshot without a certificate")
    between = tuple([Header.decode(item) for item in items[2:]])
    return Offer(Manifest.decode(items[0]), Certificate.decode(items[1]), between)


def is_of_known_epoch(offer: Offer, set_of: SetOf, begins_above: BeginsAbove) -> bool:
    """Whether it is of an epoch whose members are known, and, where it goes up to the end of that
    one, how the next one began is known too."""
    header = offer.manifest.header
    ends = [one for one in (header, *offer.between) if one.next_set_hash is not None]
    return set_of(header.epoch) is not None and all(
        begins_above(header.epoch + 1) == end.digest for end in ends
    )


def check_offer(offer: Offer, network_id: bytes, set_of: SetOf) -> None:
    """Refuse an offer whose header is not final, or whose parts are not what that header commits
    to: `snapshot_wrong`, `certificate_invalid`."""
    header, certificate = offer.manifest.header, offer.certificate
    if header.network_id != network_id or header.height < 1:
        raise Refused("snapshot_wrong", "a header of another network")
    check_descent((header, *offer.between))
    last = offer.named
    check_finalizes(certificate, last)
    members = set_of(last.epoch)
    if members is None:
        raise Refused("snapshot_wrong", f"of epoch {last.epoch}, whose members are not known here")
    verify_certificate(certificate, members, network_id, verify)
    offer.manifest.check()


def read_height_asked(content: bytes) -> int:
    """The height of the snapshot that a peer would go on with; 0 if any will do. Refuses
    `peer_malformed`."""
    if len(content) not in (0, _HEIGHT_BYTES):
        raise Refused("peer_malformed", "a request for a snapshot that is cut")
    return int.from_bytes(content, "big")


def pack_part_asked(height: int, part: int) -> bytes:
    """A request for a part."""
    return height.to_bytes(8, "big") + part.to_bytes(4, "big")


def read_part_asked(content: bytes) -> tuple[int, int]:
    """(height, part) that a peer wants. Refuses `peer_malformed`."""
    if len(content) != _HEAD_BYTES:
        raise Refused("peer_malformed", "a request for a part that is cut")
    return int.from_bytes(content[:8], "big"), int.from_bytes(content[8:], "big")


def pack_part(height: int, part: int, content: bytes) -> bytes:
    """A part, or that there is none."""
    return pack_part_asked(height, part) + content


def read_part(content: bytes, height: int, part: int) -> bytes:
    """The content of the part that was asked for. Refuses `peer_malformed`."""
    if content[:_HEAD_BYTES] != pack_part_asked(height, part):
        raise Refused("peer_malformed", "a part that was not asked for")
    return content[_HEAD_BYTES:]
