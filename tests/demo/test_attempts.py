"""What must be refused: those refusals that need no state, straight from the rules."""

import pytest

from clients.demo.attempts import ATTEMPT_CODES, Original, attempt_bytes
from clients.demo.plan import make_plan
from clients.demo.steps import Attempt
from ledger.envelope import build_body, sign_transaction
from ledger.fields import PAYMENT_PAY
from ledger.payments import pay_fields
from ledger.transaction import decode_transaction, signature_items
from primitives.errors import Refused
from primitives.signatures import verify

NETWORK_ID = bytes(range(32))
NOW_MS = 1_800_000_000_000
STATELESS = {
    "amount_out_of_range",
    "encoding_not_canonical",
    "kind_unknown",
    "network_mismatch",
    "payee_is_payer",
    "version_unknown",
}


def _attempts() -> dict[str, Attempt]:
    plan = make_plan(3, purchases=100)
    return {step.code: step for step in plan.steps if isinstance(step, Attempt)}


def _original(attempt: Attempt) -> Original:
    """A payment that the attempt's account received from `other`."""
    key = attempt.other.signing_key
    body = build_body(
        PAYMENT_PAY,
        NETWORK_ID,
        created_ms=NOW_MS,
        valid_until_ms=NOW_MS + 1_000,
        account=attempt.other.account_id,
        device=key.public_key,
        number=1,
        fields=pay_fields(attempt.payer.account_id, attempt.payer.place.currency, 1),
    )
    return Original(sign_transaction(body, NETWORK_ID, key), 0)


@pytest.mark.parametrize("code", ATTEMPT_CODES)
def test_each_is_wrong_in_its_own_way(code: str) -> None:
    attempt = _attempts()[code]
    original = _original(attempt) if code == "refund_above_original" else None
    raw = attempt_bytes(attempt, NETWORK_ID, original, NOW_MS)
    if code in STATELESS:
        with pytest.raises(Refused) as caught:
            decode_transaction(raw, NETWORK_ID)
        assert caught.value.code == code
        return
    transaction = decode_transaction(raw, NETWORK_ID)
    holds = all(verify(*item) for item in signature_items(transaction))
    assert holds is (code != "signature_invalid")
