"""Changes of an account's keys: at once, or as a request that waits and can be vetoed.

`account.keys` makes the change or the request, `account.veto` stops it, `account.escalate` insists
once, `account.decide` settles it after two vetoes, `account.complete` makes the change when it is
due. A request counts while its account lists its maker: another set of keys, its maker blocked, a
withdrawal or a paper key's veto takes it off that list, for good. Vetoes stay: what the same maker
asks next, withdrawn or not, begins with those it met before.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.acting import allowed, check_acting, is_staff_still
from ledger.envelope import Transaction
from ledger.key_sets import change_keys
from ledger.objects import Account
from ledger.power_fields import Decision, Escalation, KeysChange, RequestAct
from ledger.power_objects import RequestRecord, RetiredKey, Standing, request_key
from ledger.powers import Act, Actor, When
from ledger.rules import MS_PER_DAY
from ledger.shapes import ID_BYTES
from ledger.state import Candidate
from ledger.territories import known_account, known_territory
from ledger.view import View
from primitives.errors import InvariantBroken, Refused

KEYS_OBJECTS: Final = 3
"""Beside one for each change: the keys that leave."""

REQUEST_OBJECTS: Final = 3
COMPLETE_OBJECTS: Final = 19
"""At most 16 keys leave; the transaction that completes a request does not show how many."""

REQUEST_LIFE_MS: Final = 30 * MS_PER_DAY
"""A request that is not completed within so long after its date has ended."""

VETOES_MAX: Final = 2
"""So many, or one of a paper key, and three signatures decide."""

DUE_AHEAD_MS_MAX: Final = 30 * MS_PER_DAY
"""A request's date is at most so far behind the first possible one."""


class KeysPlan(NamedTuple):
    """What passed its checks; accounts and records as they will be."""

    accounts: tuple[Account, ...]
    records: tuple[RequestRecord | RetiredKey, ...] = ()


def apply_keys(candidate: Candidate, plan: KeysPlan) -> None:
    """Write it."""
    candidate.write(plan.accounts, records=plan.records)


def check_keys(view: View, transaction: Transaction, change: KeysChange, time_ms: int) -> KeysPlan:
    """The change is in the actor's power, at once or as a request; the account stays valid.

    Raises what `check_acting` and `change_keys` raise, `key_set_changed`, `change_must_wait`,
    `date_out_of_range`.
    """
    asked = None if change.due_ms is None else Act.REQUEST
    acting = check_acting(view, transaction, change.target, asked, time_ms)
    target = acting.target
    if change.key_set != target.key_set:
        raise Refused("key_set_changed", f"{target.key_set}, not {change.key_set}", field="key_set")
    changed = change_keys(view, target, change.changes)
    waits = [allowed(acting, act) for act in sorted(changed.acts, key=lambda act: act.value)]
    if change.due_ms is None:
        if When.AFTER_DELAY in waits:
            raise Refused("change_must_wait", "make a request of it", field="due_ms")
        return KeysPlan(acting.written(changed.account), changed.retired)
    _check_due(view, change.due_ms, time_ms)
    vetoes = _vetoes_met(view, target, acting.maker, transaction.created_ms)
    record = RequestRecord(
        request_key(target.id, acting.maker),
        target.id,
        acting.maker,
        tuple([key for key, _ in transaction.signers]),
        change.changes,
        change.due_ms,
        vetoes,
        Standing.OPEN if vetoes < VETOES_MAX else Standing.DISPUTED,
    )
    requests = tuple(sorted({*target.requests, acting.maker}))
    return KeysPlan(acting.written(target._replace(requests=requests)), (record,))


def check_veto(view: View, transaction: Transaction, veto: RequestAct, time_ms: int) -> KeysPlan:
    """Its maker withdraws it; a paper key ends it; another key stops it, unless it is agreed.

    Raises what `check_acting` raises, `request_unknown`, `request_stopped`, `request_agreed`.
    """
    is_own = transaction.account == veto.target
    maker = transaction.device if is_own else transaction.account
    act = Act.WITHDRAW if veto.maker == maker else Act.VETO
    acting = check_acting(view, transaction, veto.target, act, time_ms)
    record = _open_request(view, acting.target, veto.maker, time_ms)
    if act is Act.WITHDRAW:
        return KeysPlan(acting.written(_without(acting.target, veto.maker)))
    if acting.actor is Actor.PAPER:
        ended = record._replace(vetoes=VETOES_MAX)
        return KeysPlan(acting.written(_without(acting.target, veto.maker)), (ended,))
    if record.standing is Standing.AGREED:
        raise Refused("request_agreed", "three signatures agreed to it", field="maker")
    if record.standing is not Standing.OPEN:
        raise Refused("request_stopped", "it was vetoed already", field="maker")
    vetoes = record.vetoes + 1
    standing = Standing.VETOED if vetoes < VETOES_MAX else Standing.DISPUTED
    stopped = record._replace(vetoes=vetoes, standing=standing)
    return KeysPlan(acting.written(acting.target), (stopped,))


def check_escalate(
    view: View, transaction: Transaction, escalation: Escalation, time_ms: int
) -> KeysPlan:
    """Its maker insists after a first veto: the delay begins again.

    Raises what `check_acting` raises, `request_unknown`, `power_missing`, `request_not_stopped`,
    `date_out_of_range`.
    """
    acting = check_acting(view, transaction, escalation.target, Act.ESCALATE, time_ms)
    record = _open_request(view, acting.target, escalation.maker, time_ms)
    if record.maker != acting.maker:
        raise Refused("power_missing", "another made the request", field="maker")
    if record.standing is not Standing.VETOED:
        raise Refused("request_not_stopped", "no first veto stopped it", field="maker")
    _check_due(view, escalation.due_ms, time_ms)
    again = record._replace(
        signers=tuple([key for key, _ in transaction.signers]),
        due_ms=escalation.due_ms,
        standing=Standing.OPEN,
    )
    return KeysPlan(acting.written(acting.target), (again,))


def check_decide(
    view: View, transaction: Transaction, decision: Decision, time_ms: int
) -> KeysPlan:
    """Three signatures agree to it, due as it was, or turn it down.

    Raises what `check_acting` raises, `request_unknown`, `request_not_disputed`,
    `request_differs`.
    """
    acting = check_acting(
        view, transaction, decision.target, Act.DECIDE, time_ms, decision.other_prefix
    )
    record = _open_request(view, acting.target, decision.maker, time_ms)
    if record.standing is not Standing.DISPUTED:
        raise Refused("request_not_disputed", "two vetoes come before", field="maker")
    if record.changes != decision.changes:
        raise Refused("request_differs", "not what was signed", field="changes")
    if not decision.agree:
        return KeysPlan(acting.written(_without(acting.target, record.maker)))
    agreed = record._replace(standing=Standing.AGREED)
    return KeysPlan(acting.written(acting.target), (agreed,))


def check_complete(
    view: View, transaction: Transaction, completion: RequestAct, time_ms: int
) -> KeysPlan:
    """It is due, nobody stopped it, and who asked may still ask: the change is made.

    Raises what `check_acting` and `change_keys` raise, `request_unknown`, `request_stopped`,
    `request_not_due`, `request_fallen`.
    """
    acting = check_acting(view, transaction, completion.target, Act.COMPLETE, time_ms)
    target = acting.target
    record = _open_request(view, target, completion.maker, time_ms)
    if record.standing not in (Standing.OPEN, Standing.AGREED):
        raise Refused("request_stopped", "it was vetoed", field="maker")
    if time_ms < record.due_ms:
        raise Refused("request_not_due", f"not before {record.due_ms} ms", field="maker")
    if len(record.maker) == ID_BYTES:
        home = known_account(view, known_territory(view, target.prefix).account_id)
        if not is_staff_still(home, record.signers):
            raise Refused("request_fallen", "who asked is blocked or gone", field="maker")
    changed = change_keys(view, target, record.changes)
    # Done with: its vetoes are no word against what is asked next.
    done = (record._replace(vetoes=0),) if record.vetoes else ()
    return KeysPlan(
        acting.written(_without(changed.account, record.maker)), (*changed.retired, *done)
    )


def _check_due(view: View, due_ms: int, time_ms: int) -> None:
    """A request's date leaves the delay from now: whenever it was signed, it waits."""
    first_ms = time_ms + view.parameters.recovery_delay_ms
    if not first_ms <= due_ms <= first_ms + DUE_AHEAD_MS_MAX:
        raise Refused("date_out_of_range", "the delay is not kept", field="due_ms")


def _vetoes_met(view: View, target: Account, maker: bytes, created_ms: int) -> int:
    """Vetoes of what this maker asked before, while that could be completed: else who is vetoed
    would ask anew until nobody looks. By the transaction's own date, since it is stored."""
    record = view.record(request_key(target.id, maker))
    if not isinstance(record, RequestRecord) or created_ms > record.due_ms + REQUEST_LIFE_MS:
        return 0
    return record.vetoes


def _open_request(view: View, target: Account, maker: bytes, time_ms: int) -> RequestRecord:
    """The request that this maker has open for the account, or `request_unknown`."""
    if maker not in target.requests:
        raise Refused("request_unknown", "none is open by this maker", field="maker")
    record = view.record(request_key(target.id, maker))
    if not isinstance(record, RequestRecord):
        raise InvariantBroken("an account lists a request that is not there")
    if time_ms > record.due_ms + REQUEST_LIFE_MS:
        raise Refused("request_unknown", "it ended, not completed in time", field="maker")
    return record


def _without(target: Account, maker: bytes) -> Account:
    return target._replace(requests=tuple([one for one in target.requests if one != maker]))
