"""What a device key may do: a bit set (docs/protocol.md, section 2)."""

from __future__ import annotations

from typing import Final

SPEND: Final = 1
MANAGE: Final = 2
STAFF: Final = 4
ISSUE: Final = 8
COUNTERSIGN: Final = 16
"""The territory's node signs for it what it has checked: programmes, bulletins, wages."""
PAPER: Final = 32
"""Kept on paper, as words: spends nothing, and decides over all other keys of its account."""

ROLES_ALL: Final = SPEND | MANAGE | STAFF | ISSUE | COUNTERSIGN | PAPER
ROLES_OPENED: Final = SPEND | MANAGE
"""Roles that an account is opened with; `staff`, `issue` and `countersign` are for the accounts
that a genesis makes, `paper` is added later (ledger/key_changes.py)."""

ROLE_NAMES: Final = {
    SPEND: "spend",
    MANAGE: "manage",
    STAFF: "staff",
    ISSUE: "issue",
    COUNTERSIGN: "countersign",
    PAPER: "paper",
}
