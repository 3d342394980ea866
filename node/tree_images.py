"""What a start of this node left of the tree, so that the next one need not hash it all again.

    DATA/tree/ROOT      named by the state root that it led to; see `TreeImages`

The file holds the tree's arrays (`primitives.tree_levels`), and a digest of the stored bytes of
every few objects in key order. A start reads all objects as always. Those that give their digest
are byte for byte what was hashed into the tree then; all others are hashed again, with what is
above them. So it does not matter how old the file is, and the root that comes out is compared with
the newest final header's as ever. A file that is damaged, cut, or not made with this node's secret
key is not used: whoever can write to the disk and lacks the passphrase can't have an altered object
taken for one that was checked.
"""

import contextlib
import hmac
import os
import sys
from array import array
from dataclasses import dataclass, field
from hashlib import sha256
from io import BufferedReader
from pathlib import Path

import structlog

from node.private_files import PRIVATE_FOLDER_MODE
from primitives.encoding import decode, encode
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES, hash_bytes
from primitives.merkle import depth_of
from primitives.signatures import SigningKey
from primitives.tree_levels import CONTENT_BYTES

OBJECTS_MIN = 20_000
"""A tree of fewer is made in no time."""

SLOTS_CODE, SIZES_CODE = "Q", "H"
_HEAD_BYTES_MAX = 256
_LENGTH_BYTES = 4


@dataclass
class TreeImage:
    """The tree's arrays; the `slots` of all keys, ascending; and, of each group of objects in that
    order, how many they are and the digest of what is stored of them."""

    contents: bytearray = field(repr=False)
    levels: list[bytearray] = field(repr=False)
    slots: "array[int]" = field(repr=False)
    sizes: "array[int]" = field(repr=False)
    digests: bytearray = field(repr=False)

    @property
    def sections(self) -> list[bytes | bytearray | memoryview]:
        """Everything, in the order of the file."""
        orders = [memoryview(self.slots).cast("B"), memoryview(self.sizes).cast("B")]
        return [self.contents, *self.levels, *orders, self.digests]


def level_bytes(count: int) -> list[int]:
    """How large the levels of a tree of so many slots are."""
    return [-(-count >> level) * HASH_BYTES for level in range(depth_of(count) + 1)]


class TreeImages:
    """The folder with the newest one. Nothing of it is needed: what goes wrong is logged."""

    def __init__(self, folder: Path, network_id: bytes, owner: SigningKey) -> None:
        self._folder = folder
        self._network_id = network_id
        self._secret = hash_bytes("tree_image", owner.seed)
        self._log = structlog.get_logger("tree")

    def read(self, slots_max: int) -> TreeImage | None:
        """The image, if there is one of at most so many slots that can be used."""
        for file in self._files():
            try:
                with file.open("rb") as stream:
                    image = self._read(stream, slots_max)
            except (OSError, Refused) as error:
                self._log.warning("tree_image_unreadable", reason=str(error))
                continue
            if image is not None:
                return image
        return None

    def write(self, root: bytes, image: TreeImage) -> None:
        """Keep this one, and no other. A crash leaves the old one or the new."""
        file = self._folder / root.hex()
        making = file.with_suffix(".making")
        try:
            self._folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
            with making.open("wb") as stream:
                tag = self._authenticator()
                for section in (self._head(image), *image.sections):
                    stream.write(section)
                    tag.update(section)
                stream.write(tag.digest())
            os.replace(making, file)
            for old in self._folder.iterdir():
                if old != file:
                    old.unlink()
        except OSError as error:
            self._log.warning("tree_image_not_kept", reason=str(error))
            with contextlib.suppress(OSError):
                making.unlink()

    def _files(self) -> list[Path]:
        try:
            return [file for file in self._folder.iterdir() if not file.suffix]
        except OSError:
            return []

    def _authenticator(self) -> hmac.HMAC:
        return hmac.new(self._secret, digestmod=sha256)

    def _head(self, image: TreeImage) -> bytes:
        head = encode(
            (
                "tree_image",
                1,
                self._network_id,
                sys.byteorder,
                len(image.contents) // CONTENT_BYTES,
                len(image.sizes),
            )
        )
        return len(head).to_bytes(_LENGTH_BYTES, "big") + head

    def _read(self, stream: BufferedReader, slots_max: int) -> TreeImage | None:
        """Refuses what can't be read; None for what is of no use here."""
        raw_length = stream.read(_LENGTH_BYTES)
        length = int.from_bytes(raw_length, "big")
        if length > _HEAD_BYTES_MAX:
            raise Refused("store_corrupt", "no image of a tree")
        head = stream.read(length)
        match decode(head, bytes_max=_HEAD_BYTES_MAX, depth_max=1):
            case ("tree_image", int(version), bytes(network_id), order, int(count), int(groups)):
                usable = (version, network_id, order) == (1, self._network_id, sys.byteorder)
                if not usable or not 1 < count <= slots_max or not 0 < groups < count:
                    return None
            case _:
                raise Refused("store_corrupt", "no image of a tree")
        image = TreeImage(
            bytearray(count * CONTENT_BYTES),
            [bytearray(size) for size in level_bytes(count)],
            array(SLOTS_CODE, bytes(8 * (count - 1))),
            array(SIZES_CODE, bytes(2 * groups)),
            bytearray(groups * HASH_BYTES),
        )
        tag = self._authenticator()
        tag.update(raw_length + head)
        for section in image.sections:
            if stream.readinto(section) != len(section):
                raise Refused("store_corrupt", "an image that is cut")
            tag.update(section)
        if not hmac.compare_digest(stream.read(), tag.digest()):
            raise Refused("store_corrupt", "an image that is damaged, or not this node's")
        return image if sum(image.sizes) == count - 1 else None
