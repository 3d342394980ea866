"""What the town hall's node asks staff to sign, read from the bytes and not from what it says.

An operation is an act of the territory: programme opened, funded or closed, bulletins credited. Its
node makes the body, staff sign it, the node signs last. Before a signature is given, the body is
decoded here and must say exactly what the node showed.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ledger import account_kinds
from ledger.envelope import Transaction, assemble
from ledger.fields import (
    BulletinCredit,
    ProgrammeClosing,
    ProgrammeFunding,
    ProgrammeOpening,
)
from ledger.founding import found
from ledger.objects import Account
from ledger.shapes import SIGNATURE_BYTES
from ledger.transaction import decode_transaction
from primitives import addresses
from primitives.encoding import decode
from primitives.errors import Refused
from wallet.light.bundles import hex_field
from wallet.light.trust import TrustedNetwork

BODY_BYTES_MAX = 512 * 1024
_DEVICE_PLACE = 6
"""Of the device among a body's values."""
STATES = ("waiting", "signed", "final", "released")


@dataclass(frozen=True)
class Operation:
    """An operation as the node shows it."""

    id: str
    kind: str
    amount_minor: int
    state: str
    body: bytes
    staff_needed: int
    staff_signed: tuple[str, ...]
    transaction: str | None
    height: int | None
    valid_until_ms: int

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in ("final", "released")


@dataclass(frozen=True)
class OperationSaid:
    """What an operation's body says: these are the figures that a signature stands for."""

    kind: str
    amount_minor: int
    currency: str | None
    programme: str
    """The programme account's address."""
    line_amounts: tuple[int, ...]
    transaction: Transaction


def operation_from_json(content: Mapping[str, object]) -> Operation:
    """Read an operation. Raises `Refused("node_answer_malformed")`."""
    signed, height = content.get("staff_signed"), content.get("height")
    transaction = content.get("transaction")
    state = content.get("state")
    if not isinstance(signed, list) or state not in STATES:
        raise Refused("node_answer_malformed", field="operation")
    return Operation(
        id=_word(content, "id"),
        kind=_word(content, "kind"),
        amount_minor=_count(content, "amount_minor"),
        state=str(state),
        body=hex_field(content, "body", BODY_BYTES_MAX),
        staff_needed=_count(content, "staff_needed"),
        staff_signed=tuple(str(key)[:64] for key in signed),
        transaction=transaction if isinstance(transaction, str) else None,
        height=height if type(height) is int else None,
        valid_until_ms=_count(content, "valid_until_ms"),
    )


def device_of(operation: Operation) -> bytes:
    """The key whose lane an operation's body is on; empty for what is no body."""
    try:
        values = decode(operation.body)
    except Refused:
        return b""
    device = values[_DEVICE_PLACE] if type(values) is tuple and len(values) > _DEVICE_PLACE else b""
    return device if type(device) is bytes else b""


def read_operation(
    network: TrustedNetwork, prefix: str, operation: Operation, node_keys: Collection[bytes] = ()
) -> OperationSaid:
    """What the body says. Raises `Refused("operation_differs")` if the node showed another thing.

    The lane must be that of the territory's node on the territory's own account, so no body can
    turn a staff signature into anything else. `node_keys` are keys of the node beside the one it
    began with.
    """
    # Signatures are still missing; the form of a transaction has a place for one.
    raw = assemble(operation.body, bytes(SIGNATURE_BYTES))
    rules = network.rules
    try:
        transaction = decode_transaction(raw, network.network_id, rules)
    except Refused as refusal:
        raise Refused("operation_differs", str(refusal)) from None
    account = territory_account(network, prefix)
    if transaction.account != account.id:
        raise Refused("operation_differs", "it is for another account")
    if transaction.device not in (network.territory(prefix).node_key, *node_keys):
        raise Refused("operation_differs", "it is on another lane than the node's")
    if transaction.kind != operation.kind:
        raise Refused("operation_differs", f"{transaction.kind} ≠ {operation.kind}")
    if transaction.valid_until_ms != operation.valid_until_ms:
        raise Refused("operation_differs", "it is valid until another time")
    said = _said(transaction, prefix)
    if said.amount_minor != operation.amount_minor:
        raise Refused("operation_differs", f"{said.amount_minor} ≠ {operation.amount_minor}")
    return said


def check_amounts(shown: Iterable[int], said: Iterable[OperationSaid]) -> None:
    """That batches credit the amounts that were previewed, each as often.

    Raises `Refused("operation_differs")`.
    """
    wanted = Counter(amount for amount in shown if amount)
    found = Counter(amount for one in said for amount in one.line_amounts)
    if wanted != found:
        raise Refused("operation_differs", "the lines are not those of the preview")


def territory_account(network: TrustedNetwork, prefix: str) -> Account:
    """The territory's own account, which its staff's and its node's keys stand on."""
    accounts = found(network.territory(prefix)).accounts
    return next(one for one in accounts if one.kind == account_kinds.TERRITORY)


def _said(transaction: Transaction, prefix: str) -> OperationSaid:
    fields = transaction.fields
    kind = transaction.kind
    if isinstance(fields, ProgrammeOpening):
        opened = addresses.format_address(prefix, addresses.account_id(prefix, fields.seed))
        return OperationSaid(kind, fields.budget_minor, fields.currency, opened, (), transaction)
    if isinstance(fields, ProgrammeFunding | ProgrammeClosing):
        named = addresses.format_address(prefix, fields.programme)
        return OperationSaid(kind, fields.amount_minor, None, named, (), transaction)
    if isinstance(fields, BulletinCredit):
        named = addresses.format_address(prefix, fields.programme)
        amounts = tuple(line.amount_minor for line in fields.lines)
        return OperationSaid(kind, fields.total_minor, None, named, amounts, transaction)
    raise Refused("operation_differs", kind)


def _count(content: Mapping[str, object], name: str) -> int:
    value = content.get(name)
    if type(value) is not int or value < 0:
        raise Refused("node_answer_malformed", field=name)
    return value


def _word(content: Mapping[str, object], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value or len(value) > 128:
        raise Refused("node_answer_malformed", field=name)
    return value
