"""Before staff sign, the bytes are read: they must say what the node shows."""

import hashlib
from dataclasses import replace

import pytest

from clients.office.operations import (
    Operation,
    check_amounts,
    read_operation,
    territory_account,
)
from ledger.bulletins import bulletin_credit_fields
from ledger.envelope import build_body
from ledger.fields import BULLETIN_CREDIT, PAYMENT_PAY
from ledger.payments import pay_fields
from primitives.errors import Refused
from primitives.signatures import SigningKey
from tests.wallet.founding import found
from wallet.light.trust import TrustedNetwork

AMOUNTS = (1_875, 1_016)


def _key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


NETWORK = TrustedNetwork(found(_key_of, ""))


def _body(kind: str = BULLETIN_CREDIT, device: str = "arden node", prefix: str = "arden") -> bytes:
    lines = [(bytes([at] * 20), amount, bytes(32)) for at, amount in enumerate(AMOUNTS, 1)]
    values = (
        bulletin_credit_fields(bytes(20), bytes(16), lines)
        if kind == BULLETIN_CREDIT
        else pay_fields(bytes(20), "ARD", sum(AMOUNTS), None)
    )
    return build_body(
        kind,
        NETWORK.network_id,
        created_ms=1,
        valid_until_ms=1_000,
        account=territory_account(NETWORK, prefix).id,
        device=_key_of(device).public_key,
        number=1,
        fields=values,
    )


SHOWN = Operation(
    id="ab",
    kind=BULLETIN_CREDIT,
    amount_minor=sum(AMOUNTS),
    state="waiting",
    body=_body(),
    staff_needed=1,
    staff_signed=(),
    transaction=None,
    height=None,
    valid_until_ms=1_000,
)


def test_what_the_bytes_say() -> None:
    said = read_operation(NETWORK, "arden", SHOWN)
    assert (said.amount_minor, said.line_amounts) == (sum(AMOUNTS), AMOUNTS)
    check_amounts([*reversed(AMOUNTS), 0], [said])


@pytest.mark.parametrize(
    "operation",
    [
        replace(SHOWN, amount_minor=1),
        replace(SHOWN, kind="programme.fund"),
        replace(SHOWN, valid_until_ms=999),
        replace(SHOWN, body=SHOWN.body[:-1]),
        replace(SHOWN, body=_body(device="arden staff")),
        replace(SHOWN, body=_body(prefix="brume")),
        replace(SHOWN, body=_body(PAYMENT_PAY), kind=PAYMENT_PAY),
    ],
)
def test_nothing_else_is_signed(operation: Operation) -> None:
    with pytest.raises(Refused, match="operation_differs"):
        read_operation(NETWORK, "arden", operation)


@pytest.mark.parametrize("shown", [[1_875], [1_875, 1_017], [1_875, 1_016, 1]])
def test_batches_credit_what_was_previewed(shown: list[int]) -> None:
    said = read_operation(NETWORK, "arden", SHOWN)
    with pytest.raises(Refused, match="operation_differs"):
        check_amounts(shown, [said])
