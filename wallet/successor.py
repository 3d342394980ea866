"""Hearing of a successor from nodes that are not trusted, and what it takes to judge it."""

import json
from collections.abc import Sequence

from consensus.cometbft.certified import SetChange, read_set_changes
from consensus.epoch_starts import read_epochs
from ledger.genesis import Genesis
from primitives.errors import Refused
from wallet.folder import checked_genesis
from wallet.light.bundles import COMETBFT
from wallet.light.memory import HeaderMemory
from wallet.light.succession import Successor, check_successor, epoch_needed, named_succession
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient, NodeUnreachable
from wallet.set_follower import SETS_PATH

EPOCHS_PATH = "/v1/epochs"


async def successor_told(
    client: NodeClient, network: TrustedNetwork, memory: HeaderMemory
) -> Successor | None:
    """The network that took this one's place, as some node tells and proves it; else None."""
    for url in client.urls:
        try:
            answer = await client.get_from(url, "/v1/network")
            told = answer.content.get("genesis")
            if not isinstance(told, dict) or told.get("succession") is None:
                continue
            genesis = checked_genesis(json.dumps(told, ensure_ascii=False))
            return await judged(client, (url,), network, memory, genesis)
        except (Refused, NodeUnreachable):
            continue
    return None


async def judged(
    client: NodeClient,
    urls: Sequence[str],
    network: TrustedNetwork,
    memory: HeaderMemory,
    genesis: Genesis,
) -> Successor:
    """Judge a successor; the old network's epochs, or changes of the validator set, that are
    lacking are asked of these nodes.

    What is learnt on the way is not kept. Raises what `check_successor` raises.
    """
    succession = named_succession(genesis)
    if succession.predecessor != network.network_id:
        raise Refused("succession_none", "it takes the place of another network")
    if succession.proved is not None:
        return await _judged_by_sets(client, urls, network, memory, genesis)
    needed = epoch_needed(genesis)
    led = network.led_on(())
    refusal = Refused("epoch_unknown", f"epoch {needed}")
    for url in urls:
        try:
            while led.newest_epoch < needed:
                status, raw = await client.get_bytes_from(
                    url, f"{EPOCHS_PATH}?from={led.newest_epoch + 1}"
                )
                starts = read_epochs(raw) if status == 200 else ()
                followed = led.follow(starts[: needed - led.newest_epoch])
                if not followed:
                    break
                led.adopt(followed)
        except NodeUnreachable:
            continue
        except Refused as error:
            refusal = error
            continue
    if led.newest_epoch < needed:
        raise refusal
    return check_successor(led, memory.newest, genesis)


async def _judged_by_sets(
    client: NodeClient,
    urls: Sequence[str],
    network: TrustedNetwork,
    memory: HeaderMemory,
    genesis: Genesis,
) -> Successor:
    """The same of a network that CometBFT ordered. Which change of the set is the last one nobody
    signs, so every node is heard: what one leaves out another may tell, and none makes one up."""
    led = network.led_on(())
    led.check_engine(COMETBFT)
    answered = False
    for url in urls:
        try:
            await _follow_sets(client, url, led, genesis.height)
            answered = True
        except (Refused, NodeUnreachable):
            continue
    try:
        return check_successor(led, memory.newest, genesis)
    except Refused as refusal:
        if refusal.code == "succession_differs" and not answered:
            raise Refused("epoch_unknown", f"the set at height {genesis.height}") from refusal
        raise


async def _follow_sets(client: NodeClient, url: str, led: TrustedNetwork, height: int) -> None:
    """Learn the old network's changes of the set from one node, part by part, each checked before
    the next is asked for. Those of the new network, which stand above, are none of its business.

    One of the old network above `height` is taken too: it shows that more was final there.
    """
    above = led.genesis.height
    while True:
        status, raw = await client.get_bytes_from(url, f"{SETS_PATH}?above={above}")
        changes = read_set_changes(raw) if status == 200 else ()
        own: list[SetChange] = []
        for change in changes:
            if change.header.chain_id != led.sets.chain_id:
                break
            own.append(change)
        if not own or own[-1].header.height <= above:
            return
        led.sets.follow(own)
        above = own[-1].header.height
        if above >= height or len(own) < len(changes):
            return
