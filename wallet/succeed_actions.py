"""`wallet succeed`: a wallet goes over to a network that took its own one's place, once asked."""

import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ledger.genesis import Genesis
from primitives.errors import Refused
from terminal.errors import CommandError
from terminal.languages import text
from terminal.passphrases import read_passphrase
from terminal.results import Result
from wallet import set_store
from wallet.atomic_files import make_private_folder, sync_folder, write_file
from wallet.desk import Desk
from wallet.folder import (
    CHECKPOINT_FILE,
    WalletFolder,
    engine_file,
    read_engine,
    read_genesis,
)
from wallet.header_store import HeaderStore
from wallet.keystore_file import WalletIdentity, bind_wallet_file, read_identity, unlock
from wallet.lane_owner import LaneOwner
from wallet.light.memory import HeaderMemory
from wallet.light.succession import Successor
from wallet.light.trust import TrustedNetwork
from wallet.network_store import FILE_NAME
from wallet.node_client import NodeClient
from wallet.node_urls import node_urls_of
from wallet.outbox import Outbox
from wallet.payment_actions import tell_news
from wallet.setup import wallet_folder
from wallet.successor import judged
from wallet.wording import amount_text, notice, time_text

MEMORIES = ("headers.json", "epochs.bin", set_store.FILE_NAME, FILE_NAME, CHECKPOINT_FILE)
"""What a wallet keeps of one network, beside its genesis."""


async def succeed(
    wallet_file: Path | None,
    genesis_file: Path,
    urls: Sequence[str],
    passphrase_file: Path | None,
    *,
    yes: bool,
) -> Result:
    """Show what the new network is, ask, and go over to it.

    Raises `Refused`: what `check_successor` raises, `trust_expired` where nobody was asked and this
    wallet was away too long; `CommandError`: `confirmation_missing`, `interrupted`.
    """
    folder = wallet_folder(wallet_file)
    identity = read_identity(folder.file)
    genesis = read_genesis(genesis_file)
    if genesis.network_id == identity.network_id:
        return _done(genesis, "", [])
    old = _trusted(folder, identity)
    memory = HeaderMemory()
    HeaderStore(folder.headers_file, old).load(memory)
    asked = tuple(urls) or node_urls_of(TrustedNetwork(genesis), identity.prefix)
    async with NodeClient(asked, old.network_id) as client:
        successor = await judged(client, asked, old, memory, genesis)
    is_stale = _is_stale(old, memory)
    if is_stale and yes:
        raise Refused("trust_expired", "whether it is the right one must be asked by voice")
    pending = len(Outbox(folder.outbox_folder).pending())
    notice("\n".join(_lines(successor, identity, memory, pending, is_stale=is_stale)))
    _ask(yes=yes)
    passphrase = read_passphrase(passphrase_file, what=folder.file.name)
    _, signing_key = unlock(folder.file, passphrase)
    engine = read_engine(genesis_file)
    _go_over(folder, identity, genesis, engine, passphrase)
    owner = LaneOwner(identity.prefix, identity.account_id, signing_key)
    network = TrustedNetwork(genesis, engine)
    balance, outcomes = await _look(folder, network, owner, asked)
    return _done(genesis, balance, outcomes)


def _trusted(folder: WalletFolder, identity: WalletIdentity) -> TrustedNetwork:
    """The network that the wallet is of; kept aside where this was interrupted before."""
    file = folder.genesis_file
    genesis = read_genesis(file)
    if genesis.network_id != identity.network_id:
        file = folder.kept(identity.network_id) / file.name
        genesis = read_genesis(file)
    if genesis.network_id != identity.network_id:
        raise Refused("wallet_of_other_network", file=str(folder.genesis_file))
    return TrustedNetwork(genesis, read_engine(file))


def _is_stale(network: TrustedNetwork, memory: HeaderMemory) -> bool:
    """Whether recovery keys of the set that is known may be anybody's by now."""
    newest_ms = 0 if memory.newest is None else memory.newest.time_ms
    known_ms = max(network.trusted_ms, newest_ms)
    return time.time_ns() // 1_000_000 - known_ms > network.trust_ms_max


def _lines(
    successor: Successor,
    identity: WalletIdentity,
    memory: HeaderMemory,
    pending: int,
    *,
    is_stale: bool,
) -> list[str]:
    """What changes, for who is to agree."""
    genesis, last = successor.genesis, successor.last
    members = 0 if genesis.succession is None else len(genesis.succession.members)
    by = f"{', '.join(successor.endorsed_by)} ({len(successor.endorsed_by)}/{members})"
    when = time_text(last.time_ms)
    return [
        text(
            "Un autre réseau prend la place du vôtre.", "Another network takes the place of yours."
        ),
        text(
            f"Nouveau réseau : {genesis.network_id.hex()}",
            f"New network: {genesis.network_id.hex()}",
        ),
        text(
            f"Ancien réseau : {identity.network_id.hex()}",
            f"Old network: {identity.network_id.hex()}",
        ),
        text(f"Approuvé par : {by}", f"Endorsed by: {by}"),
        text(
            f"Repart du bloc {last.height}, {when} : les soldes sont ceux d'alors.",
            f"Goes on from block {last.height}, {when}: balances are those of then.",
        ),
        _seen(memory),
        *_losses(successor, identity, pending, is_stale=is_stale),
        text(
            "Comparez l'identifiant du nouveau réseau avec votre mairie, de vive voix.",
            "Compare the new network's id with your town hall, by voice.",
        ),
    ]


def _losses(
    successor: Successor, identity: WalletIdentity, pending: int, *, is_stale: bool
) -> list[str]:
    """What is gone, and what to beware of."""
    lines: list[str] = []
    if successor.gone:
        gone = ", ".join(successor.gone)
        lines.append(text(f"Ne sont plus membres : {gone}", f"No members any more: {gone}"))
    if identity.prefix in successor.genesis.former:
        lines.append(
            text(
                "Votre territoire n'est plus membre ; votre compte et votre argent restent.",
                "Your territory is no member any more; your account and your money stay.",
            )
        )
    if pending:
        lines.append(
            text(
                f"{pending} opération(s) au sort inconnu : ce qui n'était pas définitif alors ne "
                "le sera jamais.",
                f"{pending} operation(s) of unknown outcome: what was not final then never will "
                "be.",
            )
        )
    if is_stale:
        lines.append(
            text(
                "ATTENTION : ce portefeuille n'a rien su du réseau depuis très longtemps.",
                "BEWARE: this wallet has not heard of the network for very long.",
            )
        )
    return lines


def _seen(memory: HeaderMemory) -> str:
    newest = memory.newest
    if newest is None:
        return text("Ce portefeuille n'avait vu aucun bloc.", "This wallet had seen no block.")
    when = time_text(newest.time_ms)
    return text(
        f"Ce portefeuille a vu jusqu'au bloc {newest.height}, {when} : rien de cela n'est perdu.",
        f"This wallet saw up to block {newest.height}, {when}: nothing of that is lost.",
    )


def _ask(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("confirmation_missing", field="--yes")
    question = text("Suivre ce réseau ? [o/N] ", "Follow this network? [y/N] ")
    print(question, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("o", "oui", "y", "yes"):
        raise CommandError("interrupted")


def _go_over(
    folder: WalletFolder,
    identity: WalletIdentity,
    genesis: Genesis,
    engine: str | None,
    passphrase: str,
) -> None:
    """What was trusted is kept aside; then the genesis, and last the wallet's own file, are the
    new network's. Interrupted before, the same command begins again."""
    kept = folder.kept(identity.network_id)
    make_private_folder(kept)
    memories = [folder.folder / name for name in MEMORIES]
    for file in (folder.genesis_file, engine_file(folder.genesis_file), *memories):
        if file.exists() and not (kept / file.name).exists():
            write_file(kept / file.name, file.read_bytes())
    write_file(folder.genesis_file, genesis.to_json().encode())
    folder.write_engine(engine)
    bind_wallet_file(folder.file, passphrase, genesis.network_id)
    for file in memories:
        file.unlink(missing_ok=True)
    sync_folder(folder.folder)


async def _look(
    folder: WalletFolder, network: TrustedNetwork, owner: LaneOwner, urls: Sequence[str]
) -> tuple[str, list[str]]:
    """The balance, and what became of what was under way; nothing where no node answers yet."""
    with contextlib.suppress(Refused):
        async with Desk(network, owner, urls, folder=folder.folder) as desk:
            news = [str(entry.state) for entry in await tell_news(desk)]
            account = await desk.account()
            return amount_text(network, account.currency, account.balance_minor), news
    return "", []


def _done(genesis: Genesis, balance: str, outcomes: list[str]) -> Result:
    told = text("Ce portefeuille suit le nouveau réseau.", "This wallet follows the new network.")
    if balance:
        told += text(f"\nSolde : {balance}", f"\nBalance: {balance}")
    succession = genesis.succession
    return Result(
        {
            "network_id": genesis.network_id.hex(),
            "predecessor": None if succession is None else succession.predecessor.hex(),
            "height": genesis.height,
            "endorsed_by": list(genesis.endorsed_by()),
            "outcomes": outcomes,
        },
        told,
    )
