"""A chain of headers under one certificate: what it takes, and each way of lacking it."""

from dataclasses import replace
from typing import Any

import pytest

from consensus.finality import check_descent, check_finalizes
from consensus.header import Header
from consensus.votes import NOTARIZE
from primitives.errors import Refused
from tests.consensus.test_codec import HEADER, certificate_of

FIRST = replace(HEADER, next_set_hash=None, closing=False)


def above(below: Header, **changes: Any) -> Header:
    """The next block, or above a boundary the next closing header."""
    ends = below.ends_epoch
    fields: dict[str, Any] = {
        "view": below.view + 1,
        "parent_view": below.view,
        "parent_digest": below.digest,
        "height": below.height + (0 if ends else 1),
        "time_ms": below.time_ms + 1,
        "closing": ends,
        "next_set_hash": None,
    }
    return replace(below, **(fields | changes))


BOUNDARY = above(FIRST, next_set_hash=b"s" * 32)
CLOSING = above(BOUNDARY)


@pytest.mark.parametrize(
    "headers",
    [[FIRST], [FIRST, above(FIRST)], [FIRST, BOUNDARY], [BOUNDARY, CLOSING, above(CLOSING)]],
)
def test_chains(headers: list[Header]) -> None:
    check_descent(headers)


@pytest.mark.parametrize(
    "headers",
    [
        [CLOSING],
        [FIRST, FIRST],
        [FIRST, above(FIRST, parent_digest=bytes(32))],
        [FIRST, above(FIRST, parent_view=FIRST.view + 1)],
        [FIRST, above(FIRST, height=FIRST.height)],
        [FIRST, above(FIRST, epoch=FIRST.epoch + 1)],
        [FIRST, above(FIRST, network_id=b"n" * 32)],
        [FIRST, above(FIRST, closing=True)],
        [BOUNDARY, above(BOUNDARY, closing=False)],
        [BOUNDARY, above(BOUNDARY, closing=False, height=BOUNDARY.height + 1)],
        [BOUNDARY, above(BOUNDARY, height=BOUNDARY.height + 1)],
        [BOUNDARY, above(BOUNDARY, next_set_hash=b"s" * 32)],
    ],
)
def test_what_is_no_chain(headers: list[Header]) -> None:
    with pytest.raises(Refused, match="certificate_invalid"):
        check_descent(headers)


def test_a_certificate_names_its_header() -> None:
    final = replace(
        certificate_of([0, 1, 2]), epoch=FIRST.epoch, view=FIRST.view, digest=FIRST.digest
    )
    check_finalizes(final, FIRST)
    wrong: tuple[dict[str, Any], ...] = (
        {"kind": NOTARIZE},
        {"epoch": FIRST.epoch + 1},
        {"view": FIRST.view + 1},
        {"digest": bytes(32)},
    )
    for changes in wrong:
        with pytest.raises(Refused, match="certificate_invalid"):
            check_finalizes(replace(final, **changes), FIRST)
