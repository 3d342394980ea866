"""Which transaction used a lane number: found by asking, believed only when proved."""

from dataclasses import dataclass

from ledger.transaction import decode_transaction
from primitives.errors import Refused
from wallet.lane_owner import LaneOwner
from wallet.light.bundles import hex_field
from wallet.reader import ProvedInclusion, Reader
from wallet.transaction_ids import transaction_id as id_of

HISTORY_PAGE = 100
HISTORY_PAGES_MAX = 20
RAW_BYTES_MAX = 512 * 1024


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One line of an account's history, as a node tells it. `raw` was not proved."""

    number: int
    id: bytes
    height: int
    kind: str
    time_ms: int
    amount_minor: int
    counterparty: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class LaneUse:
    """The final transaction that used a lane number, proved."""

    id: bytes
    body: bytes
    inclusion: ProvedInclusion


async def history_page(
    reader: Reader, owner: LaneOwner, *, before: int | None, limit: int = HISTORY_PAGE
) -> tuple[list[HistoryItem], int | None]:
    """One page of history, newest first, and where the next begins."""
    query = f"?limit={limit}" if before is None else f"?before={before}&limit={limit}"
    path = f"/v1/accounts/{owner.address}/history{query}"
    content = await reader.client.get(path, owner.signing_key)
    items = content.get("items")
    if not isinstance(items, list):
        raise Refused("node_answer_malformed", field="items")
    following = content.get("next")
    return [_item(item) for item in items], following if type(following) is int else None


async def find_in_history(
    reader: Reader, owner: LaneOwner, transaction_id: bytes
) -> HistoryItem | None:
    """The line of a transaction in its account's history; its bytes have this id."""
    before: int | None = None
    for _ in range(HISTORY_PAGES_MAX):
        items, before = await history_page(reader, owner, before=before)
        for item in items:
            if item.id == transaction_id and id_of(item.raw) == transaction_id:
                return item
        if before is None:
            return None
    return None


async def find_lane_use(reader: Reader, owner: LaneOwner, number: int) -> LaneUse | None:
    """The transaction that used `number`, if a node shows one and its inclusion is proved."""
    before: int | None = None
    for _ in range(HISTORY_PAGES_MAX):
        items, before = await history_page(reader, owner, before=before)
        for item in items:
            try:
                transaction = decode_transaction(item.raw, reader.network.network_id)
            except Refused:
                continue
            if (transaction.account, transaction.device, transaction.number) != (
                owner.account_id,
                owner.signing_key.public_key,
                number,
            ):
                continue
            found = await reader.inclusion(transaction.id, owner.signing_key)
            if isinstance(found, ProvedInclusion):
                return LaneUse(transaction.id, transaction.body, found)
        if before is None:
            return None
    return None


def _item(content: object) -> HistoryItem:
    if not isinstance(content, dict):
        raise Refused("node_answer_malformed", field="items")
    numbers = [content.get(name) for name in ("number", "height", "time_ms", "amount_minor")]
    if any(type(number) is not int for number in numbers):
        raise Refused("node_answer_malformed", field="items")
    counterparty = content.get("counterparty")
    return HistoryItem(
        number=int(content["number"]),
        id=hex_field(content, "id", 32),
        height=int(content["height"]),
        kind=str(content.get("kind", ""))[:40],
        time_ms=int(content["time_ms"]),
        amount_minor=int(content["amount_minor"]),
        counterparty=counterparty if isinstance(counterparty, str) else "",
        raw=hex_field(content, "raw", RAW_BYTES_MAX),
    )
