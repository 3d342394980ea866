"""Desks over stand-in nodes, for tests of paying."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ledger.objects import ACCOUNT, Account, tree_key
from tests.wallet.chain import Chain
from tests.wallet.people import PEOPLE, Person
from tests.wallet.standin import StandInNode
from wallet.desk import Desk
from wallet.lane_owner import LaneOwner
from wallet.light.trust import TrustedNetwork
from wallet.payments import PayIntent

ALICE, BAKER = PEOPLE[0], PEOPLE[1]
OPENING_MINOR = 100_000


def intent_to_pay(amount_minor: int = 250, note: str = "") -> PayIntent:
    """Alice's wish to pay the baker."""
    return PayIntent(BAKER.account_id, "ARD", amount_minor, BAKER.address, note)


@asynccontextmanager
async def open_desk(
    chain: Chain, folder: Path, *nodes: StandInNode, person: Person = ALICE
) -> AsyncIterator[Desk]:
    """A desk as one process has it; its locks go when it ends."""
    owner = LaneOwner(person.prefix, person.account_id, person.key)
    network = TrustedNetwork(chain.genesis)
    async with Desk(network, owner, [node.url for node in nodes], folder=folder / "d") as desk:
        yield desk
    die(desk)


def die(desk: Desk) -> None:
    """What the system does for a process that ends."""
    for entry in desk.outbox.pending():
        desk.outbox.let_go(entry)


def balance_of(chain: Chain, person: Person) -> int:
    """What someone holds on the chain."""
    return Account.decode(chain.objects[tree_key(ACCOUNT, person.account_id)]).balance_minor


def paid_minor(chain: Chain) -> int:
    """What Alice has paid so far."""
    return OPENING_MINOR - balance_of(chain, ALICE)
