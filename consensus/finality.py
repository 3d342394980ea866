"""When a header is final: under F of itself, or of a descendant with every header between.

Closing headers stand above an epoch's boundary, at its height, and are no blocks: F of one makes
the boundary final (docs/protocol.md, section 4). Signatures are checked in `certificates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from consensus.certificates import Certificate
from consensus.header import Header
from consensus.members import MemberSet
from consensus.votes import FINALIZE
from primitives.errors import Refused


def check_descent(headers: Sequence[Header]) -> None:
    """Each stands on the one before, all in one epoch of one network, and the first is a block.

    Raises `Refused("certificate_invalid")`.
    """
    first = headers[0]
    if first.closing:
        raise Refused("certificate_invalid", "a closing header is no block of the chain")
    for below, header in pairwise(headers):
        place = (header.network_id, header.epoch, header.parent_view, header.parent_digest)
        height = below.height if below.ends_epoch else below.height + 1
        if (
            place != (first.network_id, first.epoch, below.view, below.digest)
            or (header.closing, header.height) != (below.ends_epoch, height)
            or (header.closing and header.next_set_hash is not None)
        ):
            raise Refused("certificate_invalid", "the headers are no chain")


def check_finalizes(certificate: Certificate, header: Header) -> None:
    """The certificate is F of this very header. Raises `Refused("certificate_invalid")`."""
    named = (certificate.kind, certificate.epoch, certificate.view, certificate.digest)
    if named != (FINALIZE, header.epoch, header.view, header.digest):
        raise Refused("certificate_invalid", "it does not finalize the last of the headers")


def check_begins(
    epoch: int,
    headers: Sequence[Header],
    certificate: Certificate,
    following: MemberSet,
    before: Header | None,
) -> None:
    """The first of `headers` is the boundary that begins `epoch` with the set `following`, and the
    certificate finalizes the last of them, a closing header above it or the boundary itself.
    `before` is the boundary that began the epoch which ends; None for the first one. Whose
    signatures the certificate bears is checked in `certificates`.

    Raises `Refused("certificate_invalid")`.
    """
    check_descent(headers)
    boundary = headers[0]
    if boundary.epoch != epoch - 1 or boundary.next_set_hash is None:
        raise Refused("certificate_invalid", f"no boundary of epoch {epoch - 1}")
    if before is not None and not (
        boundary.height > before.height and boundary.time_ms > before.time_ms
    ):
        raise Refused("certificate_invalid", "a boundary is older than the one before")
    if following.hash() != boundary.next_set_hash:
        raise Refused("certificate_invalid", "the set is not the one that the boundary names")
    check_finalizes(certificate, headers[-1])
