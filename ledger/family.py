"""A family of transactions: the verbs of one kind.

`validate` needs no state, `check` reads it and gives a plan, `apply` is where a candidate changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ledger.envelope import Transaction
from ledger.fields import Fields
from ledger.rules import Parameters
from ledger.state import Candidate
from ledger.view import View
from primitives.encoding import Value

Validate = Callable[[Transaction, tuple[Value, ...], Parameters], Fields]
# A family's fields and plan are its own business; only it reads them.
Check = Callable[[View, Transaction, Any, int], Any]
Apply = Callable[[Candidate, Any], None]


class Family(NamedTuple):
    """The verbs of one kind of transaction."""

    validate: Validate
    check: Check
    apply: Apply
    objects: int
    """Objects that one changes at most, beside one for each line or account it lists."""
    is_batch: bool = False
    keys: int = 0
    """Keys whose points are checked at most, beside those that it lists."""
