"""Hearing of a successor from nodes that are not trusted, and what it takes to judge it."""

import json
from collections.abc import Sequence

from consensus.epoch_starts import read_epochs
from ledger.genesis import Genesis
from primitives.errors import Refused
from wallet.folder import checked_genesis
from wallet.light.memory import HeaderMemory
from wallet.light.succession import Successor, check_successor, epoch_needed
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient, NodeUnreachable

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
    """Judge a successor; the old network's epochs that are lacking are asked of these nodes.

    What is learnt on the way is not kept. Raises what `check_successor` raises.
    """
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
