"""What a snapshot consists of: the roots of all its parts, which give its header's state root.

    ["snapshot", 1, header, slots, level, object roots, receipts, receipt roots, open root]

`object roots` and `receipt roots` are 32 bytes each, joined: of the chunks of 2^level slots, and of
the full chunks of the receipt log. Where one chunk holds all slots, its root is the tree's, at the
depth of the tree.
"""

from dataclasses import dataclass
from functools import cached_property

from consensus.header import Header
from primitives.encoding import decode, encode
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES, hash_bytes
from primitives.merkle import EMPTY_LEAF, depth_of, empty_subtree
from primitives.receipt_log import CHUNK_DEPTH, CHUNK_LEAVES
from primitives.receipt_log import NODE_TAG as LOG_TAG
from primitives.state_root import state_root
from primitives.tree_proofs import NODE_TAG

LEVEL_MAX = 12
"""4,096 slots a chunk, about 1 MiB of accounts; less where a chunk would be too large."""

MANIFEST_BYTES_MAX = 8 << 20
_COUNT_MAX = 1 << 53


@dataclass(frozen=True)
class Manifest:
    """See the module's docstring. `slots` are those of the tree, the sentinel's included."""

    header: Header
    slots: int
    level: int
    object_roots: tuple[bytes, ...]
    receipts: int
    receipt_roots: tuple[bytes, ...]
    open_root: bytes

    @property
    def height(self) -> int:
        """Of the header whose state root this is."""
        return self.header.height

    @property
    def receipt_chunks(self) -> int:
        """Chunks of the receipt log that hold anything, the open one included."""
        return -(-self.receipts // CHUNK_LEAVES)

    @property
    def parts(self) -> int:
        """Object chunks first, then receipt chunks."""
        return len(self.object_roots) + self.receipt_chunks

    @cached_property
    def root(self) -> bytes:
        """The state root that the parts lead to."""
        depth = depth_of(self.slots)
        tree = join(self.object_roots, min(self.level, depth), depth, NODE_TAG)
        full = EMPTY_LEAF
        if self.receipt_roots:
            full = join(self.receipt_roots, 0, depth_of(len(self.receipt_roots)), LOG_TAG)
        log = hash_bytes("log", self.receipts.to_bytes(8, "big") + full + self.open_root)
        return state_root(self.slots, tree, log)

    def check(self) -> None:
        """Refuse (`snapshot_wrong`) what is not the snapshot that its header commits to."""
        if self.root != self.header.state_root:
            raise Refused("snapshot_wrong", "its parts do not give its header's state root")

    def encode(self) -> bytes:
        """The stored form, and what peers are sent."""
        return encode(
            (
                "snapshot",
                1,
                self.header.encode(),
                self.slots,
                self.level,
                b"".join(self.object_roots),
                self.receipts,
                b"".join(self.receipt_roots),
                self.open_root,
            )
        )

    @staticmethod
    def decode(raw: bytes) -> "Manifest":
        """Read one; its header is checked by whoever knows what is final. Refuses
        `snapshot_wrong`, and what a header that can't be read is refused with."""
        match decode(raw, bytes_max=MANIFEST_BYTES_MAX, depth_max=1):
            case ("snapshot", *fields) if any(type(field) is bool for field in fields):
                pass  # true equals 1
            case (
                "snapshot",
                1,
                bytes(header),
                int(slots),
                int(level),
                bytes(object_roots),
                int(receipts),
                bytes(receipt_roots),
                bytes(open_root),
            ) if (
                # Small numbers only, so that what follows allocates no more than came.
                1 <= slots < _COUNT_MAX
                and 0 <= level <= LEVEL_MAX
                and 0 <= receipts < _COUNT_MAX
                and len(object_roots) == HASH_BYTES * -(-slots >> level)
                and len(receipt_roots) == HASH_BYTES * (receipts >> CHUNK_DEPTH)
                and len(open_root) == HASH_BYTES
            ):
                return Manifest(
                    Header.decode(header),
                    slots,
                    level,
                    _cut(object_roots),
                    receipts,
                    _cut(receipt_roots),
                    open_root,
                )
        raise Refused("snapshot_wrong", "no manifest of a snapshot")


def join(nodes: tuple[bytes, ...], level: int, depth: int, tag: str) -> bytes:
    """The node at `depth` over these, which stand from the left at `level`; what lies to their
    right is empty. `tag` says of which tree."""
    row = list(nodes)
    for at in range(level, depth):
        empty = empty_subtree(at, tag)
        if len(row) % 2:
            row.append(empty)
        row = [hash_bytes(tag, row[i] + row[i + 1]) for i in range(0, len(row), 2)]
    return row[0] if row else empty_subtree(depth, tag)


def _cut(joined: bytes) -> tuple[bytes, ...]:
    return tuple([joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)])
