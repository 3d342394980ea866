"""Who may read what: reading is not public.

An account: its own keys; staff of its home territory, with a reason that is written down. A
transaction: keys of the accounts it concerns. To everybody else, what is not theirs and what is
not there answer the same.
"""

import json
from pathlib import Path

from ledger.genesis import Genesis
from ledger.roles import STAFF
from node.territory import TerritoryNode
from primitives.addresses import Address, account_id
from primitives.errors import Refused

REASON_CHARACTERS_MAX = 200


class AuditLog:
    """Reads by staff, one JSON line each: when, which key, which account, why. No names."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "reads.jsonl"

    def note(self, time_ms: int, key: bytes, identity: bytes, reason: str) -> None:
        """Write a line before the answer is given. Raises OSError: then nothing is answered."""
        line = {"time_ms": time_ms, "key": key.hex(), "account": identity.hex(), "reason": reason}
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")


class Entitlements:
    """Decides for one node."""

    def __init__(self, node: TerritoryNode, genesis: Genesis, audit: AuditLog) -> None:
        self._node = node
        self._audit = audit
        self._staff = {one.prefix: one.account_id for one in genesis.territories}

    def check_account(self, address: Address, key: bytes, reason: str, time_ms: int) -> None:
        """Return if `key` may read this account, or learn that it is not there. Raises
        `Refused("not_found")`."""
        account = self._node.account(address.account_id)
        if account is not None:
            if account.prefix == address.prefix and account.device(key) is not None:
                return
        elif account_id(address.prefix, key) == address.account_id:
            return
        if reason and self._is_staff(address.prefix, key):
            if account is not None and account.prefix != address.prefix:
                raise Refused("not_found")
            self._audit.note(time_ms, key, address.account_id, reason[:REASON_CHARACTERS_MAX])
            return
        raise Refused("not_found")

    def _is_staff(self, prefix: str, key: bytes) -> bool:
        identity = self._staff.get(prefix)
        account = None if identity is None else self._node.account(identity)
        device = None if account is None else account.device(key)
        return device is not None and bool(device.roles & STAFF)

    def check_transaction(self, transaction_id: bytes, key: bytes) -> None:
        """Return if `key` stands on an account that the transaction concerns."""
        for identity in self._node.transaction_accounts(transaction_id):
            account = self._node.account(identity)
            if account is not None and account.device(key) is not None:
                return
        raise Refused("not_found")
