"""An engine in whose place nothing happens, for tests of the intake alone."""

from collections.abc import Callable, Sequence

from ledger.transaction import Transaction
from ledger.view import View


class StillEngine:
    """An `IntakeContext` that asks `view` for its newest state; nothing is final."""

    def __init__(self, view: Callable[[], View], *, current: bool = True) -> None:
        self._view = view
        self._current = current

    def newest_view(self) -> View:
        return self._view()

    def read_ahead(self, accounts: Sequence[bytes]) -> None:
        """They are read when they are asked for."""

    def is_final(self, transaction_id: bytes) -> bool:
        return False

    def is_current(self) -> bool:
        return self._current

    def transactions_judged(self, ids: Sequence[bytes], *, any_added: bool) -> None:
        """Nobody listens."""

    def pass_on(self, transactions: Sequence[Transaction]) -> None:
        """To nobody."""
