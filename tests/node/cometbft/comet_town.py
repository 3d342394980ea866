"""A test town whose nodes run under real `cometbft` processes on this machine."""

from pathlib import Path

from ledger.rules import Parameters
from node.engines.cometbft.network_terms import chain_id_of
from node.engines.cometbft.signed_last import SignedLastFile
from node.genesis_file import COMETBFT
from tests.node.town import Town, key_of

PATIENCE_SECONDS = 240.0


class CometTown(Town):
    """See `Town`."""

    def __init__(
        self, folder: Path, count: int = 4, *, parameters: Parameters | None = None
    ) -> None:
        super().__init__(folder, count, parameters=parameters, engine=COMETBFT)
        for index in range(count):
            self.create_signed_last(index)

    def create_signed_last(self, index: int) -> None:
        """What the first start makes."""
        path = self.options(index).signed_last_file
        key = key_of(f"town{index} cometbft").public_key
        SignedLastFile.create(path, chain_id_of(self.network_id), key)
