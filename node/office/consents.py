"""Consents: whom an employee lets pay part of the wage in local money.

A statement carries its own signature, so anyone may bring it. What is not signed by a key of an
open account here is answered as if the account were not there.
"""

from ledger.account_kinds import EMPLOYER
from ledger.consent_statements import consent_message
from ledger.founders import Territory
from ledger.genesis import Genesis
from ledger.rules import CREATED_AHEAD_MS_MAX, MS_PER_DAY
from node.clock import now_ms
from node.office.registry_thread import RegistryThread
from node.registry.records import Act, ConsentStatement
from node.territory import TerritoryNode
from primitives.addresses import Address
from primitives.errors import Refused
from primitives.signatures import verify

STATEMENT_AGE_MS_MAX = MS_PER_DAY
"""An older one might be somebody's who kept it, from before it was withdrawn."""


class Consents:
    """See the module's docstring."""

    def __init__(
        self, node: TerritoryNode, genesis: Genesis, territory: Territory, registry: RegistryThread
    ) -> None:
        self._node = node
        self._network_id = genesis.network_id
        self._territory = territory
        self._registry = registry

    def check(
        self,
        account: Address,
        employer: Address,
        given: bool,
        time_ms: int,
        key: bytes,
        signature: bytes,
    ) -> None:
        """Raises `Refused`: `not_found` for what no owner signed, `consent_stale`,
        `account_unknown`."""
        message = consent_message(
            self._network_id, account.account_id, employer.account_id, given, time_ms
        )
        found = self._node.account(account.account_id)
        if (
            found is None
            or found.device(key) is None
            or not found.prefix == account.prefix == self._territory.prefix
            or not verify(key, message, signature)
        ):
            raise Refused("not_found")
        now = now_ms()
        if not now - STATEMENT_AGE_MS_MAX <= time_ms <= now + CREATED_AHEAD_MS_MAX:
            raise Refused("consent_stale", f"this node's clock says {now}", field="time_ms")
        payer = self._node.account(employer.account_id)
        if payer is None or payer.prefix != employer.prefix or payer.kind != EMPLOYER:
            raise Refused("account_unknown", "no employer has this account", field="employer")

    async def record(self, statement: ConsentStatement) -> None:
        """Keep a checked statement. Raises `Refused("consent_stale")`."""
        act = Act(now_ms(), statement.key)
        await self._registry.call(lambda r: r.consents.record(act, statement))

    async def of_account(self, account: bytes) -> list[ConsentStatement]:
        """The newest statement for each employer."""
        return await self._registry.call(lambda r: r.consents.of_account(account))

    def address_prefix(self, account: bytes) -> str:
        """The territory of an account; this one's if the account is gone."""
        found = self._node.account(account)
        return self._territory.prefix if found is None else found.prefix
