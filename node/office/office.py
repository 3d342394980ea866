"""The office as a whole: opened when the node has started, closed before it stops."""

from pathlib import Path

from ledger.founders import Territory
from ledger.genesis import Genesis
from node.office.consents import Consents
from node.office.follower import Follower
from node.office.node_key import NodeKey
from node.office.operations import Operations
from node.office.payrolls import Payrolls
from node.office.registry_thread import RegistryThread
from node.office.territory_signer import TerritorySigner
from node.territory import TerritoryNode

REGISTRY_FILE = "registry.sqlite"


class Office:
    """What the API asks. `registry` is for what concerns the registry alone."""

    def __init__(
        self,
        node: TerritoryNode,
        genesis: Genesis,
        territory: Territory,
        node_key: NodeKey,
        registry: RegistryThread,
    ) -> None:
        self.territory = territory
        self.registry = registry
        self.follower = Follower(node, genesis.network_id, registry)
        signer = TerritorySigner(node, genesis, territory, node_key)
        lines_max = genesis.parameters.lines_max
        self.operations = Operations(node, signer, registry, self.follower, lines_max)
        self.payrolls = Payrolls(node, genesis, signer, registry, self.follower)
        self.consents = Consents(node, genesis, territory, registry)

    @classmethod
    async def open(
        cls,
        node: TerritoryNode,
        genesis: Genesis,
        territory: Territory,
        node_key: NodeKey,
        folder: Path,
    ) -> "Office":
        """Open the registry in its folder and go on with what was under way. Raises `Refused`."""
        registry = await RegistryThread.open(folder / REGISTRY_FILE, territory.prefix)
        try:
            office = cls(node, genesis, territory, node_key, registry)
            await office.follower.start()
        except BaseException:
            await registry.close()
            raise
        return office

    async def close(self) -> None:
        """Leave everything as it is on disk."""
        await self.follower.stop()
        await self.registry.close()
