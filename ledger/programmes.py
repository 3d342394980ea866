"""Programmes: budgets that a territory sets apart from its commons for bulletins.

A programme's account has no device key: only the territory acts for it, with its node's key and
its staff's. Money comes from the commons and goes to residents by `bulletin.credit`, or back.
"""

from __future__ import annotations

from primitives.encoding import Value


def programme_open_fields(
    seed: bytes, blind: bytes, currency: str, budget_minor: int, commitment: bytes
) -> tuple[Value, ...]:
    """The body's last values of `programme.open`: `seed` (32 random bytes) gives the account's id,
    `account_id(prefix, seed)`; `blind` is 16 random bytes; `commitment` 32."""
    return (seed, blind, currency, budget_minor, commitment)


def programme_fund_fields(programme: bytes, amount_minor: int) -> tuple[Value, ...]:
    """The body's last values of `programme.fund`; `programme` is an account id."""
    return (programme, amount_minor)


def programme_close_fields(programme: bytes) -> tuple[Value, ...]:
    """The body's last values of `programme.close`; `programme` is an account id."""
    return (programme,)
