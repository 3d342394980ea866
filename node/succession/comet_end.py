"""The end of a network that CometBFT ordered, as one data folder holds it: the last header with its
commit, from CometBFT's own files. Nothing runs but `cometbft inspect`, which answers from them.

A block that CometBFT wrote is final. Where its files go higher than our chain, a process was cut
off between the two: the next start of the node executes that block. Until then nobody may go on
from a lower one here.
"""

import asyncio
from dataclasses import dataclass

from consensus.cometbft.certified import CertifiedHeader
from consensus.cometbft.headers import Header
from consensus.cometbft.rpc_json import signed_header_from_json
from ledger.genesis import Genesis
from node.chain import Chain
from node.data_folder import COMETBFT_FOLDER, DataFolder
from node.engines.cometbft.program import check_program, find_program
from node.engines.cometbft.rpc import CometRpc, RpcRefused, RpcUnavailable
from node.engines.cometbft.set_changes import SetChanges
from node.engines.cometbft.signed_headers import SignedHeaders
from node.engines.cometbft.stopped import StoppedComet, newest_height
from node.epoch_book import EpochBook
from node.store import Store
from primitives.errors import InvariantBroken, Refused


@dataclass(frozen=True, slots=True)
class CometEnd:
    """`height` is that of the newest block in CometBFT's files; `certified` the header of our own
    chain's newest block with the commit for it, None where the files give none that holds; `other`
    CometBFT's header at the height that was asked about, None where it has none there."""

    height: int
    certified: CertifiedHeader | None
    other: Header | None


def read_end(
    folder: DataFolder, store: Store, chain: Chain, old: Genesis, height: int = 0
) -> CometEnd | None:
    """What the files say, of `height` too; None where the folder holds none. What proves a change
    of the set and is lacking in the store, since a process was cut off, is put there: it goes over
    to the successor.

    Raises `Refused`: `cometbft_missing`, `cometbft_version_differs`, `cometbft_data_unreadable`,
    `store_corrupt` where the files are of another chain than ours.
    """
    home = folder.root / COMETBFT_FOLDER
    if not (home / "data" / "blockstore.db").is_dir():
        return None
    program = find_program()
    check_program(program)

    async def ask() -> CometEnd:
        async with StoppedComet(program, home) as rpc:
            newest = await newest_height(rpc)
            certified = await _certified(rpc, store, chain, old)
            return CometEnd(newest, certified, await _header_at(rpc, height))

    try:
        return asyncio.run(ask())
    except InvariantBroken as broken:
        raise Refused("store_corrupt", broken.reason, file=str(home)) from broken
    except RpcUnavailable as error:
        raise Refused("cometbft_data_unreadable", "it broke off", file=str(home)) from error


def drafted_end(folder: DataFolder, store: Store, chain: Chain, old: Genesis) -> CertifiedHeader:
    """The header that a draft goes on from, of this folder's newest block.

    Raises `Refused`: `succession_block_waiting` where CometBFT's files hold a block more,
    `succession_commit_missing` where they don't prove the last one; as `read_end`.
    """
    end = read_end(folder, store, chain, old)
    home = str(folder.root / COMETBFT_FOLDER)
    if end is not None and end.height > chain.height:
        raise Refused("succession_block_waiting", f"height {end.height}", file=home)
    if end is None or end.certified is None:
        raise Refused("succession_commit_missing", f"height {chain.height}", file=home)
    return end.certified


def check_end_held(
    folder: DataFolder, store: Store, chain: Chain, old: Genesis, last: Header
) -> None:
    """That CometBFT's files here hold no final block above `last`, nor another one at its height.

    Raises `Refused`: `succession_behind`, `succession_conflict`; as `read_end`.
    """
    end = read_end(folder, store, chain, old, last.height)
    if end is None:
        return
    if end.height > last.height:
        raise Refused("succession_behind", f"height {end.height} is final here, not {last.height}")
    if end.other is not None and end.other.hash != last.hash:
        raise Refused("succession_conflict", f"height {last.height}")


async def _certified(
    rpc: CometRpc, store: Store, chain: Chain, old: Genesis
) -> CertifiedHeader | None:
    if chain.newest is None or chain.meta.network_id != old.network_id:
        return None
    sets = SetChanges(store, EpochBook(chain, old))
    headers = SignedHeaders(lambda: rpc, chain, sets)
    await headers.keep_set_changes()
    try:
        return await headers.at(chain.height)
    except Refused:
        return None


async def _header_at(rpc: CometRpc, height: int) -> Header | None:
    if not height:
        return None
    try:
        content = await rpc.commit(height)
        told = content.get("signed_header") if isinstance(content, dict) else None
        return signed_header_from_json(told).header
    except (RpcRefused, Refused):
        return None
