"""Keeping up with what a network voted: terms and cards, asked of nodes, taken with their proofs.

A wallet asks for the terms when an epoch began that it has not heard them in, since votes take
effect then (under CometBFT, whose headers name no epoch, once a day), and when a node was not
reached: its territory may have moved it. It asks for the card of a later territory when it meets
the short name, and for those of new members.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from ledger.founders import TERRITORIES_MAX
from ledger.network_objects import NetworkTerms
from primitives.addresses import is_prefix
from primitives.errors import Refused
from wallet.atomic_files import make_private_folder
from wallet.checkpoint import read_checkpoint
from wallet.folder import CHECKPOINT_FILE
from wallet.header_store import HeaderStore
from wallet.light.memory import HeaderConflict, HeaderMemory
from wallet.light.terms import CardProof, verify_card, verify_terms
from wallet.light.trust import FinalHeader, KnownTerms, TrustedNetwork
from wallet.node_client import NodeClient
from wallet.reader import Reader

TERMS_BYTES_MAX = 3 << 20
"""1,024 members with everything as long as it may be."""
CARDS_AT_ONCE = 16
"""So many cards are asked for by the way; the rest the next time, or when they are needed."""
_UNKNOWN = ("not_found", "version_not_kept", "node_answer_malformed")


async def learn_terms(reader: Reader) -> None:
    """The terms voted last. Raises what `Reader.public_object` raises."""
    terms, final = await reader.public_object(
        "/v1/terms", verify_terms, newest=True, bytes_max=TERMS_BYTES_MAX
    )
    reader.network.learn_terms(KnownTerms(terms, final.epoch, final.height))


async def learn_card(reader: Reader, prefix: str) -> None:
    """The card of a later territory. Raises what `Reader.public_object` raises."""
    path = f"/v1/territories/{prefix}"
    card, _ = await reader.public_object(path, partial(verify_card, prefix))
    reader.network.learn_card(card)


async def proof_of_card(reader: Reader, prefix: str) -> tuple[CardProof, ...]:
    """The proof of a territory's card, for a receipt; none where the genesis has the territory.
    Raises what `Reader.public_object` raises."""
    network = reader.network
    if any(one.prefix == prefix for one in network.genesis.known_territories):
        return ()

    def kept(final: FinalHeader, raw: bytes | None, proof: bytes) -> CardProof:
        verify_card(prefix, final, raw, proof)
        bundle = reader.memory.bundle_at(final.height)
        if raw is None or bundle is None:
            raise Refused("proof_invalid", "no proposal")
        return CardProof(prefix, raw, proof, bundle)

    found, _ = await reader.public_object(f"/v1/territories/{prefix}", kept)
    return (found,)


async def keep_up(reader: Reader) -> None:
    """Learn what may have changed; what no node gives today is left for another time.

    Raises `HeaderConflict`.
    """
    if not reader.client.unreached and not reader.network.are_terms_old:
        return
    try:
        await learn_terms(reader)
        await _learn_members(reader, CARDS_AT_ONCE)
    except HeaderConflict:
        raise
    except Refused:
        return


async def _learn_members(reader: Reader, count_max: int) -> None:
    known = reader.network.known_terms
    members = () if known is None else known.terms.members
    new = [one.prefix for one in members if not reader.network.knows(one.prefix)]
    for prefix in new[:count_max]:
        await learn_card(reader, prefix)


async def meet(
    network: TrustedNetwork, urls: Sequence[str], folder: Path | None, *prefixes: str
) -> None:
    """Learn the cards of these territories, where they are not known. One that no node shows stays
    unknown. Raises `Refused`: `node_unreachable` and what is wrong with an answer."""
    unknown = [one for one in prefixes if is_prefix(one) and not network.knows(one)]
    if not unknown or not urls:
        return
    async with _visit(network, urls, folder) as reader:
        for prefix in unknown:
            if not network.knows(prefix):
                try:
                    await learn_card(reader, prefix)
                except Refused as refusal:
                    if refusal.code not in _UNKNOWN:
                        raise


async def terms_now(network: TrustedNetwork, urls: Sequence[str]) -> NetworkTerms:
    """The terms voted last, for who has no folder. Raises `Refused`: `node_unreachable` and what
    is wrong with an answer."""
    async with _visit(network, urls, None) as reader:
        await learn_terms(reader)
    known = network.known_terms
    if known is None:
        raise Refused("node_answer_malformed", field="terms")
    return known.terms


async def meet_all(network: TrustedNetwork, urls: Sequence[str], folder: Path | None) -> None:
    """Learn the terms, and the cards of all members."""
    async with _visit(network, urls, folder) as reader:
        await learn_terms(reader)
        await _learn_members(reader, TERRITORIES_MAX)


def meet_now(network: TrustedNetwork, urls: Sequence[str], prefix: str) -> None:
    """`meet`, for who has no folder yet and asks nodes nothing else."""
    if not network.knows(prefix):
        asyncio.run(meet(network, urls, None, prefix))


@asynccontextmanager
async def _visit(
    network: TrustedNetwork, urls: Sequence[str], folder: Path | None
) -> AsyncIterator[Reader]:
    """A reader that signs nothing; what it learns is kept in `folder`, if there is one."""
    memory = HeaderMemory()
    store = None
    if folder is not None:
        make_private_folder(folder)
        store = HeaderStore(folder / "headers.json", network)
        store.load(memory)
    async with NodeClient(urls, network.network_id) as client:
        reader = Reader(client, network, memory)
        if folder is not None:
            reader.epochs.checkpoint = read_checkpoint(folder / CHECKPOINT_FILE)
        try:
            yield reader
        except HeaderConflict as conflict:
            if store is not None:
                conflict.file = str(store.keep_evidence(conflict))
            raise
    if store is not None and memory.newest is not None:
        store.save(memory)
