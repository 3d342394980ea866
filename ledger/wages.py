"""Wages: employers pay a share of their wages in local money, countersigned by the territory."""

from __future__ import annotations

from collections.abc import Sequence

from primitives.encoding import Value


def wages_pay_fields(
    run_id: bytes, gross_total_minor: int | None, lines: Sequence[tuple[bytes, int, bytes]]
) -> tuple[Value, ...]:
    """The body's last values of `wages.pay`; `run_id` is 16 bytes, a line (account id,
    amount_minor, commitment of 32 bytes). `gross_total_minor` is nil below ten lines."""
    return (run_id, gross_total_minor, tuple([tuple(line) for line in lines]))
