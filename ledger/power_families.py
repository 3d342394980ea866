"""The verbs of the kinds about powers, which rule version 2 brought."""

from __future__ import annotations

from ledger.blocks import BLOCK_OBJECTS, apply_block, check_block, validate_block
from ledger.family import Family
from ledger.freezes import (
    FREEZE_OBJECTS,
    apply_freeze,
    check_freeze,
    check_unfreeze,
    validate_freeze,
    validate_unfreeze,
)
from ledger.key_requests import (
    COMPLETE_OBJECTS,
    KEYS_OBJECTS,
    REQUEST_OBJECTS,
    apply_keys,
    check_complete,
    check_decide,
    check_escalate,
    check_keys,
    check_veto,
)
from ledger.power_fields import (
    ACCOUNT_BLOCK,
    ACCOUNT_COMPLETE,
    ACCOUNT_DECIDE,
    ACCOUNT_ESCALATE,
    ACCOUNT_FREEZE,
    ACCOUNT_KEYS,
    ACCOUNT_UNFREEZE,
    ACCOUNT_VETO,
)
from ledger.power_shapes import (
    validate_decide,
    validate_escalate,
    validate_keys,
    validate_request_act,
)

POWER_FAMILIES: dict[str, Family] = {
    ACCOUNT_BLOCK: Family(validate_block, check_block, apply_block, BLOCK_OBJECTS),
    ACCOUNT_KEYS: Family(validate_keys, check_keys, apply_keys, KEYS_OBJECTS),
    ACCOUNT_VETO: Family(validate_request_act, check_veto, apply_keys, REQUEST_OBJECTS),
    ACCOUNT_ESCALATE: Family(validate_escalate, check_escalate, apply_keys, REQUEST_OBJECTS),
    ACCOUNT_COMPLETE: Family(validate_request_act, check_complete, apply_keys, COMPLETE_OBJECTS),
    ACCOUNT_DECIDE: Family(validate_decide, check_decide, apply_keys, REQUEST_OBJECTS),
    ACCOUNT_FREEZE: Family(validate_freeze, check_freeze, apply_freeze, FREEZE_OBJECTS),
    ACCOUNT_UNFREEZE: Family(validate_unfreeze, check_unfreeze, apply_freeze, FREEZE_OBJECTS),
}
