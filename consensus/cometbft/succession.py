"""The last header of a network that CometBFT ordered, as the genesis of its successor proves it.

Pure, like `consensus.succession`, which decides between the engines' forms. CometBFT's headers name
voting keys and no recovery keys: who may endorse stands in the object `network`, and that is proved
under the state root of this header (docs/protocol.md, section 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from consensus.cometbft import chain_id
from consensus.cometbft.certified import SetChange
from consensus.cometbft.commits import Commit
from consensus.cometbft.headers import Header
from consensus.cometbft.light import SignedHeader, verify_commit
from consensus.cometbft.validators import ValidatorSet
from consensus.votes import Verifier
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES


class ProvedEnd(Protocol):
    """What is named beside the header; see `ledger.succession.ProvedNetwork`."""

    @property
    def validators(self) -> Sequence[bytes]:
        """The keys of the set that signed."""

    def holds_under(self, root: bytes) -> bool:
        """Whether the members that are named stand in the state with this root."""


class NamedEnd(Protocol):
    """What a succession says of its predecessor's end; see `ledger.succession.Succession`."""

    @property
    def predecessor(self) -> bytes:
        """The predecessor's network id."""

    @property
    def height(self) -> int:
        """Of the header."""

    @property
    def header(self) -> bytes:
        """The last final header."""

    @property
    def certificate(self) -> bytes:
        """The commit for it."""


def check_end(named: NamedEnd, proved: ProvedEnd, verify: Verifier) -> Header:
    """The predecessor's last header, if the set that is named signed it, and the members that are
    named stand in the state that it names.

    Whether that set is the predecessor's is for who knows that network: `set_at`. A commit is for
    the header itself: with a later one, that later block would be final too, and be lost. Raises
    `Refused`.
    """
    header, commit = Header.decode(named.header), Commit.decode(named.certificate)
    if header.chain_id != chain_id(named.predecessor):
        raise _unproved("the header is of another network")
    if header.height != named.height:
        raise _unproved("the header has another height")
    if len(header.app_hash) != HASH_BYTES:
        raise _unproved("a state root has 32 bytes")
    signers = ValidatorSet.of_members(proved.validators)
    verify_commit(SignedHeader(header, commit), signers, verify)
    if not proved.holds_under(header.app_hash):
        raise _unproved("the members do not stand under the header's state root")
    return header


def set_at(
    height: int,
    first: ValidatorSet,
    begin: int,
    network_id: bytes,
    changes: Iterable[SetChange],
    verify: Verifier,
) -> ValidatorSet:
    """The set that signs at a height, followed from the `first` one of a network whose genesis has
    the height `begin`, through all changes below; those at that height or above are not looked at.

    Raises `Refused("certificate_invalid")` where one does not follow from those before.
    """
    validators, below, time_ns = first, begin, None
    for change in changes:
        header = change.header
        if header.height >= height:
            break
        if header.chain_id != chain_id(network_id) or header.height <= below:
            raise Refused("certificate_invalid", f"the change at {header.height} is out of place")
        if time_ns is not None and header.time_ns <= time_ns:
            raise Refused("certificate_invalid", f"the change at {header.height} is too early")
        change.verify(validators, verify)
        validators, below, time_ns = change.following, header.height, header.time_ns
    return validators


def _unproved(detail: str) -> Refused:
    return Refused("succession_unproved", detail)
