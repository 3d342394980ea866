"""The turn from one epoch to the next, once the boundary is on disk and the replica has ended.

In this order: the epoch that the store holds is taken up, the ledger gets its rules, everything
that knows members or figures gets its own, then the engine gets a replica of the new epoch, and
what came too early for it is heard.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ledger.network_objects import NetworkRecord
from ledger.terms import NetworkMember
from node.bodies import Bodies
from node.bounds import frame_bytes_max
from node.catching_up import CatchingUp
from node.chain import Chain
from node.engines.simplex import SimplexEngine
from node.epoch_book import EpochBook
from node.epochs import rule_version_unknown
from node.executor import Executor
from node.fairness import Fairness
from node.intake import Intake
from node.own_identity import OwnIdentity
from node.peer_circle import PeerCircle
from node.peers.network import PeerNetwork
from node.pool_care import PoolCare
from node.restoration import Restoration
from node.rule_watch import RuleWatch
from node.traffic import Traffic
from primitives.errors import Refused


@dataclass(frozen=True, slots=True)
class EpochParts:
    """What changes with an epoch."""

    network_id: bytes
    chain: Chain
    epochs: EpochBook
    executor: Executor
    intake: Intake
    bodies: Bodies
    pool_care: PoolCare
    fairness: Fairness
    traffic: Traffic
    catching_up: CatchingUp
    network: PeerNetwork
    circle: PeerCircle
    identity: OwnIdentity
    restoration: Restoration
    engine: SimplexEngine


def members_of(epochs: EpochBook, executor: Executor) -> tuple[NetworkMember, ...]:
    """Members of the epoch in force and of the terms voted since, newest terms last."""
    return (*epochs.current.terms.members, *executor.state.network().terms.members)


class EpochKeeper:
    """See the module's docstring. `on_fatal` is told why the node can't go on: the new epoch has
    rules that this program does not know."""

    def __init__(self, parts: EpochParts, on_fatal: Callable[[Refused], None]) -> None:
        self._parts = parts
        self._on_fatal = on_fatal
        self._voted: NetworkRecord = parts.executor.state.network()
        self._rules = RuleWatch(parts.chain, parts.executor)
        self._log = structlog.get_logger("epochs")

    def after_commit(self) -> None:
        """Blocks are on disk: perhaps other terms were voted, perhaps an epoch ended."""
        voted = self._parts.executor.state.network()
        if voted is not self._voted:
            changed, self._voted = voted != self._voted, voted
            if changed:
                self._parts.circle.refresh()
        self._rules.look()
        self.turn()

    @property
    def unknown_version(self) -> int | None:
        """See `RuleWatch`."""
        return self._rules.unknown_version

    def turn(self) -> None:
        """Begin the next epoch if it is time."""
        parts = self._parts
        newest, current = parts.chain.newest, parts.epochs.current
        if (
            newest is None
            or newest.header.next_set_hash is None
            or newest.header.epoch != current.number
            or not parts.engine.replica.ended
        ):
            return
        epoch = parts.epochs.advance()
        self._log.info(
            "epoch", number=epoch.number, members=len(epoch.members.members), height=epoch.height
        )
        if not epoch.is_known:
            self._on_fatal(rule_version_unknown(epoch.terms.rule_version))
            return
        before, rules = parts.executor.state.rules, epoch.rules
        parts.executor.begin_epoch(epoch)
        figures = rules.parameters
        parts.fairness.begin_epoch(epoch.members, figures.delta_ms, figures.block_work_max)
        parts.catching_up.begin_epoch(epoch)
        if rules != before:
            parts.bodies.set_rules(rules)
            parts.intake.set_rules(rules)
            parts.pool_care.after_new_rules(parts.network_id, rules)
            parts.network.allow_frames(frame_bytes_max(rules))
        parts.identity.take(epoch)
        parts.circle.refresh()
        parts.engine.begin_epoch()
        parts.traffic.begin_epoch(epoch)
        parts.restoration.begin()
