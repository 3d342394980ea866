"""`account.block`: a key stops acting for its account, at once; whoever is on the account may."""

from __future__ import annotations

from typing import NamedTuple

from ledger.acting import allowed, check_acting
from ledger.envelope import Transaction
from ledger.key_changes import UnblockKey
from ledger.objects import BLOCKED_BY_HALL, BLOCKED_BY_OWNER, Account
from ledger.power_fields import Blocking
from ledger.power_objects import RequestRecord, request_key
from ledger.powers import Act
from ledger.roles import PAPER
from ledger.rules import Parameters
from ledger.shapes import ID_BYTES, KEY_BYTES, expect_bytes, wrong_shape
from ledger.state import Candidate
from ledger.view import View
from primitives.encoding import Value
from primitives.errors import Refused

BLOCK_OBJECTS = 2


class BlockPlan(NamedTuple):
    """A block that passed its checks; accounts as they will be."""

    accounts: tuple[Account, ...]


def validate_block(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> Blocking:
    """Shape."""
    if len(values) != 2:
        raise wrong_shape("account.block")
    return Blocking(
        expect_bytes(values[0], ID_BYTES, "target"), expect_bytes(values[1], KEY_BYTES, "key")
    )


def check_block(
    view: View, transaction: Transaction, blocking: Blocking, time_ms: int
) -> BlockPlan:
    """The key is there and loses something by it. Its own request falls, and any to unblock it.

    Raises what `check_acting` raises, `key_unknown`, `key_blocked_already`.
    """
    acting = check_acting(view, transaction, blocking.target, Act.BLOCK_KEY, time_ms)
    target = acting.target
    device = target.device(blocking.key)
    if device is None:
        raise Refused("key_unknown", "the key is not on the account", field="key")
    if device.roles & PAPER:
        allowed(acting, Act.BLOCK_PAPER)
    by = BLOCKED_BY_HALL if acting.is_hall else BLOCKED_BY_OWNER
    if device.blocked >= by:
        raise Refused("key_blocked_already", "the key is blocked", field="key")
    blocked = device._replace(blocked=by)
    devices = tuple([blocked if one.key == device.key else one for one in target.devices])
    requests = tuple([m for m in target.requests if not _falls(view, target, m, device.key)])
    return BlockPlan(acting.written(target._replace(devices=devices, requests=requests)))


def _falls(view: View, target: Account, maker: bytes, key: bytes) -> bool:
    """A blocked key asks for nothing; and what would lift its block was asked against an older
    one: done now, it would give power back without the wait that this block begins."""
    record = view.record(request_key(target.id, maker))
    return maker == key or (
        isinstance(record, RequestRecord)
        and any(isinstance(change, UnblockKey) and change.key == key for change in record.changes)
    )


def apply_block(candidate: Candidate, plan: BlockPlan) -> None:
    """Block it."""
    candidate.write(plan.accounts)
