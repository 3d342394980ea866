"""Who signed, and whether that is enough for an account.

A signer counts towards an account's threshold if its key is on the account, has the role and,
for spending, its limit is not below the amount. A signer that is on none of the accounts
concerned, blocked, or without the role there is refused rather than ignored: a stranger could
otherwise add a signature to somebody's transaction, and so change its id.
"""

from __future__ import annotations

from ledger.envelope import Transaction
from ledger.objects import Account, DeviceKey
from ledger.roles import ROLE_NAMES
from primitives.errors import Refused


def check_signers(
    account: Account, transaction: Transaction, role: int, amount_minor: int | None = None
) -> None:
    """All signers are keys of `account` with `role`, and enough of them count.

    `amount_minor` is what is spent, nil where no limit applies. Raises `key_unknown`,
    `key_blocked`, `role_missing`, `limit_exceeded` (too few count, one of them for its limit),
    `signatures_insufficient`.
    """
    counting = 0
    limited = False
    for key, _ in transaction.signers:
        device = account.device(key)
        if device is None:
            raise Refused("key_unknown", "a signer is not on the account", field="signers")
        check_unblocked(device)
        if not device.roles & role:
            raise Refused("role_missing", f"a signer lacks the role {ROLE_NAMES[role]}")
        limit = device.limit_minor
        if amount_minor is not None and limit is not None and limit < amount_minor:
            limited = True
        else:
            counting += 1
    _check_enough(counting, account.threshold, limited)


def check_two_parties(
    holder: Account,
    holder_role: int,
    amount_minor: int,
    approver: Account,
    approver_role: int,
    transaction: Transaction,
    approvals: int,
) -> None:
    """As `check_signers`, where two accounts must agree: the holder spends, the approver allows
    with so many of its keys.

    Each signer must have the role on one of them; on both, it counts for both.
    """
    spending = 0
    approving = 0
    limited = False
    for key, _ in transaction.signers:
        ours = holder.device(key)
        theirs = approver.device(key)
        if ours is None and theirs is None:
            raise Refused("key_unknown", "a signer is on neither account", field="signers")
        for device in (ours, theirs):
            if device is not None:
                check_unblocked(device)
        spends = ours is not None and ours.roles & holder_role
        approves = theirs is not None and theirs.roles & approver_role
        if not spends and not approves:
            raise Refused("role_missing", f"a signer lacks the role {ROLE_NAMES[approver_role]}")
        if approves:
            approving += 1
        if ours is not None and spends:
            if ours.limit_minor is not None and ours.limit_minor < amount_minor:
                limited = True
            else:
                spending += 1
    _check_enough(spending, holder.threshold, limited)
    _check_enough(approving, approvals, False)


def check_unblocked(device: DeviceKey) -> None:
    """A blocked key counts for nothing: `key_blocked`."""
    if device.blocked:
        raise Refused("key_blocked", "a signer's key is blocked", field="signers")


def _check_enough(counting: int, needed: int, limited: bool) -> None:
    if counting >= needed:
        return
    if limited:
        raise Refused("limit_exceeded", "the amount is above the key's limit")
    raise Refused("signatures_insufficient", f"{counting} of {needed} keys signed", field="signers")
