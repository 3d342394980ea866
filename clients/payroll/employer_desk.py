"""An employer's desk: check a payroll with the town hall, sign it, have it countersigned and paid.

    async with EmployerDesk(network, urls, owner) as desk:
        await desk.check(payroll)
        run = await desk.submit(payroll)

`owner` is the employer's account and key. With `folder` (the wallet's) what is signed is kept in
its outbox before it is sent; without, in memory. All lines are paid or none; a payroll that is
submitted again is recognised by its file and its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from clients.payroll.payroll_file import Payroll
from clients.payroll.run_lanes import MemoryLane, OutboxLane, RunLane, countersigned
from clients.payroll.wage_runs import RunLine, check_draft, lines_from_private
from ledger.envelope import cosign, signature_items
from ledger.transaction import decode_transaction
from primitives import signatures
from primitives.errors import Refused
from primitives.signatures import SigningKey
from terminal.line_refusals import LinesRefused
from wallet.home_node import PATIENCE_MS, HomeNode
from wallet.lane_owner import LaneOwner
from wallet.light.bundles import hex_field
from wallet.light.trust import TrustedNetwork
from wallet.outbox_entry import Entry

RUN_WAIT_MS = 8_000
RAW_BYTES_MAX = 512 * 1024
# What says that no answer came, or none yet: the run may have been countersigned all the same.
_UNKNOWN_CODES = ("node_unreachable", "node_busy", "node_answer_malformed", "outcome_unknown")


@dataclass(frozen=True)
class CheckedPayroll:
    """What the town hall says of a payroll that it would accept."""

    lines: int
    gross_total_minor: int
    local_total_minor: int


@dataclass(frozen=True)
class PaidRun:
    """A run that was signed, and how far it came. `lines` hold the salts, for a disclosure."""

    entry: Entry
    lines: tuple[RunLine, ...]

    @property
    def run_id(self) -> str:
        """The run's id, in hex."""
        return str(self.entry.private["run_id"])

    @property
    def total_minor(self) -> int:
        """What was paid."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def is_final(self) -> bool:
        """Whether its finality was proved here."""
        return self.entry.state == "final"


@dataclass(frozen=True)
class RunStatus:
    """A run as the town hall knows it."""

    run_id: str
    period: str
    file_sha256: str
    run_name: str | None
    lines: int
    local_total_minor: int
    state: str
    id: str | None
    height: int | None


class EmployerDesk:
    """See the module's docstring."""

    def __init__(
        self,
        network: TrustedNetwork,
        urls: Sequence[str],
        owner: LaneOwner,
        *,
        cosigners: Sequence[SigningKey] = (),
        folder: Path | None = None,
        currency: str | None = None,
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        self.network = network
        self.owner = owner
        self._cosigners = tuple(cosigners)
        territory = network.territory(owner.prefix)
        code = currency or territory.currencies[0].code
        found = next((one for one in territory.currencies if one.code == code), None)
        if found is None:
            raise Refused("currency_unknown", code)
        self.currency, self.decimals = found.code, found.decimals
        self.cap_bps = territory.wage_cap_bps
        self.lane: RunLane = (
            MemoryLane(network, urls, owner)
            if folder is None
            else OutboxLane(network, urls, owner, folder)
        )
        self._home = HomeNode(self.lane.client, owner.signing_key, patience_ms=patience_ms)

    async def __aenter__(self) -> Self:
        await self.lane.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.lane.__aexit__(kind, error, trace)

    async def check(self, payroll: Payroll) -> CheckedPayroll:
        """What the town hall thinks of a payroll; nothing is written down.

        Raises `LinesRefused` with every line that it would refuse.
        """
        content = await self._ask("/v1/payrolls/check", payroll)
        return CheckedPayroll(
            _count(content, "lines"),
            _count(content, "total_gross_minor"),
            _count(content, "total_local_minor"),
        )

    async def submit(self, payroll: Payroll, *, wait: bool = True) -> PaidRun:
        """Have a payroll paid: all its lines or none.

        What an earlier call signed of the same payroll and did not bring to its end is taken up.
        Raises `LinesRefused` with the lines that the town hall refuses; `Refused`:
        `payroll_differs` when its draft is not what the file says, `outcome_unknown`.
        """
        earlier = self.lane.earlier(payroll.sha256, payroll.run_name)
        if earlier is not None:
            try:
                return await self._bring(earlier, payroll, wait=wait)
            except Refused as refusal:
                # The town hall drew other salts meanwhile: those bytes will never be signed.
                if refusal.code not in ("payroll_differs", "validity_expired"):
                    raise
        draft = await self._ask("/v1/payrolls", payroll)
        run = check_draft(
            payroll,
            draft,
            prefix=self.owner.prefix,
            currency=self.currency,
            decimals=self.decimals,
        )
        return await self._bring(await self.lane.prepare(run), payroll, wait=wait)

    async def runs(self) -> list[RunStatus]:
        """The employer's runs as the town hall knows them."""
        content = await self._home.get(f"/v1/payrolls?employer={self.owner.address}")
        listed = content.get("runs")
        if not isinstance(listed, list):
            raise Refused("node_answer_malformed", field="runs")
        return [_run_status(one) for one in listed if isinstance(one, dict)]

    async def _ask(self, path: str, payroll: Payroll) -> Mapping[str, object]:
        content: dict[str, object] = {
            "employer": self.owner.address,
            "period": payroll.period,
            "file_sha256": payroll.sha256.hex(),
            "run_name": payroll.run_name,
            "lines": [
                {
                    "line": line.line,
                    "employee": line.employee,
                    "account": line.account or None,
                    "gross_minor": line.gross_minor,
                    "local_minor": line.local_minor,
                    "consent": line.consent,
                    "period": line.period,
                }
                for line in payroll.lines
            ],
        }
        try:
            return await self._home.post(path, content)
        except LinesRefused as refused:
            raise LinesRefused(refused.refusals, payroll.file) from None

    async def _bring(self, entry: Entry, payroll: Payroll, *, wait: bool) -> PaidRun:
        """Have a signed run countersigned, and see it through."""
        if entry.state == "pending" and not entry.raw:
            try:
                entry = await self._countersign(entry, wait=wait)
            except LinesRefused as refused:
                self._give_up(entry, refused.code)
                raise LinesRefused(refused.refusals, payroll.file) from None
            except Refused as refusal:
                if refusal.code in _UNKNOWN_CODES:
                    self.lane.keep(entry.changed(reported="unknown"))
                    raise
                self._give_up(entry, refusal.code)
                raise
        if entry.state == "pending":
            entry = await self.lane.send(entry, wait=wait)
        return PaidRun(entry, tuple(lines_from_private(entry.private)))

    def _give_up(self, entry: Entry, code: str) -> None:
        """Nothing is paid. The next run takes this one's number, so the two can never both be."""
        self.lane.keep(entry.changed(state="refused", code=code, reported="refused"))

    async def _countersign(self, entry: Entry, *, wait: bool) -> Entry:
        keys = (self.owner.signing_key, *self._cosigners)
        signed = [cosign(entry.body, self.network.network_id, key) for key in keys]
        content = await self._home.post(
            f"/v1/payrolls/{entry.private['run_id']}/signatures",
            {
                "employer": self.owner.address,
                "body": entry.body.hex(),
                "signatures": [
                    {"key": one.key.hex(), "signature": one.signature.hex()} for one in signed
                ],
            },
            wait_ms=RUN_WAIT_MS if wait else 0,
        )
        raw = hex_field(content, "raw", RAW_BYTES_MAX)
        self._check_countersigned(entry, raw)
        return self.lane.keep(countersigned(entry, raw))

    @property
    def _own_keys(self) -> set[bytes]:
        return {key.public_key for key in (self.owner.signing_key, *self._cosigners)}

    def _check_countersigned(self, entry: Entry, raw: bytes) -> None:
        """That what came back is what was signed, with a signature beside ours. Whether it is of
        the key that the territory's node has today, the ledger says, which refuses any other."""
        network_id = self.network.network_id
        rules = self.network.rules
        try:
            transaction = decode_transaction(raw, network_id, rules)
        except Refused as refusal:
            raise Refused("node_answer_malformed", str(refusal), field="raw") from None
        holds = all(
            signatures.verify(key, message, signature)
            for key, message, signature in signature_items(transaction)
        )
        if (
            not holds
            or transaction.body != entry.body
            or not {signer.key for signer in transaction.signers} - self._own_keys
        ):
            raise Refused("node_answer_malformed", "it countersigned something else", field="raw")


def _count(content: Mapping[str, object], name: str) -> int:
    value = content.get(name)
    if type(value) is not int or value < 0:
        raise Refused("node_answer_malformed", field=name)
    return value


def _run_status(content: Mapping[str, object]) -> RunStatus:
    height = content.get("height")
    return RunStatus(
        run_id=str(content.get("run_id", "")),
        period=str(content.get("period", "")),
        file_sha256=str(content.get("file_sha256", "")),
        run_name=_word(content, "run_name"),
        lines=_count(content, "lines"),
        local_total_minor=_count(content, "total_local_minor"),
        state=str(content.get("state", "")),
        id=_word(content, "id"),
        height=height if type(height) is int else None,
    )


def _word(content: Mapping[str, object], name: str) -> str | None:
    value = content.get(name)
    return value if isinstance(value, str) and value else None
