"""Acts of the territory: programmes opened, funded, closed, and bulletins credited.

The node makes the body and keeps it with what it is for; the staff sign; once enough have, the node
looks at everything again, signs, keeps the bytes, and only then hands them in. The same question
asked again gives the operation that waits already, never a second one.
"""

from collections.abc import Callable, Sequence

from ledger.bulletins import bulletin_credit_fields
from ledger.envelope import COSIGNERS_MAX, Cosignature
from ledger.fields import BULLETIN_CREDIT, PROGRAMME_CLOSE, PROGRAMME_FUND, PROGRAMME_OPEN
from ledger.programmes import (
    programme_close_fields,
    programme_fund_fields,
    programme_open_fields,
)
from node.clock import now_ms
from node.office.follower import Follower
from node.office.registry_thread import RegistryThread
from node.office.territory_signer import Lane, TerritorySigner, device_of
from node.registry.records import Act, BulletinBatch, NewOperation, Operation, Programme
from node.registry.register import Registry
from node.territory import TerritoryNode
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.hashing import hash_bytes

PROGRAMMES_MAX = 100_000
UNDER_WAY = ("waiting", "signed")
NO_LONGER_POSSIBLE = ("validity_expired", "number_used", "number_out_of_window", "key_unknown")
"""What the ledger says of a body that can never be accepted any more."""


class Operations:
    """See the module's docstring."""

    def __init__(
        self,
        node: TerritoryNode,
        signer: TerritorySigner,
        registry: RegistryThread,
        follower: Follower,
        lines_max: int,
    ) -> None:
        self._node = node
        self._signer = signer
        self._registry = registry
        self._follower = follower
        self._lines_max = lines_max

    # -- made -----------------------------------------------------------------------------------

    async def open_programme(self, act: Act, code: str) -> Operation:
        """A programme's account, with its budget from the commons."""
        currency = self._signer.territory.currencies[0].code

        def fields(registry: Registry) -> tuple[int, tuple[Value, ...]]:
            parts = registry.programmes.opening(act, code, currency)
            return parts.budget_minor, programme_open_fields(
                parts.seed, parts.blind, parts.currency, parts.budget_minor, parts.commitment
            )

        return await self._make(act, PROGRAMME_OPEN, code, fields, None)

    async def fund_programme(self, act: Act, code: str, amount_minor: int) -> Operation:
        """More money for a programme, from the commons."""

        def fields(registry: Registry) -> tuple[int, tuple[Value, ...]]:
            programme = _open(registry, code)
            return amount_minor, programme_fund_fields(programme.account, amount_minor)

        return await self._make(act, PROGRAMME_FUND, code, fields, amount_minor)

    async def close_programme(self, act: Act, code: str) -> Operation:
        """What is left of a budget goes back to the commons."""
        programme = await self._registry.call(lambda r: _open(r, code))
        account = self._node.account(programme.account)
        if account is None:
            raise Refused("account_unknown", "the programme is not open on the ledger yet")
        left_minor = account.balance_minor

        def fields(registry: Registry) -> tuple[int, tuple[Value, ...]]:
            return left_minor, programme_close_fields(programme.account, left_minor)

        return await self._make(act, PROGRAMME_CLOSE, code, fields, None)

    async def _make(
        self,
        act: Act,
        kind: str,
        code: str,
        fields: Callable[[Registry], tuple[int, tuple[Value, ...]]],
        same_amount_minor: int | None,
    ) -> Operation:
        """A new operation, or the one that waits for the same."""
        lane = self._signer.lane()

        def work(registry: Registry) -> Operation:
            with registry.transaction():
                for one in _under_way(registry):
                    if (one.kind, one.programme) == (kind, code) and (
                        same_amount_minor is None
                        or (one.state == "waiting" and one.amount_minor == same_amount_minor)
                    ):
                        return one
                amount_minor, values = fields(registry)
                return self._add(registry, act, kind, amount_minor, code, None, values, lane)

        return await self._registry.call(work)

    def _add(
        self,
        registry: Registry,
        act: Act,
        kind: str,
        amount_minor: int,
        code: str,
        batch_id: int | None,
        values: Sequence[Value],
        lane: Lane,
    ) -> Operation:
        numbers = registry.operations.numbers_in_use(lambda body: device_of(body) == lane.device)
        made = self._signer.make_body(kind, values, lane, numbers)
        new = NewOperation(
            kind, amount_minor, code, batch_id, made.number, made.body, made.valid_until_ms
        )
        return registry.operations.add(act, new, lane.device)

    # -- bulletins ------------------------------------------------------------------------------

    async def left_minor(self) -> dict[str, int]:
        """Each open programme's balance on the ledger; the registry knows what is under way."""
        programmes = await self._registry.call(lambda r: r.programmes.listed(PROGRAMMES_MAX))
        left: dict[str, int] = {}
        for programme in programmes:
            account = self._node.account(programme.account)
            if programme.state == "open" and account is not None:
                left[programme.programme] = account.balance_minor
        return left

    async def issue(
        self, act: Act, period: str, programmes: Sequence[str] | None, *, skip_unconfirmed: bool
    ) -> list[Operation]:
        """One operation for each batch of a period's bulletins; all are prepared, or none.

        Raises `BulletinsRefused`; `Refused("registry_behind_ledger")` where the ledger credited
        what the registry does not know of. With nothing new to credit, those that still wait.
        """
        left_minor = await self.left_minor()
        lane = self._signer.lane()
        lines_max = self._lines_max

        def work(registry: Registry) -> list[Operation]:
            with registry.transaction():
                batches = registry.bulletins.prepare(
                    act,
                    period,
                    left_minor,
                    programmes=programmes,
                    skip_unconfirmed=skip_unconfirmed,
                    lines_max=lines_max,
                )
                if not batches:
                    return _waiting_of(registry, period, programmes)
                return [self._add_batch(registry, act, batch, lane) for batch in batches]

        operations = await self._registry.call(work)
        await self._refuse_if_behind(act, period, operations)
        return operations

    async def _refuse_if_behind(
        self, act: Act, period: str, operations: Sequence[Operation]
    ) -> None:
        """Let all of them go if the ledger credited a batch that the registry does not know.

        So it is with a registry restored from a backup of before: it no longer knows which hours
        that batch was for, and would make them out again in the next.
        """

        def batches_of(registry: Registry) -> list[tuple[bytes, bytes]]:
            codes = {one.programme for one in operations}
            return [
                (registry.programmes.get(code).account, run_id)
                for code in codes
                if code is not None
                for run_id in registry.bulletins.runs_unknown(code, period)
            ]

        batches = await self._registry.call(batches_of)
        if all(self._node.run(account, run_id) is None for account, run_id in batches):
            return

        def release(registry: Registry) -> None:
            with registry.transaction():
                for one in operations:
                    if registry.operations.get(one.id).state == "waiting":
                        registry.operations.release(act, one.id)

        await self._registry.call(release)
        raise Refused("registry_behind_ledger", "bulletins of this period were credited before")

    def _add_batch(
        self, registry: Registry, act: Act, batch: BulletinBatch, lane: Lane
    ) -> Operation:
        programme = registry.programmes.get(batch.programme)
        lines = [(line.account, line.amount_minor, line.commitment) for line in batch.lines]
        values = bulletin_credit_fields(programme.account, batch.run_id, lines)
        return self._add(
            registry,
            act,
            BULLETIN_CREDIT,
            batch.amount_minor,
            batch.programme,
            batch.id,
            values,
            lane,
        )

    # -- signed ---------------------------------------------------------------------------------

    async def sign_by_staff(
        self, act: Act, identity: bytes, key: bytes, signature: bytes, wait_ms: int
    ) -> Operation:
        """Take a signature of one of the staff; with enough of them the node signs and hands in."""
        operation = await self._registry.call(lambda r: r.operations.get(identity))
        if operation.state == "waiting":
            if not self._signer.is_staff(key):
                raise Refused("key_unknown", "the key is not of this territory's staff")
            self._signer.check_signature(operation.body, key, signature)
            operation = await self._registry.call(
                lambda r: r.operations.sign_by_staff(act, identity, key, signature)
            )
            operation = await self._complete(act, operation)
        if operation.state == "signed" and operation.transaction_id is not None:
            await self._follower.hand_in(operation.transaction_id, wait_ms)
            operation = await self._registry.call(lambda r: r.operations.get(identity))
        return operation

    async def _complete(self, act: Act, operation: Operation) -> Operation:
        """Sign if enough of the staff did and everything still holds; else as it is."""
        staff = [
            Cosignature(one.key, one.signature)
            for one in operation.signatures
            if self._signer.is_staff(one.key)
        ]
        if len(staff) < self._signer.staff_needed(operation.amount_minor):
            return operation
        raw = self._signer.sign(operation.body, staff[:COSIGNERS_MAX])
        try:
            # On the ledger as it is now: what it would refuse is never kept as signed.
            self._node.check(raw)
        except Refused as refusal:
            code = refusal.code
            known = await self._registry.call(
                lambda r: _release_waiting(r, act, operation.id, code)
            )
            if known.state in ("signed", "final"):
                # Two of the staff signed at once: the other's request was first, all the way.
                return known
            raise
        transaction_id = hash_bytes("tx", raw)
        try:
            signed = await self._registry.call(
                lambda r: r.operations.sign(act, operation.id, raw, transaction_id)
            )
        except Refused as refusal:
            if refusal.code != "operation_settled":
                raise
            return await self._registry.call(lambda r: r.operations.get(operation.id))
        self._follower.follow_operation(signed)
        return signed

    # -- read -----------------------------------------------------------------------------------

    async def get(self, identity: bytes) -> Operation:
        """One operation. Raises `Refused("operation_unknown")`."""
        return await self._registry.call(lambda r: r.operations.get(identity))

    async def listed(self, state: str) -> list[Operation]:
        """Those in a state."""
        return await self._registry.call(lambda r: r.operations.in_state(state))

    def staff_needed(self, operation: Operation) -> int:
        """How many of the staff must sign it."""
        return self._signer.staff_needed(operation.amount_minor)


def _open(registry: Registry, code: str) -> Programme:
    programme = registry.programmes.get(code)
    if programme.state != "open":
        raise Refused("programme_not_open", code, field="programme")
    return programme


def _release_waiting(registry: Registry, act: Act, identity: bytes, code: str) -> Operation:
    """The operation, let go if it can never be accepted and this node never signed it."""
    with registry.transaction():
        known = registry.operations.get(identity)
        if known.state == "waiting" and code in NO_LONGER_POSSIBLE:
            return registry.operations.release(act, identity)
        return known


def _under_way(registry: Registry) -> list[Operation]:
    return [one for state in UNDER_WAY for one in registry.operations.in_state(state)]


def _waiting_of(
    registry: Registry, period: str, programmes: Sequence[str] | None
) -> list[Operation]:
    now = now_ms()
    return [
        one
        for one in registry.operations.in_state("waiting")
        if one.batch_id is not None
        and one.valid_until_ms >= now
        and registry.bulletins.batch(one.batch_id).period == period
        and (programmes is None or one.programme in programmes)
    ]
