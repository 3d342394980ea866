"""The beginnings of epochs in a row, as one member tells them to another, and what makes them true.

    wanted  first epoch(8)
    told    first epoch(8) ‖ group of ["epoch_start", 1, epoch, boundary, [closing header, …],
            certificate, network object or nil for the same as before, state proof]

Who knows the members of one epoch believes the boundary that they finalized, and what stands under
its state root: the terms of the next epoch, and so its members. One certificate an epoch leads from
the genesis to today. What is wrong is a lie, or of more than f; what is not told may be asked of
another.
"""

from collections.abc import Iterator

from consensus.certificates import CERTIFICATE_BYTES_MAX, Certificate, verify_certificate
from consensus.finality import check_begins
from consensus.header import HEADER_BYTES_MAX, Header
from consensus.messages import HEADERS_MAX
from node.chain import Chain
from node.epochs import RECORD_BYTES_MAX, Epoch, EpochRecord, ProvedTerms, voting_set
from node.peers.groups import pack_group, read_group
from primitives.encoding import Value, decode, encode
from primitives.errors import Refused
from primitives.signatures import verify

EPOCHS_AT_ONCE = 64
EPOCHS_BYTES = 512 << 10
"""An answer ends with the epoch that reaches this."""

_NUMBER_BYTES = 8
_EPOCH_MAX = 2**53


def pack_epoch_wanted(first: int) -> bytes:
    """A question for epochs from this one on."""
    return first.to_bytes(_NUMBER_BYTES, "big")


def read_epoch_wanted(content: bytes) -> int:
    """The first epoch that a peer wants. Refuses `peer_malformed`."""
    first = int.from_bytes(content, "big")
    if len(content) != _NUMBER_BYTES or not 1 <= first < _EPOCH_MAX:
        raise Refused("peer_malformed", "a request for epochs that names none")
    return first


def answer_epochs(chain: Chain, first: int) -> bytes:
    """What this chain has of them, as far as it can be proved to who knows the genesis alone."""
    items: list[bytes] = []
    size, told = 0, b""
    for epoch in range(first, first + EPOCHS_AT_ONCE):
        record = chain.epoch_record(epoch)
        if record is None or record.proved is None or size >= EPOCHS_BYTES:
            break
        items.append(_item(record, told))
        size += len(items[-1])
        told = record.proved.raw
    return first.to_bytes(_NUMBER_BYTES, "big") + pack_group(items)


def _item(record: EpochRecord, told: bytes) -> bytes:
    closing = tuple([header.encode() for header in record.closing])
    boundary, certificate = record.boundary.encode(), record.finality.encode()
    raw, proof = record.proved or ProvedTerms(b"", b"")
    network: Value = None if raw == told else raw
    return encode(("epoch_start", 1, record.epoch, boundary, closing, certificate, network, proof))


def read_epochs(content: bytes, first: int) -> Iterator[EpochRecord]:
    """The epochs in an answer, from `first` on; nothing is believed yet. Refuses `peer_malformed`
    and what anything in it can't be read with."""
    if content[:_NUMBER_BYTES] != first.to_bytes(_NUMBER_BYTES, "big"):
        raise Refused("peer_malformed", "epochs that were not asked for")
    network = b""
    for item in read_group(content, _NUMBER_BYTES, items_max=EPOCHS_AT_ONCE):
        record = _read(item, first, network)
        network = b"" if record.proved is None else record.proved.raw
        first += 1
        yield record


def _read(item: bytes, epoch: int, network: bytes) -> EpochRecord:
    match decode(item, bytes_max=RECORD_BYTES_MAX):
        case (
            "epoch_start",
            version,
            number,
            bytes(boundary),
            tuple(closing),
            bytes(certificate),
            None | bytes() as raw,
            bytes(proof),
        ) if (
            (type(version), type(number)) == (int, int)
            and (version, number) == (1, epoch)
            and len(closing) < HEADERS_MAX
            and len(certificate) <= CERTIFICATE_BYTES_MAX
            and raw != network
        ):
            proved = ProvedTerms(network if raw is None else raw, proof)
            headers = [_header(one) for one in (boundary, *closing)]
            return EpochRecord(
                headers[0],
                tuple(headers[1:]),
                Certificate.decode(certificate),
                proved.terms,
                proved,
            )
    raise Refused("peer_malformed", "no beginning of an epoch")


def _header(raw: Value) -> Header:
    if not isinstance(raw, bytes) or len(raw) > HEADER_BYTES_MAX:
        raise Refused("peer_malformed", "no header")
    return Header.decode(raw)


def following(before: Epoch, told: EpochRecord, network_id: bytes) -> Epoch:
    """The epoch after `before`, if what was told of it is proved by the members of that one.

    Raises `Refused`: `certificate_invalid`, and what terms that can't be read are refused with.
    """
    boundary, proved = told.boundary, told.proved
    if boundary.network_id != network_id:
        raise Refused("certificate_invalid", "a boundary of another network")
    if boundary.rule_version != before.terms.rule_version:
        raise Refused("certificate_invalid", "a boundary under other rules than its epoch's")
    members = voting_set(told.terms)
    earlier = None if before.record is None else before.record.boundary
    check_begins(before.number + 1, told.headers, told.finality, members, earlier)
    verify_certificate(told.finality, before.members, network_id, verify)
    if proved is None or not proved.holds_under(boundary.state_root):
        raise Refused("certificate_invalid", "the terms do not stand under the boundary's root")
    return Epoch.of(told)
