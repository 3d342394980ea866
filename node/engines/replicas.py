"""What the engine works with, and the replica that it drives in each epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.config import Final, ReplicaConfig, Timing
from consensus.replica import Replica
from ledger.rules import Parameters
from node.block_shelf import BlockShelf
from node.bodies import Bodies
from node.chain import Chain
from node.clock import now_ms
from node.committer import Committer
from node.epoch_book import EpochBook
from node.epochs import Epoch
from node.executor import Executor
from node.journal import Journal
from node.mempool import Mempool
from node.peers.network import PeerNetwork
from node.verifier import Verifier
from node.vote_checks import verify_vote
from primitives.errors import InvariantBroken
from primitives.signatures import SigningKey


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What the engine works with."""

    network_id: bytes
    epochs: EpochBook
    chain: Chain
    executor: Executor
    shelf: BlockShelf
    bodies: Bodies
    journal: Journal
    mempool: Mempool
    verifier: Verifier
    committer: Committer
    network: PeerNetwork


def new_replica(
    parts: EngineParts,
    voting_key: SigningKey,
    observe_only: bool,
    observe_until_epoch: int,
    handed_on: Sequence[bytes],
) -> Replica:
    """The replica of the epoch that is current on disk. `handed_on` is what the one before it left
    in the journal since the node started."""
    epoch = parts.epochs.current
    config = ReplicaConfig(
        network_id=parts.network_id,
        members=epoch.members,
        own_key=voting_key.public_key,
        signer=voting_key,
        verify=verify_vote,
        body_matches=parts.bodies.matches,
        floor=_floor(parts.chain, epoch),
        timing=_timing(epoch.terms.parameters),
        epoch=epoch.number,
        rule_version=epoch.terms.rule_version,
        ends_ms=epoch.ends_ms,
        observe_only=observe_only,
        observe_until_epoch=observe_until_epoch,
    )
    return Replica(config, (*parts.journal.records, *handed_on), now_ms())


def _floor(chain: Chain, epoch: Epoch) -> Final:
    newest = chain.newest
    if newest is None or newest.header.next_set_hash is not None:
        return epoch.floor()
    if newest.certificate is None:
        raise InvariantBroken("the newest committed block has no certificate")
    return Final.of(newest.header, newest.certificate)


def _timing(parameters: Parameters) -> Timing:
    return Timing(
        delta_ms=parameters.delta_ms,
        delta_max_ms=parameters.delta_max_ms,
        retry_ms=parameters.retry_ms,
        silent_ms=parameters.silent_ms,
        heartbeat_ms=parameters.heartbeat_ms,
        clock_drift_ms_max=parameters.clock_drift_ms_max,
        view_window=parameters.view_window,
        candidates_max=parameters.candidates_max,
    )
