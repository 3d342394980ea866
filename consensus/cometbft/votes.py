"""What a validator signs: the canonical vote (`types/canonical.go`, `Vote.SignBytes`).

Height and round have a fixed width there, so that signing devices find them; the message has its
length before it. Whose vote it is stands beside the signature, not under it.
"""

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.timestamps import encode_time
from consensus.cometbft.wire import (
    bytes_field,
    delimited,
    fixed64_field,
    message_field,
    number_field,
)

PREVOTE = 1
PRECOMMIT = 2


def sign_bytes(
    chain_id: str, kind: int, height: int, round: int, block_id: BlockId, time_ns: int
) -> bytes:
    """The bytes under a vote of this kind; a nil block id for a vote against every block."""
    return delimited(
        number_field(1, kind)
        + fixed64_field(2, height)
        + fixed64_field(3, round)
        + (b"" if block_id.is_nil else message_field(4, block_id.encode()))
        + message_field(5, encode_time(time_ns))
        + bytes_field(6, chain_id.encode())
    )
