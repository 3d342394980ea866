"""The families of transactions that each rule version knows, each with its three verbs.

`validate` needs no state, `check` reads it and gives a plan, `apply` is where a candidate changes.
"""

from __future__ import annotations

from ledger.accounts import OPEN_OBJECTS, apply_open, check_open, validate_open
from ledger.bulletins import BULLETIN_OBJECTS, apply_bulletin, check_bulletin, validate_bulletin
from ledger.changes import cost_of
from ledger.envelope import Transaction
from ledger.family import Family
from ledger.fields import (
    ACCOUNT_OPEN,
    BULLETIN_CREDIT,
    KIND_VERSIONS,
    NETWORK_MOVE,
    NETWORK_PROPOSE,
    NETWORK_VOTE,
    PAYMENT_PAY,
    PAYMENT_REFUND,
    PROGRAMME_CLOSE,
    PROGRAMME_FUND,
    PROGRAMME_OPEN,
    RESERVE_ISSUE,
    RESERVE_REDEEM,
    WAGES_PAY,
    BulletinCredit,
    Fields,
    Issue,
    NetworkProposal,
    Opening,
    Payment,
    WagesPay,
)
from ledger.key_changes import new_keys
from ledger.network import (
    MOVE_OBJECTS,
    PROPOSE_OBJECTS,
    VOTE_KEYS,
    VOTE_OBJECTS,
    apply_move,
    apply_proposal,
    check_move,
    check_propose,
    check_vote,
    validate_move,
    validate_propose,
    validate_vote,
)
from ledger.payments import PAY_OBJECTS, apply_pay, check_pay, validate_pay
from ledger.power_families import POWER_FAMILIES
from ledger.power_fields import KeysChange
from ledger.programmes import (
    PROGRAMME_CLOSE_OBJECTS,
    PROGRAMME_FUND_OBJECTS,
    PROGRAMME_OPEN_OBJECTS,
    apply_programme_open,
    apply_transfer,
    check_programme_close,
    check_programme_fund,
    check_programme_open,
    validate_programme_close,
    validate_programme_fund,
    validate_programme_open,
)
from ledger.refunds import REFUND_OBJECTS, apply_refund, check_refund, validate_refund
from ledger.reserve import (
    ISSUE_OBJECTS,
    REDEEM_OBJECTS,
    apply_issue,
    apply_redeem,
    check_issue,
    check_redeem,
    validate_issue,
    validate_redeem,
)
from ledger.rules import (
    BLOCK_WORK_PER_KEY,
    BLOCK_WORK_PER_OBJECT,
    BLOCK_WORK_PER_SIGNATURE,
    RuleSet,
)
from ledger.wages import WAGES_OBJECTS, apply_wages, check_wages, validate_wages
from primitives.errors import Refused

_FAMILIES_1: dict[str, Family] = {
    PAYMENT_PAY: Family(validate_pay, check_pay, apply_pay, PAY_OBJECTS),
    PAYMENT_REFUND: Family(validate_refund, check_refund, apply_refund, REFUND_OBJECTS),
    RESERVE_REDEEM: Family(validate_redeem, check_redeem, apply_redeem, REDEEM_OBJECTS),
    RESERVE_ISSUE: Family(validate_issue, check_issue, apply_issue, ISSUE_OBJECTS, True),
    ACCOUNT_OPEN: Family(validate_open, check_open, apply_open, OPEN_OBJECTS, True),
    PROGRAMME_OPEN: Family(
        validate_programme_open, check_programme_open, apply_programme_open, PROGRAMME_OPEN_OBJECTS
    ),
    PROGRAMME_FUND: Family(
        validate_programme_fund, check_programme_fund, apply_transfer, PROGRAMME_FUND_OBJECTS
    ),
    PROGRAMME_CLOSE: Family(
        validate_programme_close, check_programme_close, apply_transfer, PROGRAMME_CLOSE_OBJECTS
    ),
    BULLETIN_CREDIT: Family(
        validate_bulletin, check_bulletin, apply_bulletin, BULLETIN_OBJECTS, True
    ),
    WAGES_PAY: Family(validate_wages, check_wages, apply_wages, WAGES_OBJECTS, True),
    NETWORK_PROPOSE: Family(validate_propose, check_propose, apply_proposal, PROPOSE_OBJECTS),
    NETWORK_VOTE: Family(validate_vote, check_vote, apply_proposal, VOTE_OBJECTS, keys=VOTE_KEYS),
    NETWORK_MOVE: Family(validate_move, check_move, apply_move, MOVE_OBJECTS),
}

RULE_VERSIONS: dict[int, dict[str, Family]] = {1: _FAMILIES_1, 2: {**_FAMILIES_1, **POWER_FAMILIES}}
"""The kinds of each rule version, with the verbs that they had then: old ones stay executable."""


def family_of(rules: RuleSet, transaction: Transaction) -> Family:
    """The verbs for a transaction under the rules in force, whichever it was decoded under.

    Raises `Refused`: `kind_unknown`, `version_unknown`.
    """
    kind = transaction.kind
    family = RULE_VERSIONS[rules.version].get(kind)
    if family is None:
        raise Refused("kind_unknown", f"{kind!r} is not of rule version {rules.version}")
    if KIND_VERSIONS[rules.version][kind] != transaction.version:
        raise Refused("version_unknown", f"{kind} of version {transaction.version}")
    return family


def count_work(family: Family, signers: int, fields: Fields) -> int:
    """Units of `block_work_max` that a transaction takes (docs/protocol.md, "Bounds")."""
    objects, keys = family.objects, family.keys
    if not isinstance(fields, Payment):  # most of all transactions, and lists nothing
        listed_objects, listed_keys = _count_listed(fields)
        objects, keys = objects + listed_objects, keys + listed_keys
    return (
        BLOCK_WORK_PER_SIGNATURE * signers
        + BLOCK_WORK_PER_OBJECT * objects
        + BLOCK_WORK_PER_KEY * keys
    )


def _count_listed(fields: Fields) -> tuple[int, int]:
    """Objects and keys that a transaction takes beside its family's: those it lists."""
    if isinstance(fields, Issue | BulletinCredit | WagesPay):
        return len(fields.lines), 0
    if isinstance(fields, KeysChange):
        return len(fields.changes), len(new_keys(fields.changes))
    if isinstance(fields, Opening):
        return len(fields.accounts), sum([len(account.keys) for account in fields.accounts])
    if isinstance(fields, NetworkProposal):
        cost = cost_of(fields.change)
        return cost.objects, cost.keys
    return 0, 0
