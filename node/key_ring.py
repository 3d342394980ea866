"""What this node signs blocks with and shows to its peers, and what is to take its place.

Rules of this file:
- A pending voting key signs nothing before an epoch begins whose terms name it. From there on it is
  the only one: the key before it signs no more, whatever comes.
- The files of a new voting key are there before anybody can vote on it, and may yet be unread when
  its epoch begins. So where an epoch's terms name no key that is known here, the files are looked
  at before the epoch goes on: it is begun once, and would have no other key until the next.
- A transport certificate is issued by its voting key, so both go together. Which of two identities
  peers trust depends on how far they are, so a node that reaches too few of them with one tries
  the other: showing a certificate promises nothing.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from primitives.signatures import SigningKey


@dataclass(frozen=True, slots=True)
class TransportIdentity:
    """This node's TLS key and certificate, as `peers.certificates.make_transport` made them."""

    key_pem: bytes = field(repr=False)
    certificate_pem: bytes


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """A voting key, and the transport identity that it vouches for."""

    voting: SigningKey = field(repr=False)
    transport: TransportIdentity

    @property
    def voting_key(self) -> bytes:
        """The public half."""
        return self.voting.public_key


class KeyRing:
    """See the module's docstring. `on_taken` is told when the pending keys became the current ones,
    so that they are kept as such. `read_again` gives what the files hold now (current, pending);
    None where that is known."""

    def __init__(
        self,
        current: NodeKeys,
        pending: NodeKeys | None = None,
        on_taken: Callable[[NodeKeys], None] | None = None,
        *,
        read_again: Callable[[], tuple[NodeKeys, NodeKeys | None] | None] | None = None,
    ) -> None:
        self.current = current
        self.pending = pending
        self._on_taken = on_taken
        self._read_again = read_again
        self._shows_pending = False

    @property
    def shown(self) -> NodeKeys:
        """Those whose transport identity peers see."""
        pending = self.pending
        return pending if self._shows_pending and pending is not None else self.current

    def show_other(self) -> None:
        """Show the other identity from now on; without pending keys there is one only."""
        self._shows_pending = self.pending is not None and not self._shows_pending

    def owns(self, voting_key: bytes) -> bool:
        """Whether this is a voting key of this node, in use or pending."""
        pending = self.pending
        is_pending = pending is not None and pending.voting_key == voting_key
        return is_pending or voting_key == self.current.voting_key

    def take(self, voting_keys: Collection[bytes]) -> bool:
        """An epoch has begun with members of these voting keys: whether the pending key is one of
        them, and the current one from now on."""
        if self._read_again is not None and not any(map(self.owns, voting_keys)):
            found = self._read_again()
            if found is not None:
                self.put(*found)
        pending = self.pending
        if pending is None or pending.voting_key not in voting_keys:
            return False
        self.current, self.pending, self._shows_pending = pending, None, False
        if self._on_taken is not None:
            self._on_taken(pending)
        return True

    def put(self, current: NodeKeys, pending: NodeKeys | None) -> bool:
        """The keys on disk are these: whether the identity that is shown changes. The current
        voting key changes by `take` alone; of it, only another transport identity is taken up."""
        before = self.shown.transport
        if current.voting_key == self.current.voting_key:
            self.current = current
        if pending is None or pending.voting_key != self.current.voting_key:
            self.pending = pending
        return self.shown.transport != before
