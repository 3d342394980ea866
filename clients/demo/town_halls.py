"""Four town halls make a network: each its own keys, one collects the cards.

Everything here is done by the commands that a real town hall types.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from clients.demo.folder import DemoFolder
from clients.demo.places import Place
from clients.demo.processes import ask, call
from clients.demo.supervisor import NodeProcess
from ledger.genesis import Genesis, founding_accounts
from ledger.objects import Account
from primitives.encoding import Value
from primitives.errors import InvariantBroken
from primitives.keystore import unseal
from primitives.signatures import SEED_BYTES, SigningKey
from wallet.folder import read_genesis
from wallet.light.bundles import SIMPLEX


def check_engine(engine: str) -> None:
    """Nodes can run under it on this machine. Raises `CommandError` with what is missing."""
    ask(("node", "engine", engine))


async def make_network(
    folder: DemoFolder, nodes: Sequence[NodeProcess], seed: int, engine: str = SIMPLEX
) -> Genesis:
    """Have each node make its keys and its card; make the genesis out of the cards."""
    # All come to their end before anything is raised: an interruption leaves no process behind.
    ends = await asyncio.gather(
        *(_init(folder, node, seed) for node in nodes), return_exceptions=True
    )
    for end in ends:
        if end is not None:
            raise end
    cards = [str(folder.card(node.place)) for node in nodes]
    out = ("--out", str(folder.genesis_file))
    await call(
        ("network", "create", "--demo", "--engine", engine, *out, *cards),
        folder.logs / "network.log",
    )
    return read_genesis(folder.genesis_file)


async def _init(folder: DemoFolder, node: NodeProcess, seed: int) -> None:
    place = node.place
    options = {
        "--data": folder.node_data(place),
        "--name": place.name,
        "--prefix": place.prefix,
        "--currency": place.currency,
        "--peer": node.peer,
        "--http": f"127.0.0.1:{node.http_port}",
        "--card": folder.card(place),
        "--recovery-out": folder.recovery_file(place),
        "--passphrase-file": folder.passphrase_file(place),
        "--demo-seed": f"{seed}/{place.prefix}",
    }
    words = [word for name, value in options.items() for word in (name, str(value))]
    await call(("node", "init", *words), folder.log(place))


def town_hall_keys(folder: DemoFolder, place: Place) -> list[SigningKey]:
    """Every signing key that a town hall and its issuer hold, unsealed with their passphrase."""
    files = sorted(folder.town_hall(place).glob("*.json"))
    passphrase = folder.passphrase_file(place).read_text().strip()
    return [
        SigningKey.from_seed(seed) for file in files for seed in _seeds(_unsealed(file, passphrase))
    ]


def _unsealed(file: Path, passphrase: str) -> Value:
    return unseal(file.read_bytes(), passphrase)


def _seeds(payload: Value) -> list[bytes]:
    """What in a keystore may be a seed. Something else of that size makes a key of no account."""
    if isinstance(payload, bytes):
        return [payload] if len(payload) == SEED_BYTES else []
    if isinstance(payload, tuple):
        return [seed for part in payload for seed in _seeds(part)]
    return []


def official_accounts(genesis: Genesis) -> list[Account]:
    """The accounts that exist from the start: the territories', the issuers', the commons."""
    return founding_accounts(genesis)


def key_of(account: Account, keys: Sequence[SigningKey]) -> SigningKey:
    """The first key at hand that stands on the account."""
    for key in keys:
        if account.device(key.public_key) is not None:
            return key
    raise InvariantBroken(f"no key at hand for the account of kind {account.kind}")
