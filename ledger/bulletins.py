"""Bulletins: a programme's budget credits residents for the hours they gave."""

from __future__ import annotations

from collections.abc import Sequence

from primitives.encoding import Value


def bulletin_credit_fields(
    programme: bytes, run_id: bytes, lines: Sequence[tuple[bytes, int, bytes]]
) -> tuple[Value, ...]:
    """The body's last values of `bulletin.credit`; `programme` is an account id, `run_id` 16
    bytes, a line (account id, amount_minor, commitment of 32 bytes)."""
    return (programme, run_id, tuple([tuple(line) for line in lines]))
