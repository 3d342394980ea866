"""The table of powers: which act on an account works at once for whom, which waits, which not.

*Losing power is immediate, gaining it waits.* What follows from it:
- Any enrolled key, blocked or not, may block any other at once; to lift a block waits.
- Whoever holds one phone alone waits `recovery_delay_ms`, so that the owner's other keys may veto.
  Several keys, as many as the account's threshold (2 or more), or the paper key do not wait.
- The paper key overrides all and is overridden by none: only a paper key touches a paper key.
- The town hall, two of its staff, may block and freeze at once; what it gives waits, and each of
  the owner's keys may veto. Two vetoes, and three signatures decide, one from another territory.

What waits is made as a request, with the date from which it may be completed. This file is the
table and nothing else: `ledger.acting` finds out who acts, the families obey.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class When(Enum):
    """What the table says of an act."""

    AT_ONCE = "at once"
    AFTER_DELAY = "after the delay"
    NEVER = "never"


class Actor(Enum):
    """Who acts, as the signatures under a transaction tell."""

    DEVICE = "one key with the managing role"
    PLAIN_DEVICE = "one key without it"
    BLOCKED_BY_HALL = "a key that the town hall blocked"
    BLOCKED_BY_OWNER = "a key that another of the account's keys blocked"
    THRESHOLD = "as many managing keys as the threshold, which is 2 or more"
    PAPER = "the paper key"
    ONE_STAFF = "one of the home territory's staff"
    HALL = "two of the home territory's staff"
    COUNCIL = "three: two of the home territory's staff and one of another's"


class Act(Enum):
    """What is done to an account."""

    BLOCK_KEY = "block a key"
    BLOCK_PAPER = "block a paper key"
    LIFT_BLOCK = "lift a key's block"
    ADD_KEY = "add a key"
    REMOVE_KEY = "remove a key"
    REPLACE_KEY = "replace a key"
    RAISE_LIMIT = "raise a key's limit"
    LOWER_LIMIT = "lower a key's limit"
    SET_THRESHOLD = "set the threshold"
    ADD_PAPER = "add a paper key"
    CHANGE_PAPER = "remove, replace or unblock a paper key"
    REQUEST = "make a request"
    WITHDRAW = "withdraw one's own request"
    VETO = "veto another's request"
    ESCALATE = "insist on one's own request after a veto"
    COMPLETE = "complete a request that is due"
    DECIDE = "decide on a request after two vetoes"
    FREEZE = "freeze, or renew a freeze"
    UNFREEZE = "lift a freeze"


_ONCE, _WAIT, _NEVER = When.AT_ONCE, When.AFTER_DELAY, When.NEVER

# In the order of Actor: device, plain, blocked by hall, by owner, threshold, paper, one staff,
# hall, council.
_ROWS: Final = {
    Act.BLOCK_KEY: (_ONCE, _ONCE, _ONCE, _ONCE, _ONCE, _ONCE, _NEVER, _ONCE, _NEVER),
    Act.BLOCK_PAPER: (_NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _ONCE, _NEVER, _NEVER, _NEVER),
    Act.LIFT_BLOCK: (_WAIT, _NEVER, _NEVER, _NEVER, _ONCE, _ONCE, _NEVER, _WAIT, _NEVER),
    Act.ADD_KEY: (_WAIT, _NEVER, _NEVER, _NEVER, _ONCE, _ONCE, _NEVER, _WAIT, _NEVER),
    Act.REMOVE_KEY: (_WAIT, _NEVER, _NEVER, _NEVER, _ONCE, _ONCE, _NEVER, _WAIT, _NEVER),
    Act.REPLACE_KEY: (_WAIT, _NEVER, _NEVER, _NEVER, _ONCE, _ONCE, _NEVER, _WAIT, _NEVER),
    Act.RAISE_LIMIT: (_WAIT, _NEVER, _NEVER, _NEVER, _ONCE, _ONCE, _NEVER, _WAIT, _NEVER),
    Act.LOWER_LIMIT: (_ONCE, _NEVER, _NEVER, _NEVER, _ONCE, _ONCE, _NEVER, _ONCE, _NEVER),
    Act.SET_THRESHOLD: (_WAIT, _NEVER, _NEVER, _NEVER, _ONCE, _ONCE, _NEVER, _WAIT, _NEVER),
    Act.ADD_PAPER: (_WAIT, _NEVER, _NEVER, _NEVER, _ONCE, _ONCE, _NEVER, _NEVER, _NEVER),
    Act.CHANGE_PAPER: (_NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _ONCE, _NEVER, _NEVER, _NEVER),
    Act.REQUEST: (_ONCE, _NEVER, _NEVER, _NEVER, _ONCE, _NEVER, _NEVER, _ONCE, _NEVER),
    Act.WITHDRAW: (_ONCE, _NEVER, _NEVER, _NEVER, _ONCE, _NEVER, _NEVER, _ONCE, _NEVER),
    Act.VETO: (_ONCE, _ONCE, _ONCE, _NEVER, _ONCE, _ONCE, _NEVER, _NEVER, _NEVER),
    Act.ESCALATE: (_ONCE, _NEVER, _NEVER, _NEVER, _ONCE, _NEVER, _NEVER, _ONCE, _NEVER),
    Act.COMPLETE: (_ONCE, _NEVER, _NEVER, _NEVER, _ONCE, _ONCE, _ONCE, _ONCE, _NEVER),
    Act.DECIDE: (_NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _ONCE),
    Act.FREEZE: (_NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _ONCE, _NEVER),
    Act.UNFREEZE: (_NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _NEVER, _ONCE, _NEVER),
}

POWERS: Final = {
    (act, actor): when for act, row in _ROWS.items() for actor, when in zip(Actor, row, strict=True)
}
"""The table."""
