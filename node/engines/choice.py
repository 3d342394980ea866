"""Which engine a node runs under: the one that its genesis's neighbour file names."""

from node.engines.port import EngineNode, NewcomerTold, Told, WithoutState
from node.engines.simplex_node import SimplexNode
from node.genesis_file import COMETBFT, SIMPLEX
from node.territory_options import TerritoryOptions
from primitives.errors import Refused


def engine_node(options: TerritoryOptions, told: Told) -> EngineNode:
    """The node's parts, data open and checked. Raises as the engine's own, and
    `Refused("engine_unavailable")`."""
    if options.engine == SIMPLEX:
        return SimplexNode(options, told)
    if options.engine == COMETBFT:
        # Only here: the other engine's nodes need nothing of it.
        from node.engines.cometbft.comet_node import CometNode

        return CometNode(options, told)
    raise Refused("engine_unavailable", options.engine)


async def newcomer_of(
    options: TerritoryOptions, told: NewcomerTold, *, blocks_must_do: bool
) -> WithoutState | None:
    """Who takes a snapshot for this node before it has a state; None where it has one, or is to
    fetch every block. Under the built-in engine a node does so itself. Raises as `engine_node`."""
    if options.engine != COMETBFT:
        return None
    from node.engines.cometbft.newcomer import newcomer_for
    from node.engines.cometbft.snapshot_store import settle

    if blocks_must_do:
        settle(options)
        return None
    return await newcomer_for(options, told)
