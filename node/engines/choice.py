"""Which engine a node runs under: the one that its genesis's neighbour file names."""

from node.engines.port import EngineNode, Told
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
