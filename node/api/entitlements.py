"""Who may read what: reading is not public.

An account: its own keys, unless another of them blocked the key; staff of its home territory, with
a reason that is written down. A transaction: keys of the accounts it concerns; staff of their home
territories, with a reason. To everybody else, what is not theirs and what is not there answer the
same.
"""

import json
import os
from pathlib import Path

from ledger.account_kinds import EMPLOYER
from ledger.founders import Territory
from ledger.objects import BLOCKED_BY_OWNER, Account
from ledger.roles import SPEND, STAFF
from node.private_files import PRIVATE_FILE_MODE
from node.territory import TerritoryNode
from primitives.addresses import Address, account_id
from primitives.errors import Refused

REASON_CHARACTERS_MAX = 200


class AuditLog:
    """Reads by staff, one JSON line each: when, which key, what, why. No names."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "reads.jsonl"

    def note(self, time_ms: int, key: bytes, subject: dict[str, str], reason: str) -> None:
        """Write a line to the disk before the answer is given. Raises OSError: then nothing is
        answered."""
        line = {"time_ms": time_ms, "key": key.hex(), **subject, "reason": reason}
        content = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self._file, flags, PRIVATE_FILE_MODE)
        try:
            os.write(descriptor, content)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


class Entitlements:
    """Decides for one node."""

    def __init__(self, node: TerritoryNode, own: Territory, audit: AuditLog) -> None:
        """`own` is the territory that the node belongs to."""
        self._node = node
        self._audit = audit
        self._own = own

    def check_account(self, address: Address, key: bytes, reason: str, time_ms: int) -> bool:
        """Whether the account is there, for a key that may read it or learn that it is not.

        Raises `Refused`: `not_found`, and to staff alone `request_malformed`.
        """
        account = self._node.account(address.account_id)
        if account is not None and account.prefix != address.prefix:
            raise Refused("not_found")
        if account is None:
            if account_id(address.prefix, key) == address.account_id:
                return False
        elif _may_read(account, key):
            return True
        self._check_staff({address.prefix}, key, reason)
        self._audit.note(time_ms, key, {"account": address.account_id.hex()}, reason)
        return True

    def is_on(self, identity: bytes, key: bytes) -> bool:
        """Whether the key stands on the account now, and may read it."""
        account = self._node.account(identity)
        return account is not None and _may_read(account, key)

    def check_transaction(
        self, transaction_id: bytes, key: bytes, reason: str, time_ms: int
    ) -> bool:
        """True for a key that stands on an account that the transaction concerns, and for staff of
        such an account's territory who say why. Where its block is kept no longer, whom it
        concerned is not known: then for any key, since nobody has an id that was not shown them.
        Raises as `check_account`."""
        if self._node.is_pruned(transaction_id):
            return True
        concerned = [
            account
            for identity in self._node.transaction_accounts(transaction_id)
            if (account := self._node.account(identity)) is not None
        ]
        if any(_may_read(account, key) for account in concerned):
            return True
        self._check_staff({account.prefix for account in concerned}, key, reason)
        self._audit.note(time_ms, key, {"transaction": transaction_id.hex()}, reason)
        return True

    def check_own_staff(self, key: bytes) -> bool:
        """True for staff of this node's own territory. Raises `Refused("not_found")`."""
        if not self._is_staff(self._own.prefix, key):
            raise Refused("not_found")
        return True

    def check_own_staff_reason(self, key: bytes, reason: str) -> bool:
        """The same, with a proper reason. Raises as `check_account`."""
        self._check_staff({self._own.prefix}, key, reason)
        return True

    def check_employer(self, address: Address, key: bytes) -> bool:
        """True for a key that may spend from an employer's account of this node's territory.
        Raises `Refused("not_found")`, whatever is missing."""
        account = self._node.account(address.account_id)
        device = None if account is None else account.device(key)
        if (
            account is None
            or device is None
            or device.blocked
            or not device.roles & SPEND
            or account.kind != EMPLOYER
            or not account.prefix == address.prefix == self._own.prefix
        ):
            raise Refused("not_found")
        return True

    def is_known(self, key: bytes) -> bool:
        """Whether the key is of this territory's staff, or opened an account here. Says nothing
        of what it may do."""
        prefix = self._own.prefix
        return self._is_staff(prefix, key) or (
            self._node.account(account_id(prefix, key)) is not None
        )

    def _check_staff(self, prefixes: set[str], key: bytes, reason: str) -> None:
        """Return for staff of one of these territories with a proper reason."""
        if not reason or not any(self._is_staff(prefix, key) for prefix in sorted(prefixes)):
            raise Refused("not_found")
        if len(reason) > REASON_CHARACTERS_MAX or not reason.isprintable():
            raise Refused(
                "request_malformed",
                f"a reason has at most {REASON_CHARACTERS_MAX} printable characters",
                field="Democite-Reason",
            )

    def _is_staff(self, prefix: str, key: bytes) -> bool:
        territory = self._node.member_territory(prefix)
        account = None if territory is None else self._node.account(territory.account_id)
        device = None if account is None else account.device(key)
        return device is not None and bool(device.roles & STAFF) and not device.blocked


def _may_read(account: Account, key: bytes) -> bool:
    """A key that another of the account's keys blocked reads nothing more; one that the town hall
    blocked still sees what it may veto."""
    device = account.device(key)
    return device is not None and device.blocked != BLOCKED_BY_OWNER
