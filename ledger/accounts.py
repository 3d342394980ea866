"""Accounts: the territory opens them, with the device keys that will act for them.

The id follows from the territory's short name and the account's first key and never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ledger.account_kinds import KINDS_OPENED
from ledger.envelope import Transaction
from ledger.fields import OpenedAccount, OpenedKey, Opening
from ledger.lanes import LaneUse, check_lane, valid_for_ms_max
from ledger.objects import ACCOUNT, Account, Currency, DeviceKey, TerritoryRecord, tree_key
from ledger.roles import ROLES_OPENED, SPEND, STAFF
from ledger.rules import Parameters
from ledger.shapes import (
    BLIND_BYTES,
    KEY_BYTES,
    expect_amount,
    expect_array,
    expect_bytes,
    expect_fields,
    expect_integer,
    expect_text,
    wrong_shape,
)
from ledger.signers import check_signers
from ledger.state import Candidate
from ledger.territories import count_accounts, known_territory
from ledger.view import View
from primitives.addresses import account_id
from primitives.encoding import Value
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import is_registrable

OPEN_OBJECTS = 2
"""Beside one for each account."""

KEYS_MAX = 16


class OpenPlan(NamedTuple):
    """An opening that passed its checks."""

    use: LaneUse
    opened: tuple[Account, ...]
    currencies: tuple[Currency, ...]
    territory: TerritoryRecord


def open_fields(accounts: Sequence[OpenedAccount]) -> tuple[Value, ...]:
    """The body's last values of `account.open`."""
    return (
        tuple(
            [
                (
                    account.kind,
                    account.currency,
                    account.blind,
                    account.threshold,
                    tuple([tuple(key) for key in account.keys]),
                )
                for account in accounts
            ]
        ),
    )


def validate_open(
    transaction: Transaction, values: tuple[Value, ...], parameters: Parameters
) -> Opening:
    """Shape, kinds, keys, roles, thresholds, no account twice."""
    if len(values) != 1:
        raise wrong_shape("account.open")
    entries = expect_array(values[0], "accounts")
    if not entries:
        raise wrong_shape("accounts")
    if len(entries) > parameters.lines_max:
        raise Refused("transaction_too_large", f"more than {parameters.lines_max} accounts")
    accounts = tuple([_read_account(entry) for entry in entries])
    if len({account.keys[0].key for account in accounts}) != len(accounts):
        raise Refused("line_duplicate", "an account stands twice", field="accounts")
    # Last, because it is the one check that costs: a point multiplication for each key.
    for account in accounts:
        for opened in account.keys:
            if not is_registrable(opened.key):
                raise Refused("key_invalid", opened.key.hex(), field="key")
    return Opening(accounts)


def _read_account(entry: Value) -> OpenedAccount:
    kind, currency, blind, threshold, keys = expect_fields(entry, 5, "accounts")
    account = OpenedAccount(
        expect_text(kind, "kind"),
        expect_text(currency, "currency"),
        expect_bytes(blind, BLIND_BYTES, "blind"),
        expect_integer(threshold, "threshold"),
        tuple([_read_key(key) for key in expect_array(keys, "keys")]),
    )
    if not 1 <= len(account.keys) <= KEYS_MAX:
        raise wrong_shape("keys")
    if account.kind not in KINDS_OPENED:
        raise Refused("account_kind_invalid", f"{account.kind[:20]!r} is not opened this way")
    if len({key.key for key in account.keys}) != len(account.keys):
        raise Refused("line_duplicate", "a key stands twice on an account", field="keys")
    spending = sum([key.roles & SPEND for key in account.keys])
    if not 1 <= account.threshold <= spending:
        raise Refused(
            "threshold_invalid", f"{account.threshold} of {spending} keys", field="threshold"
        )
    return account


def _read_key(entry: Value) -> OpenedKey:
    key, roles, limit = expect_fields(entry, 3, "keys")
    opened = OpenedKey(
        expect_bytes(key, KEY_BYTES, "key"),
        expect_integer(roles, "roles"),
        None if limit is None else expect_amount(limit, "limit_minor"),
    )
    if not 1 <= opened.roles <= ROLES_OPENED:
        raise Refused("roles_invalid", f"roles {opened.roles}", field="roles")
    return opened


def check_open(view: View, transaction: Transaction, opening: Opening, time_ms: int) -> OpenPlan:
    """All that an opening needs of the state; changes nothing."""
    parameters = view.parameters
    use = check_lane(view, transaction, time_ms, STAFF, valid_for_ms_max(view, transaction))
    territory = known_territory(view, use.account.prefix)
    if territory.account_id != use.account.id:
        raise Refused("role_missing", "the account is not a territory's")
    check_signers(use.account, transaction, STAFF)
    if len(opening.accounts) > parameters.lines_max:
        raise Refused("transaction_too_large", f"more than {parameters.lines_max} accounts")
    territory = count_accounts(view, territory, transaction.created_ms, len(opening.accounts))
    counts: dict[str, int] = {}
    opened: list[Account] = []
    for entry in opening.accounts:
        if entry.currency not in territory.currency_codes:
            raise Refused("currency_mismatch", f"the territory has no {entry.currency[:20]!r}")
        account = new_account(territory.prefix, entry)
        if view.account(account.id) is not None:
            raise Refused("account_exists", account.id.hex(), field="accounts")
        opened.append(account)
        counts[entry.currency] = counts.get(entry.currency, 0) + 1
    return OpenPlan(
        use,
        tuple(opened),
        tuple([counted_currency(view, code, more) for code, more in counts.items()]),
        territory,
    )


def apply_open(candidate: Candidate, plan: OpenPlan) -> None:
    """Open the accounts."""
    candidate.write((plan.use.spent(0), *plan.opened), plan.currencies, plan.territory)


def new_account(prefix: str, entry: OpenedAccount) -> Account:
    """The account that `entry` opens: empty, its lanes unused."""
    identity = account_id(prefix, entry.keys[0].key)
    return Account(
        tree_key(ACCOUNT, identity),
        identity,
        prefix,
        entry.kind,
        entry.currency,
        0,
        entry.blind,
        entry.threshold,
        tuple([DeviceKey(key.key, key.roles, key.limit_minor, 0, 0) for key in entry.keys]),
        0,
        0,
        0,
    )


def counted_currency(view: View, code: str, more: int) -> Currency:
    """The currency after `more` accounts were opened in it."""
    currency = view.currency(code)
    if currency is None:
        raise InvariantBroken(f"a territory lists {code}, which does not exist")
    return currency._replace(accounts=currency.accounts + more)
