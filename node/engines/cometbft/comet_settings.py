"""CometBFT's settings out of a node's: who its peers are, where it listens, its genesis."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from ledger.rules import Parameters
from ledger.terms import genesis_terms
from node.addresses import parse_host_port
from node.engines.cometbft.comet_genesis import CometGenesis, GenesisValidator
from node.engines.cometbft.configuration import CometPeer, CometSettings
from node.engines.cometbft.messages import NANOSECONDS_PER_MS
from node.engines.cometbft.network_terms import (
    chain_id_of,
    consensus_params,
    first_validators,
    node_id_of,
)
from node.observers import Observers
from node.territory_options import TerritoryOptions
from primitives.encoding import encode
from primitives.errors import Refused


class Reachable(Protocol):
    """A member, or an observer by its card."""

    @property
    def voting_key(self) -> bytes:
        """Names the node among CometBFT's peers (decision 0024)."""

    @property
    def prefix(self) -> str:
        """Its short name."""

    @property
    def peer(self) -> str:
        """HOST:PORT."""

    @property
    def http(self) -> str:
        """Where it answers everybody: HOST:PORT, or a URL."""


def node_ids(nodes: Iterable[Reachable]) -> frozenset[str]:
    """Their ids among CometBFT's peers."""
    return frozenset([node_id_of(each.voting_key) for each in nodes])


def comet_genesis(options: TerritoryOptions) -> CometGenesis:
    """The same at every start and on every node. Raises `Refused("engine_keys_missing")`."""
    genesis = options.genesis
    terms = genesis_terms(genesis)
    names = {each.cometbft_key: each.prefix for each in genesis.territories}
    return CometGenesis(
        chain_id_of(genesis.network_id),
        genesis.time_ms * NANOSECONDS_PER_MS,
        consensus_params(terms, genesis.first_epoch),
        [
            GenesisValidator(each.public_key, names[each.public_key])
            for each in first_validators(terms)
        ],
        encode(genesis.value()),
        initial_height=genesis.height + 1,
    )


def comet_settings(
    options: TerritoryOptions,
    own: bytes,
    bind: tuple[str, int],
    members: Sequence[Reachable],
    observers: Observers,
    parameters: Parameters,
) -> CometSettings:
    """All that CometBFT is started with. `own` is the voting key that names this node among its
    peers, `parameters` are those in force. A peer whose address can't be read is left out: it may
    still come to us."""
    admitted, _ = observers.readable()
    peers: dict[bytes, CometPeer] = {}
    for each in (*members, *admitted):
        if each.voting_key == own:
            continue
        try:
            place = (options.peer_addresses or {}).get(each.voting_key)
            host, port = place or parse_host_port(each.peer, "peer")
        except Refused:
            continue
        peers[each.voting_key] = CometPeer(node_id_of(each.voting_key), host, port)
    return CometSettings(
        home=options.cometbft_folder,
        name=node_id_of(own)[:8],
        genesis=comet_genesis(options),
        p2p_host=bind[0],
        p2p_port=bind[1],
        peers=list(peers.values()),
        delta_ms=parameters.delta_ms,
        heartbeat_ms=parameters.heartbeat_ms,
        transaction_bytes_max=parameters.transaction_bytes_max,
    )
