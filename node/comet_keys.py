"""The voting keys of this node for CometBFT: the one in use, and perhaps one that waits to take its
place. What each of them signed last stands in a file of its own (`signed_last_file`).

Rules of this file:
- A pending key is in use from the first height that it votes at, by what the chain says and by
  nothing else; the key before it signs no more then.
- The files of a new key are there before anybody can vote on it, and may yet be unread when it is
  to vote. So where the voters are told and none is known here, the files are looked at once more.
"""

from collections.abc import Callable, Collection
from pathlib import Path

from node.data_folder import SIGNED_LAST_FILE
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey

CometPair = tuple[SigningKey, SigningKey | None]
"""The key in use, and the one that waits."""
_NAME_BYTES = 8


def signed_last_file(root: Path, network_id: bytes, public_key: bytes) -> Path:
    """Where a renewed key's record is. It bears the key's and the network's name, so it need never
    move: a copy of what is being written would be an older one. A node's first key has
    `signed-last`."""
    name = hash_bytes("signed_last_name", network_id + public_key)[:_NAME_BYTES].hex()
    return root / f"{SIGNED_LAST_FILE}-{name}"


class CometKeys:
    """See the module's docstring. `on_taken` is told of the pending key that became the current
    one, so that it is kept as such. `read_again` gives what the files hold now; None where that is
    known."""

    def __init__(
        self,
        current: SigningKey,
        pending: SigningKey | None = None,
        on_taken: Callable[[SigningKey], None] | None = None,
        *,
        read_again: Callable[[], CometPair | None] | None = None,
    ) -> None:
        self.current = current
        self.pending = pending
        self._on_taken = on_taken
        self._read_again = read_again

    def all(self) -> tuple[SigningKey, ...]:
        """Both, the one in use first."""
        return (self.current,) if self.pending is None else (self.current, self.pending)

    def among(self, voters: Collection[bytes]) -> SigningKey | None:
        """The one of them that is among these public keys."""
        return next((key for key in self.all() if key.public_key in voters), None)

    def meet(self, voters: Collection[bytes]) -> SigningKey | None:
        """The same, with another look at the files where none is."""
        found = self.among(voters)
        if found is None and self._read_again is not None:
            read = self._read_again()
            if read is not None:
                self.put(*read)
                found = self.among(voters)
        return found

    def take(self, public_key: bytes) -> bool:
        """This key votes now: whether it was the pending one, and is the current one from here."""
        pending = self.pending
        if pending is None or pending.public_key != public_key:
            return False
        self.current, self.pending = pending, None
        if self._on_taken is not None:
            self._on_taken(pending)
        return True

    def put(self, current: SigningKey, pending: SigningKey | None) -> None:
        """The keys on disk are these. The current one changes by `take` alone."""
        if pending is None and current.public_key != self.current.public_key:
            return  # taken here, and not yet kept there
        if pending is None or pending.public_key != self.current.public_key:
            self.pending = pending
