"""An employee's word on being paid partly in local money, as the employee's own key signs it.

The ledger never sees it: the territory keeps it, and signs no wage without it. Knows nothing of
state or transactions.
"""

from __future__ import annotations

from primitives.encoding import encode
from primitives.signatures import signed_message

CONSENT_TAG = "consent"
CONSENT_VERSION = 1


def consent_message(
    network_id: bytes, account: bytes, employer: bytes, given: bool, time_ms: int
) -> bytes:
    """What a device key of `account` signs: whether `employer` (both account ids) may pay part of
    the wage to this account. Of two words about one employer, the one with the later time holds."""
    statement = (CONSENT_TAG, CONSENT_VERSION, account, employer, given, time_ms)
    return signed_message(CONSENT_TAG, network_id, encode(statement))
