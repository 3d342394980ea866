"""`GET`: what a node tells, with its proofs."""

import re

from aiohttp import web

from consensus.cometbft.certified import CertifiedHeader as CometCertifiedHeader
from ledger.fields import ACCOUNT_OPEN, BULLETIN_CREDIT, RESERVE_ISSUE, WAGES_PAY
from node.answers import (
    FinalHeader,
    HistoryItem,
    HistoryPage,
    ObjectWithProof,
    TransactionStatus,
)
from node.api import models
from node.api.entitlements import Entitlements
from node.api.signed_requests import RequestVerifier
from node.clock import now_ms
from node.territory import TerritoryNode
from primitives.addresses import Address, format_address, parse_address
from primitives.encoding import encode
from primitives.errors import InvariantBroken, Refused

HISTORY_LIMIT_MAX = 200
HISTORY_STEP = 20
HISTORY_RAW_BYTES_MAX = 1 << 20
"""A page ends early when its transactions are larger than this together."""

BATCHES = frozenset({ACCOUNT_OPEN, BULLETIN_CREDIT, RESERVE_ISSUE, WAGES_PAY})
MSGPACK = "application/msgpack"
REASON_HEADER = "Democite-Reason"
_HASH = re.compile(r"[0-9a-f]{64}")
_DECIMAL = re.compile(r"\d{1,16}", re.ASCII)
_CODE = re.compile(r"[A-Z][A-Z0-9]{1,7}")


class Reads:
    """Handlers over one node."""

    def __init__(
        self,
        node: TerritoryNode,
        verifier: RequestVerifier,
        entitlements: Entitlements,
    ) -> None:
        self._node = node
        self._verifier = verifier
        self._entitlements = entitlements

    # -- public -----------------------------------------------------------------------------

    async def header(self, request: web.Request) -> web.Response:
        """A final header with what makes it final."""
        word = request.match_info["height"]
        height = None if word == "latest" else decimal(word, "height")
        certified = await self._node.certified(height)
        if certified is None:
            raise Refused("not_found")
        if MSGPACK in request.headers.get("Accept", ""):
            response = web.Response(body=_packed(certified), content_type=MSGPACK)
        else:
            response = answer(header_model(certified))
        response.headers["Vary"] = "Accept"
        return response

    async def currency(self, request: web.Request) -> web.Response:
        """A currency's totals object with its proof."""
        code = request.match_info["code"]
        if not _CODE.fullmatch(code):
            raise Refused("not_found")
        return answer(proof_model(self._node.currency_with_proof(code)))

    async def status(self, request: web.Request) -> web.Response:
        """The node at one glance."""
        status = self._node.status()
        return answer(
            models.Status(
                network_id=status.network_id.hex(),
                engine=status.engine,
                epoch=status.epoch,
                epoch_ends_ms=status.epoch_ends_ms,
                rule_version=status.rule_version,
                rule_version_unknown=status.rule_version_unknown,
                height=status.height,
                view=status.view,
                state_root=status.state_root.hex(),
                header_time_ms=status.header_time_ms,
                peers=sum(peer.connected for peer in status.peers),
                members=status.members,
                peer_details=[
                    models.Peer(
                        prefix=peer.prefix,
                        address=peer.address,
                        voting_key=peer.voting_key.hex(),
                        connected=peer.connected,
                        observer=peer.is_observer,
                    )
                    for peer in status.peers
                ],
                mempool_transactions=status.mempool_transactions,
                ready=status.ready,
                observing=status.observing,
                observing_reason=status.observing_reason,
                catching_up=status.catching_up,
                first_height=status.first_height,
                keep_days=status.keep_days,
                missing_height=status.missing_height,
            )
        )

    async def evidence(self, request: web.Request) -> web.Response:
        """Double votes that this node has seen."""
        found = [each.to_json() for each in self._node.evidence()]
        return answer(models.Evidence.model_validate({"items": found}))

    async def live(self, request: web.Request) -> web.Response:
        """The process answers."""
        return answer(models.Health(status="live"))

    async def ready(self, request: web.Request) -> web.Response:
        """The node takes part, or follows and has caught up."""
        if not self._node.status().ready:
            raise Refused("node_not_ready")
        return answer(models.Health(status="ready"))

    # -- signed -----------------------------------------------------------------------------

    async def transaction(self, request: web.Request) -> web.Response:
        """Where a transaction stands, to those it concerns."""
        word = request.match_info["id"]
        transaction_id = bytes.fromhex(word) if _HASH.fullmatch(word) else b""
        reason = request.headers.get(REASON_HEADER, "")
        self._verifier.grant(
            request,
            lambda key: self._entitlements.check_transaction(transaction_id, key, reason, now_ms()),
        )
        return answer(transaction_model(self._node.transaction_status(transaction_id)))

    async def account(self, request: web.Request) -> web.Response:
        """An account, or its absence, with the proof."""
        address = self._entitled(request)
        word = request.query.get("height")
        height = None if word is None else decimal(word, "height")
        return answer(proof_model(self._node.account_with_proof(address.account_id, height)))

    async def requests(self, request: web.Request) -> web.Response:
        """What is asked about an account's keys and not settled yet."""
        address = self._entitled(request)
        found = self._node.requests_with_proofs(address.account_id)
        return answer(models.Requests(items=[proof_model(one) for one in found]))

    async def history(self, request: web.Request) -> web.Response:
        """An account's final transactions, newest first."""
        address = self._entitled(request)
        before = request.query.get("before")
        limit = decimal(request.query.get("limit", "50"), "limit")
        page = self._history_page(
            address.account_id,
            None if before is None else decimal(before, "before"),
            max(1, min(limit, HISTORY_LIMIT_MAX)),
        )
        entries = [
            models.HistoryEntry(
                number=item.number,
                id=item.id.hex(),
                height=item.height,
                kind=item.kind,
                time_ms=item.time_ms,
                amount_minor=item.amount_minor,
                counterparty=self._address_of(item.counterparty),
                raw=self._raw_shown(item).hex(),
            )
            for item in page.items
        ]
        cut = page.cut
        return answer(
            models.History(
                items=entries,
                next=page.next_before,
                truncated=cut is not None,
                first_height=None if cut is None else cut.first_height,
                first_time_ms=None if cut is None else cut.first_time_ms,
            )
        )

    def _history_page(self, account_id: bytes, before: int | None, limit: int) -> HistoryPage:
        """Up to `limit` items, fewer where they are large, and where the next page begins."""
        items: list[HistoryItem] = []
        raw_bytes = 0
        while True:
            page = self._node.history(account_id, before, min(HISTORY_STEP, limit - len(items)))
            items += page.items
            before = page.next_before
            raw_bytes += sum(len(item.raw) for item in page.items)
            if before is None or len(items) >= limit or raw_bytes > HISTORY_RAW_BYTES_MAX:
                return HistoryPage(tuple(items), before, page.cut)

    def _raw_shown(self, item: HistoryItem) -> bytes:
        """A batch also holds what others received: only who signed it gets its bytes."""
        if item.kind not in BATCHES or item.counterparty is None:
            return item.raw
        concerned = self._node.transaction_accounts(item.id)
        return item.raw if len(concerned) <= 2 else b""

    async def lane(self, request: web.Request) -> web.Response:
        """What a number of a device's lane was used for."""
        address = self._entitled(request)
        device = request.match_info["device"]
        if not _HASH.fullmatch(device):
            raise Refused("request_malformed", "a device is 64 hexadecimal digits")
        number = decimal(request.match_info["number"], "number")
        lane = self._node.lane(address.account_id, bytes.fromhex(device), number)
        return answer(
            models.Lane(
                status=lane.state,
                id=None if lane.id is None else lane.id.hex(),
                height=lane.height,
                header_height=lane.header_height,
                header_time_ms=lane.header_time_ms,
            )
        )

    def _entitled(self, request: web.Request) -> Address:
        address: Address | None = None
        reason = request.headers.get(REASON_HEADER, "")

        def check(key: bytes) -> bool:
            nonlocal address
            address = parse_address(request.match_info["address"])
            return self._entitlements.check_account(address, key, reason, now_ms())

        self._verifier.grant(request, check)
        if address is None:
            raise InvariantBroken("a request was granted unseen")
        return address

    def _address_of(self, identity: bytes | None) -> str | None:
        account = None if identity is None else self._node.account(identity)
        return None if account is None else format_address(account.prefix, account.id)


def answer(model: models.Model, status: int = 200, *, by_alias: bool = False) -> web.Response:
    """A model as JSON; fields that are not set are left out."""
    return web.Response(
        text=model.model_dump_json(exclude_unset=True, by_alias=by_alias),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def decimal(word: str, field: str) -> int:
    """A number in a path or query. Raises `Refused("request_malformed")`."""
    if not _DECIMAL.fullmatch(word):
        raise Refused("request_malformed", f"{field} is a number", field=field)
    return int(word)


def header_model(certified: FinalHeader) -> models.Header:
    """A certified header as JSON."""
    if isinstance(certified, CometCertifiedHeader):
        return models.Header.model_validate(certified.to_json())
    return models.Header(
        height=certified.height,
        header=certified.header.encode().hex(),
        certificate=certified.certificate.encode().hex(),
        headers=[header.encode().hex() for header in certified.between],
    )


def transaction_model(status: TransactionStatus) -> models.Transaction:
    """A transaction's status as JSON."""
    fields: dict[str, object] = {"id": status.id.hex(), "status": status.state}
    if status.code is not None:
        fields["code"] = status.code
    if status.state == "final":
        fields |= {
            "height": status.height,
            "number": status.number,
            "inclusion": None if status.inclusion is None else status.inclusion.hex(),
            "receipt": None if status.receipt is None else status.receipt.hex(),
            "receipt_height": status.receipt_height,
        }
    return models.Transaction.model_validate(fields)


def proof_model(found: ObjectWithProof | None) -> models.ObjectProof:
    """An object with its proof as JSON. Raises `Refused("version_not_kept")`."""
    if found is None:
        raise Refused("version_not_kept", "no proof against that header is kept here")
    return models.ObjectProof(
        object=None if found.raw is None else found.raw.hex(),
        proof=found.proof.hex(),
        header_height=found.header_height,
    )


def _packed(certified: FinalHeader) -> bytes:
    if isinstance(certified, CometCertifiedHeader):
        return certified.encode()
    between = [header.encode() for header in certified.between]
    return encode(
        (
            "certified_header",
            1,
            certified.header.encode(),
            certified.certificate.encode(),
            between,
        )
    )
