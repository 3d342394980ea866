"""Payrolls: checked, drafted, and countersigned if they say exactly the draft.

An employer's keys sign the run's body. The node adds its signature once every line holds again, on
that day: a consent may have been withdrawn since. The bytes are in the registry before they leave.
"""

from collections.abc import Sequence

from ledger.envelope import Cosignature, Transaction, assemble, signature_items
from ledger.fields import WAGES_PAY, CreditLine, WagesPay
from ledger.founders import Territory
from ledger.genesis import Genesis
from ledger.shapes import SIGNATURE_BYTES
from ledger.transaction import decode_transaction
from node.clock import now_ms
from node.office.follower import Follower
from node.office.registry_thread import RegistryThread
from node.office.territory_signer import TerritorySigner
from node.registry.records import Act, Payroll, PayrollRun
from node.registry.refusals import LinesRefused
from node.registry.register import Registry
from node.territory import TerritoryNode
from primitives import signatures
from primitives.errors import Refused
from primitives.hashing import hash_bytes


class Payrolls:
    """See the module's docstring."""

    def __init__(
        self,
        node: TerritoryNode,
        genesis: Genesis,
        signer: TerritorySigner,
        registry: RegistryThread,
        follower: Follower,
    ) -> None:
        self._node = node
        self._network_id = genesis.network_id
        self._rules = genesis.rules
        self._signer = signer
        self._registry = registry
        self._follower = follower

    @property
    def _territory(self) -> Territory:
        return self._signer.territory

    def _decimals(self, employer: bytes) -> int:
        account = self._node.account(employer)
        code = None if account is None else account.currency
        for currency in self._territory.currencies:
            if currency.code == code:
                return currency.decimals
        raise Refused("currency_mismatch", "the employer's account holds another currency")

    async def check(self, act: Act, payroll: Payroll) -> None:
        """Raises `LinesRefused` with every line that would be refused now."""
        cap_bps = self._territory.wage_cap_bps
        refusals = await self._registry.call(lambda r: r.payrolls.check(act, payroll, cap_bps))
        if refusals:
            raise LinesRefused(refusals)

    async def draft(self, act: Act, payroll: Payroll) -> PayrollRun:
        """What the employer's keys are to sign; the same again for the same payroll."""
        cap_bps, decimals = self._territory.wage_cap_bps, self._decimals(payroll.employer)
        return await self._registry.call(
            lambda r: r.payrolls.draft(act, payroll, cap_bps, decimals)
        )

    async def submit(
        self,
        act: Act,
        employer: bytes,
        run_id: bytes,
        body: bytes,
        signed: Sequence[Cosignature],
        wait_ms: int,
    ) -> PayrollRun:
        """Countersign a draft that the employer signed, and hand it in.

        Raises `LinesRefused`, `Refused`. The same call again gives the same bytes.
        """
        run = await self._registry.call(lambda r: r.payrolls.get(employer, run_id))
        transaction, raw = self._countersigned(body, signed)
        _check_is_draft(transaction, run)
        is_known = run.raw is not None and run.state in ("signed", "final")
        # By its body: what was countersigned before the node got another key stays as it is.
        if not is_known or self._body_of(run.raw) != body:
            run = await self._sign(act, run, transaction, raw)
        if run.state == "signed" and run.transaction_id is not None:
            await self._follower.hand_in(run.transaction_id, wait_ms)
            run = await self._registry.call(lambda r: r.payrolls.get(employer, run_id))
        return run

    def _body_of(self, raw: bytes | None) -> bytes | None:
        return None if raw is None else decode_transaction(raw, self._network_id, self._rules).body

    def _countersigned(
        self, body: bytes, signed: Sequence[Cosignature]
    ) -> tuple[Transaction, bytes]:
        """The transaction with the employer's and the node's signatures, each one verified.

        Raises `Refused`: what is wrong with the body, `signature_invalid`.
        """
        by_key = {one.key: one.signature for one in signed}
        if len(by_key) != len(signed) or self._signer.key().public_key in by_key:
            raise Refused("signature_invalid", "a key stands twice, or is not the employer's")
        # The body names the device whose signature comes first.
        unsigned = assemble(body, bytes(SIGNATURE_BYTES))
        device = decode_transaction(unsigned, self._network_id, self._rules).device
        first = by_key.pop(device, None)
        if first is None:
            raise Refused("signatures_insufficient", "the lane's own device did not sign")
        others = [Cosignature(key, signature) for key, signature in by_key.items()]
        raw = assemble(body, first, [*others, self._signer.countersign(body)])
        transaction = decode_transaction(raw, self._network_id, self._rules)
        if not all(signatures.verify(*item) for item in signature_items(transaction)):
            raise Refused("signature_invalid", "a signature does not fit the body")
        return transaction, raw

    async def _sign(
        self, act: Act, run: PayrollRun, transaction: Transaction, raw: bytes
    ) -> PayrollRun:
        """Keep the countersigned bytes, if every line holds today and the ledger takes them."""
        latest_ms = now_ms() + self._rules.parameters.valid_for_ms_max
        if transaction.valid_until_ms > latest_ms:
            # Until it expires nobody could submit this payroll again, mended.
            raise Refused("validity_too_long", "a payroll is valid for a day at most")
        cap_bps = self._territory.wage_cap_bps
        transaction_id = hash_bytes("tx", raw)

        def sign(registry: Registry) -> PayrollRun:
            # In one turn of the registry: another draft may have taken this one's place since.
            _check_is_draft(transaction, registry.payrolls.get(run.employer, run.run_id))
            return registry.payrolls.sign(
                act,
                run.employer,
                run.run_id,
                raw,
                transaction_id,
                transaction.valid_until_ms,
                cap_bps,
            )

        try:
            self._node.check(raw)
        except Refused:
            # The same call may have come twice at once, and the first one is through already.
            known = await self._registry.call(lambda r: r.payrolls.get(run.employer, run.run_id))
            if known.raw != raw or known.state not in ("signed", "final"):
                raise
            return known
        kept = await self._registry.call(sign)
        if kept.state == "signed":
            self._follower.follow_run(kept)
        return kept

    async def runs(self, employer: bytes) -> list[PayrollRun]:
        """An employer's runs."""
        return await self._registry.call(lambda r: r.payrolls.runs_of(employer))


def _check_is_draft(transaction: Transaction, run: PayrollRun) -> None:
    """The body says the draft, all of it and nothing else. Raises `Refused("payroll_differs")`."""
    lines = tuple(
        [CreditLine(line.account, line.amount_minor, line.commitment) for line in run.lines]
    )
    wanted = WagesPay(run.run_id, run.gross_total_minor, lines, run.total_local_minor)
    if (
        transaction.kind != WAGES_PAY
        or transaction.account != run.employer
        or transaction.fields != wanted
    ):
        raise Refused("payroll_differs", "the body is not the draft's")
