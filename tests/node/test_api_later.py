"""A real node shows a wallet what was voted since the genesis, and the wallet proves it."""

from pathlib import Path

from ledger.changes import AddMember, ChangeParameter
from tests.node.api_town import ApiTown, play
from tests.node.council import enact, territory
from tests.node.town import until
from tests.ports import free_ports
from wallet.following import learn_card, learn_terms, proof_of_card
from wallet.light.memory import HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient
from wallet.reader import Reader


def test_a_wallet_learns_the_card_of_who_was_voted_in(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        (port,) = free_ports(1)
        card = territory(4, port)
        town = served.town
        await enact(town, ChangeParameter("recovery_delay_ms", 5_000), [0], at=0)
        await enact(town, AddMember(card), [0], at=0)
        # A boundary block follows, whose root holds both; the new set has yet to come together.
        await until(lambda: served.node.status().members == 2)
        path = f"/v1/territories/{card.prefix}"
        assert (await served.ask("GET", path)).status == 200
        network = TrustedNetwork(town.genesis)
        async with NodeClient([served.url], network.network_id) as client:
            reader = Reader(client, network, HeaderMemory())
            await learn_card(reader, card.prefix)
            await learn_terms(reader)
            (proof,) = await proof_of_card(reader, card.prefix)
        assert network.territory(card.prefix) == card
        assert network.parameters.recovery_delay_ms == 5_000
        assert proof.card(network) == card

    play(tmp_path, scenario)
