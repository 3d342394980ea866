"""Consents: an employee lets an employer pay them a share of their wage in local money, or not.

The statement is signed by a key of the employee's account, and carries that signature: who brings
it to the town hall does not matter. The newest statement of a pair counts.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.consent_statements import consent_message
from primitives import addresses
from primitives.errors import Refused
from wallet.home_node import HomeNode
from wallet.lane_owner import LaneOwner
from wallet.node_client import NodeClient

CONSENTS_PATH = "/v1/consents"


@dataclass(frozen=True)
class ConsentStatement:
    """A signed statement, ready to be sent."""

    account: str
    employer: str
    given: bool
    time_ms: int
    key: bytes
    signature: bytes

    def to_json(self) -> dict[str, object]:
        """The request's content."""
        return {
            "account": self.account,
            "employer": self.employer,
            "given": self.given,
            "time_ms": self.time_ms,
            "key": self.key.hex(),
            "signature": self.signature.hex(),
        }


@dataclass(frozen=True)
class Consent:
    """What is on record for one employer."""

    employer: str
    given: bool
    time_ms: int


def sign_consent(
    network_id: bytes, owner: LaneOwner, employer: str, *, given: bool, time_ms: int
) -> ConsentStatement:
    """State that the owner consents, or no longer does. Raises `Refused("address_malformed")`."""
    employer_id = addresses.parse_address(employer.strip()).account_id
    message = consent_message(network_id, owner.account_id, employer_id, given, time_ms)
    key = owner.signing_key
    return ConsentStatement(
        owner.address,
        employer.strip().lower(),
        given,
        time_ms,
        key.public_key,
        key.sign(message),
    )


async def send_consent(client: NodeClient, statement: ConsentStatement) -> None:
    """Bring a statement to the town hall. Raises `Refused`: `consent_stale`, …."""
    await HomeNode(client, None).post(CONSENTS_PATH, statement.to_json())


async def state_consent(
    client: NodeClient, network_id: bytes, owner: LaneOwner, employer: str, *, given: bool
) -> ConsentStatement:
    """Sign a statement dated now and bring it to the town hall."""
    statement = sign_consent(
        network_id, owner, employer, given=given, time_ms=time.time_ns() // 1_000_000
    )
    await send_consent(client, statement)
    return statement


async def read_consents(client: NodeClient, owner: LaneOwner) -> list[Consent]:
    """What the town hall has on record, newest statement of each employer."""
    content = await HomeNode(client, owner.signing_key).get(f"{CONSENTS_PATH}/{owner.address}")
    listed = content.get("consents")
    if not isinstance(listed, list):
        raise Refused("node_answer_malformed", field="consents")
    return [_consent(one) for one in listed if isinstance(one, dict)]


def _consent(content: Mapping[str, object]) -> Consent:
    employer, given, time_ms = content.get("employer"), content.get("given"), content.get("time_ms")
    if not isinstance(employer, str) or type(given) is not bool or type(time_ms) is not int:
        raise Refused("node_answer_malformed", field="consents")
    return Consent(employer, given, time_ms)
