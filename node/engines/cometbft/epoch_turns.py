"""The turn from one epoch to the next under CometBFT: at once, when the boundary is on disk.

CometBFT was told of it in FinalizeBlock of the boundary: the rule version and the parameters hold
from the next height on, the validators from the one after. Ours: the rules, for the next height.
"""

import structlog

from node.chain import Chain
from node.epoch_book import EpochBook
from node.epochs import rule_version_unknown
from node.executor import Executor
from node.intake import Intake
from node.pool_care import PoolCare
from node.rule_watch import RuleWatch
from primitives.errors import Refused


class EpochTurns:
    """See the module's docstring."""

    def __init__(
        self,
        network_id: bytes,
        chain: Chain,
        epochs: EpochBook,
        executor: Executor,
        intake: Intake,
        pool_care: PoolCare,
    ) -> None:
        self._network_id = network_id
        self._chain = chain
        self._epochs = epochs
        self._executor = executor
        self._intake = intake
        self._pool_care = pool_care
        self._rules = RuleWatch(chain, executor)
        self._log = structlog.get_logger("epochs")

    @property
    def unknown_version(self) -> int | None:
        """See `RuleWatch`."""
        return self._rules.unknown_version

    def after_commit(self) -> Refused | None:
        """A block is on disk: begin the next epoch if it ended one. What the node must stop for:
        rules that this program does not know."""
        self._rules.look()
        newest, current = self._chain.newest, self._epochs.current
        if (
            newest is None
            or newest.header.next_set_hash is None
            or newest.header.epoch != current.number
        ):
            return None
        epoch = self._epochs.advance()
        self._log.info(
            "epoch", number=epoch.number, members=len(epoch.members.members), height=epoch.height
        )
        if not epoch.is_known:
            return rule_version_unknown(epoch.terms.rule_version)
        before, rules = self._executor.state.rules, epoch.rules
        self._executor.begin_epoch(epoch)
        if rules != before:
            self._intake.set_rules(rules)
            self._pool_care.after_new_rules(self._network_id, rules)
        return None
