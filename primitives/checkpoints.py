"""A checkpoint, `EPOCH:DIGEST`: an epoch and the digest of the block that it begins above, as told
by somebody trusted. Under CometBFT, whose headers name no epoch, `HEIGHT:DIGEST` of any header."""

from primitives.errors import Refused
from primitives.hashing import HASH_BYTES

EPOCH_MAX = 2**31


def parse_checkpoint(word: str) -> tuple[int, bytes]:
    """Read `EPOCH:DIGEST`. Raises `Refused("checkpoint_malformed")`."""
    epoch, _, digest = word.strip().partition(":")
    try:
        raw = bytes.fromhex(digest)
    except ValueError:
        raw = b""
    if not (epoch.isascii() and epoch.isdigit()) or len(epoch) > 10 or len(raw) != HASH_BYTES:
        raise Refused("checkpoint_malformed", word[:100])
    if not 1 <= int(epoch) <= EPOCH_MAX:
        raise Refused("checkpoint_malformed", word[:100])
    return int(epoch), raw
