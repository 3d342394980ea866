"""The node's own key: what it signs for its territory, and the numbers of its lane.

The lane belongs to this node alone, so the registry knows every number that was handed out and is
not settled; the ledger knows those that were used.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger.envelope import Cosignature, build_body, cosign, sign_transaction
from ledger.founders import Territory
from ledger.genesis import Genesis
from ledger.lanes import WINDOW
from ledger.objects import Account
from ledger.roles import STAFF
from node.clock import now_ms
from node.office.node_key import NodeKey
from node.territory import TerritoryNode
from primitives.encoding import Value, decode
from primitives.errors import Refused
from primitives.signatures import SigningKey, signed_message, verify

OPERATION_VALID_MS = 7 * 86_400_000
"""So long the staff have to sign."""
STAFF_ABOVE = 2
DEVICE_PLACE = 6
"""Of the device among a body's values."""


@dataclass(frozen=True, slots=True)
class MadeBody:
    """A body that the staff are to sign."""

    body: bytes
    number: int
    valid_until_ms: int


class Lane(NamedTuple):
    """The lane of the node's key."""

    device: bytes
    high: int
    """The highest number that is used on the ledger."""


def device_of(body: bytes) -> bytes | None:
    """The key whose lane a body of our own is on."""
    values = decode(body)
    device = values[DEVICE_PLACE] if type(values) is tuple and len(values) > DEVICE_PLACE else None
    return device if type(device) is bytes else None


class TerritorySigner:
    """Signs for one territory on one network."""

    def __init__(
        self, node: TerritoryNode, genesis: Genesis, territory: Territory, key: NodeKey
    ) -> None:
        self.territory = territory
        self._node = node
        self._network_id = genesis.network_id
        self._valid_ms = min(OPERATION_VALID_MS, genesis.parameters.valid_for_cosigned_ms_max)
        self._key = key

    def account(self) -> Account:
        """The territory's account as of the newest final block."""
        account = self._node.account(self.territory.account_id)
        if account is None:
            raise Refused("territory_not_joined", self.territory.prefix)
        return account

    def key(self) -> SigningKey:
        """The key that the ledger names as this node's. Raises `Refused`: `node_key_unknown`,
        `key_blocked`."""
        return self._key.named(self.account())

    def lane(self) -> Lane:
        """The node's lane as the ledger knows it. Raises as `key`."""
        account = self.account()
        public_key = self._key.named(account).public_key
        device = account.device(public_key)
        return Lane(public_key, 0 if device is None else device.high)

    def make_body(
        self, kind: str, fields: Sequence[Value], lane: Lane, in_use: Collection[int]
    ) -> MadeBody:
        """A body with the lane's next number; `in_use` are those that the registry knows of.
        Raises `Refused("operations_pending_max")`. May be called in another thread."""
        number = max(lane.high, max(in_use, default=0)) + 1
        if number - lane.high > WINDOW:
            raise Refused("operations_pending_max", "the numbers of the node's lane are all taken")
        created_ms = now_ms()
        valid_until_ms = created_ms + self._valid_ms
        body = build_body(
            kind,
            self._network_id,
            created_ms=created_ms,
            valid_until_ms=valid_until_ms,
            account=self.territory.account_id,
            device=lane.device,
            number=number,
            fields=fields,
        )
        return MadeBody(body, number, valid_until_ms)

    def is_staff(self, key: bytes) -> bool:
        """Whether the key is of the territory's staff today."""
        device = self.account().device(key)
        return device is not None and bool(device.roles & STAFF)

    def staff_needed(self, amount_minor: int) -> int:
        """How many of the staff must sign for so much."""
        needed = self.account().threshold
        if amount_minor > self.territory.two_signers_above_minor:
            return max(needed, STAFF_ABOVE)
        return needed

    def check_signature(self, body: bytes, key: bytes, signature: bytes) -> None:
        """Raises `Refused("signature_invalid")`."""
        if not verify(key, signed_message("tx", self._network_id, body), signature):
            raise Refused("signature_invalid", "the signature does not fit the body")

    def sign(self, body: bytes, staff: Sequence[Cosignature]) -> bytes:
        """The whole transaction on the node's own lane."""
        return sign_transaction(body, self._network_id, self.key(), staff)

    def countersign(self, body: bytes) -> Cosignature:
        """The node's signature beside those of another lane."""
        return cosign(body, self._network_id, self.key())
