"""Which transaction used a lane number: found by asking, believed only when proved."""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.transaction import decode_transaction
from primitives.errors import Refused
from wallet.lane_owner import LaneOwner
from wallet.light.bundles import hex_field
from wallet.node_client import NodeUnreachable
from wallet.reader import ProvedInclusion, ProvedPlace, Reader
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
class HistoryPage:
    """Newest first; `following` continues the listing. `cut_ms`: at its end the nodes asked had
    removed older blocks, and the one with the most of them has none from before this time."""

    items: list[HistoryItem]
    following: int | None
    cut_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LaneUse:
    """The final transaction that used a lane number, proved."""

    id: bytes
    body: bytes
    proof: ProvedInclusion | ProvedPlace


async def history_page(
    reader: Reader, owner: LaneOwner, *, before: int | None, limit: int = HISTORY_PAGE
) -> HistoryPage:
    """One page of history, newest first. Where a node's blocks end, the others are asked.

    Raises `Refused`: the last node's code, or `node_unreachable` when none answers.
    """
    query = f"?limit={limit}" if before is None else f"?before={before}&limit={limit}"
    path = f"/v1/accounts/{owner.address}/history{query}"
    refusal = Refused("node_unreachable", ", ".join(reader.client.urls))
    longest: HistoryPage | None = None
    for url in reader.client.urls:
        try:
            answer = await reader.client.get_from(url, path, owner.signing_key)
            if answer.status != 200:
                raise answer.refusal()
            page = _page(answer.content)
        except NodeUnreachable:
            continue
        except Refused as error:
            refusal = error
            continue
        if page.cut_ms is None:
            return page
        if longest is None or longest.cut_ms is None or page.cut_ms < longest.cut_ms:
            longest = page
    if longest is None:
        raise refusal
    return longest


async def find_in_history(
    reader: Reader, owner: LaneOwner, transaction_id: bytes
) -> HistoryItem | None:
    """The line of a transaction in its account's history; its bytes have this id.

    Raises `Refused("block_pruned")` where it may be older than what the nodes asked keep.
    """
    before: int | None = None
    for _ in range(HISTORY_PAGES_MAX):
        page = await history_page(reader, owner, before=before)
        for item in page.items:
            if item.id == transaction_id and id_of(item.raw) == transaction_id:
                return item
        if page.following is None:
            if page.cut_ms is not None:
                raise Refused("block_pruned", transaction_id.hex())
            return None
        before = page.following
    return None


async def find_lane_use(reader: Reader, owner: LaneOwner, number: int) -> LaneUse | None:
    """The transaction that used `number`, if a node shows one and it is proved to be final."""
    before: int | None = None
    for _ in range(HISTORY_PAGES_MAX):
        page = await history_page(reader, owner, before=before)
        for item in page.items:
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
            found = await reader.finality(transaction.id, owner.signing_key)
            if not isinstance(found, str):
                return LaneUse(transaction.id, transaction.body, found)
        before = page.following
        if before is None:
            return None
    return None


def _page(content: Mapping[str, object]) -> HistoryPage:
    items = content.get("items")
    if not isinstance(items, list):
        raise Refused("node_answer_malformed", field="items")
    following, first_ms = content.get("next"), content.get("first_time_ms")
    cut_ms: int | None = None
    if content.get("truncated") is True:
        if type(first_ms) is not int or first_ms < 0:
            raise Refused("node_answer_malformed", field="first_time_ms")
        cut_ms = first_ms
    return HistoryPage(
        [_item(item) for item in items], following if type(following) is int else None, cut_ms
    )


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
