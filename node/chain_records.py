"""The committed chain's keys and records in the store.

    m                      meta: see `Meta`
    o ‖ tree key(32)       slot(8) ‖ object
    h ‖ height(8)          [header, first receipt number, certificate or nil]
    b ‖ height(8)          body
    n ‖ first number(8)    height(8) of the non-empty block whose first receipt has this number
    i ‖ first number(8)    ids (32 each) of a run of receipts, beginning with this number
    t ‖ id(32)             receipt number(8)
    a ‖ account(20) ‖ number(8)    the lane if it was this account's own: device(8) ‖ number(8)
    k ‖ index(8)           root of a full chunk of the receipt log
    v ‖ height(8)          a change of CometBFT's validator set (`node.kept_sets`)
    f ‖ epoch(8)           what proves it (`node.engines.cometbft.proof_book`)
    r                      the epoch from which this node votes again, if it lost its journal
    e ‖ epoch(8)           how an epoch began, from 1 on (`node.epochs.EpochRecord`)
    c ‖ short name         date(8) ‖ id(16) of the proposal by which a later territory joined
    s                      where a chain begins that follows from no genesis: see `Base`

Objects lag one block: with the newest final header h the store holds the state after h − 1, which
is what that header's state root commits to. So a start can check every object against a header,
and then executes block h again.

h, b, n and a go once they are older than what the node keeps (`node.pruning`); i and t never do,
so a receipt can always be found and proved. A store that began with a snapshot, or went on from
a predecessor's state, has no h, b, n and a from before it either.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from consensus.certificates import Certificate
from consensus.header import Header
from node.store import Change
from primitives.encoding import Value, decode, encode
from primitives.errors import InvariantBroken, Refused

META_KEY = b"m"
OBJECT = b"o"
HEADER = b"h"
BODY = b"b"
FIRST_NUMBER = b"n"
TRANSACTION = b"t"
ACCOUNT = b"a"
CHUNK = b"k"
IDS = b"i"
EPOCH = b"e"
CARD = b"c"
BASE = b"s"
SET_CHANGE = b"v"
EPOCH_PROOF = b"f"
RESTORED = b"r"
"""Until when a member that lost its journal only observes: see `Restored`."""

FORMAT = 2
"""1 had no runs of ids: they were hashed from the bodies, which are no longer kept for ever."""

LANE_DEVICE_BYTES = 8
SLOT_BYTES = 8
BODY_BYTES_MAX = 1 << 25
_RECORD_BYTES_MAX = 1 << 20

_TOLD_AS_THEY_ARE = frozenset(
    {
        "certificate_invalid",
        "data_in_use",
        "data_missing",
        "data_of_newer_version",
        "data_of_older_version",
        "data_of_other_network",
        "journal_corrupt",
        "rule_version_unknown",
        "state_root_differs",
        "store_corrupt",
        "store_of_other_kind",
        "store_unreadable",
        "succession_without_state",
    }
)
"""Any other code is about a record that was written once and can't be read now."""


@contextlib.contextmanager
def damage_told() -> Iterator[None]:
    """Whatever goes wrong with what was read here is refused as `store_corrupt`: what can't be
    while a node runs can be on a disk."""
    try:
        yield
    except InvariantBroken as broken:
        raise Refused("store_corrupt", broken.reason) from broken
    except Refused as refusal:
        if refusal.code in _TOLD_AS_THEY_ARE:
            raise
        raise Refused("store_corrupt", f"{refusal.code}: {refusal.detail}") from refusal


def number_key(prefix: bytes, number: int) -> bytes:
    """A key that orders by number."""
    return prefix + number.to_bytes(8, "big")


def lane_entry(device: bytes, number: int) -> bytes:
    """What an account's own transaction leaves in its history index, to be found by lane."""
    return device[:LANE_DEVICE_BYTES] + number.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class Meta:
    """What the whole store says about itself.

    `network_id` is None before the first start. `slots` counts those of the stored objects,
    `receipts` those of all blocks. `journal_sequence` is the newest journal group known here.
    Blocks are kept from `first_height` on; its first receipt number is `first_number`.
    """

    journal_id: bytes
    network_id: bytes | None = None
    height: int = 0
    slots: int = 1
    receipts: int = 0
    journal_sequence: int = 0
    first_height: int = 1
    first_number: int = 0
    format: int = FORMAT

    def encode(self) -> bytes:
        """The stored form."""
        return encode(
            (
                "chain",
                self.format,
                self.journal_id,
                self.network_id,
                self.height,
                self.slots,
                self.receipts,
                self.journal_sequence,
                *((self.first_height, self.first_number) if self.format > 1 else ()),
            )
        )

    @staticmethod
    def decode(raw: bytes) -> "Meta":
        """Also of an older `format`. Refuses `data_of_newer_version` and `store_corrupt`."""
        match decode(raw):
            case ("chain", *fields) if any(type(field) is bool for field in fields):
                pass  # true equals 1
            case ("chain", int(version), *_) if version > FORMAT:
                raise Refused("data_of_newer_version", f"store format {version}")
            case (
                "chain",
                int(version),
                bytes(journal_id),
                None | bytes() as network_id,
                int(height),
                int(slots),
                int(receipts),
                int(sequence),
                *history,
            ):
                known = (journal_id, network_id, height, slots, receipts, sequence)
                match version, history:
                    case 1, []:
                        return Meta(*known, format=1)
                    case 2, [int(first_height), int(first_number)]:
                        return Meta(*known, first_height, first_number)
        raise Refused("store_corrupt", "the store's own record can't be read")


@dataclass(frozen=True, slots=True)
class Base:
    """Where a chain begins whose first state follows from no genesis: the height of the block
    below, how many receipts there are by then, and the state root that its first header names.
    That is a successor's genesis block, whose epoch the genesis names, or under CometBFT the
    newest block whose state came as a snapshot; `epoch` is the one of the block above it."""

    height: int
    receipts: int
    state_root: bytes
    epoch: int | None = None

    def encode(self) -> bytes:
        """The stored form."""
        if self.epoch is None:
            return encode(("base", 1, self.height, self.receipts, self.state_root))
        return encode(("base", 2, self.height, self.receipts, self.state_root, self.epoch))

    @staticmethod
    def decode(raw: bytes) -> "Base":
        """Our own record; raises InvariantBroken if it is not one."""
        match decode(raw):
            case ("base", 1, int(height), int(receipts), bytes(state_root)):
                return Base(height, receipts, state_root)
            case ("base", 2, int(height), int(receipts), bytes(state_root), int(epoch)):
                return Base(height, receipts, state_root, epoch)
        raise InvariantBroken("where the chain begins can't be read")


UNASKED_EPOCH = 2**63
"""In the place of an epoch: other members are to be asked before one can be named."""


@dataclass(frozen=True, slots=True)
class Restored:
    """`until_epoch`: the first epoch in which a member that lost its journal may vote again;
    `set_hash`: of the members that were asked for it."""

    until_epoch: int
    set_hash: bytes

    def encode(self) -> bytes:
        """The stored form."""
        return self.until_epoch.to_bytes(8, "big") + self.set_hash

    @staticmethod
    def decode(raw: bytes) -> "Restored":
        """Our own record."""
        return Restored(int.from_bytes(raw[:8], "big"), raw[8:])


@dataclass(frozen=True, slots=True)
class PrunedBlocks:
    """The oldest blocks: what is removed with them, and where blocks, and the receipt numbers of
    blocks, begin then."""

    changes: Sequence[Change]
    first_height: int
    first_number: int


@dataclass(frozen=True, slots=True)
class StoredHeader:
    """One final header as stored; `certificate` where it was finalized by name."""

    header: Header
    first_number: int
    certificate: Certificate | None

    def encode(self) -> bytes:
        """The stored form."""
        certificate: Value = None if self.certificate is None else self.certificate.encode()
        return encode((self.header.encode(), self.first_number, certificate))

    @staticmethod
    def decode(raw: bytes) -> "StoredHeader":
        """Our own record; raises InvariantBroken if it is not one."""
        match decode(raw, bytes_max=_RECORD_BYTES_MAX):
            case (bytes(header), int(first_number), None):
                return StoredHeader(Header.decode(header), first_number, None)
            case (bytes(header), int(first_number), bytes(certificate)):
                return StoredHeader(
                    Header.decode(header), first_number, Certificate.decode(certificate)
                )
        raise InvariantBroken("a stored header can't be read")
