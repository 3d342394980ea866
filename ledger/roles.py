"""What a device key may do: a bit set (docs/protocol.md, section 2)."""

from __future__ import annotations

from typing import Final

SPEND: Final = 1
MANAGE: Final = 2
STAFF: Final = 4
ISSUE: Final = 8
COUNTERSIGN: Final = 16
"""The territory's node signs for it what it has checked: programmes, bulletins, wages."""

ROLES_ALL: Final = SPEND | MANAGE | STAFF | ISSUE | COUNTERSIGN
ROLES_OPENED: Final = SPEND | MANAGE
"""Roles that keys of an opened account may have; `staff`, `issue` and
`countersign` come with the genesis."""

ROLE_NAMES: Final = {
    SPEND: "spend",
    MANAGE: "manage",
    STAFF: "staff",
    ISSUE: "issue",
    COUNTERSIGN: "countersign",
}
