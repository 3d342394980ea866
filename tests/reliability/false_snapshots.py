"""What a lying member offers in the place of a snapshot, made of what an honest one would send."""

import secrets
from collections.abc import Callable
from dataclasses import replace

from consensus.certificates import Certificate
from node.peers.frames import THIS_PART, THIS_SNAPSHOT
from node.peers.groups import pack_group, read_group
from node.snapshots.manifest import Manifest

Bend = Callable[[bytes], bytes]


def wrong_chunk(content: bytes) -> bytes:
    """A part in which a bit is turned."""
    return content[:-1] + bytes([content[-1] ^ 1])


def wrong_manifest(content: bytes) -> bytes:
    """Other parts under the same certified header."""
    items = read_group(content)
    if not items:
        return content
    told = Manifest.decode(items[0])
    roots = (bytes(32), *told.object_roots[1:])
    return pack_group([replace(told, object_roots=roots).encode(), *items[1:]])


def forged_certificate(content: bytes) -> bytes:
    """A state of the liar's making under a header that has its root; as many signatures as it
    takes, of nobody. It is no boundary: one that nobody knows is passed over, as of an epoch that
    was not followed to."""
    items = read_group(content)
    if not items:
        return content
    told, certificate = Manifest.decode(items[0]), Certificate.decode(items[1])
    told = replace(told, object_roots=(bytes(32), *told.object_roots[1:]))
    header = replace(told.header, state_root=told.root, next_set_hash=None)
    forged = replace(
        certificate,
        view=header.view,
        digest=header.digest,
        signatures=tuple([secrets.token_bytes(64) for _ in certificate.signatures]),
    )
    return pack_group([replace(told, header=header).encode(), forged.encode()])


LIES: dict[str, tuple[int, Bend]] = {
    "wrong_chunk": (THIS_PART, wrong_chunk),
    "wrong_manifest": (THIS_SNAPSHOT, wrong_manifest),
    "forged_certificate": (THIS_SNAPSHOT, forged_certificate),
}
OFFERS, PARTS = "offers", "parts"


def place(lie: str) -> str:
    """In what an actor lies: in its offer of a snapshot, or in a part."""
    return OFFERS if LIES.get(lie, (THIS_SNAPSHOT, wrong_manifest))[0] == THIS_SNAPSHOT else PARTS


SILENT = "silent"
"""It is asked, and says nothing of it."""

ACTORS = (*LIES, SILENT)


def bent(lie: str, frame_type: int, content: bytes) -> bytes | None:
    """What the liar sends instead; None for nothing at all."""
    if lie == SILENT and frame_type in (THIS_SNAPSHOT, THIS_PART):
        return None
    kind, bend = LIES.get(lie, (0, wrong_chunk))
    return bend(content) if frame_type == kind else content
