"""Rules that were voted or are proposed, and that this program does not know: said early, since
once they are voted the epoch may end within the second, which is too late for an update."""

import structlog

from ledger.changes import ChangeRules
from ledger.network_objects import BallotRecord
from ledger.rules import is_rule_version
from node.chain import Chain
from node.executor import Executor


class RuleWatch:
    """Looks at the ballot and at the terms voted last whenever blocks are on disk."""

    def __init__(self, chain: Chain, executor: Executor) -> None:
        self._chain = chain
        self._executor = executor
        self._ballot: BallotRecord | None = None
        self._asked: tuple[tuple[int, int], ...] = ()
        """(rule version, until when) of the open proposals to change the rules."""
        self._told: int | None = None
        self._log = structlog.get_logger("epochs")
        self.look()

    @property
    def unknown_version(self) -> int | None:
        """The newest such version; None if there is none."""
        newest = self._chain.newest
        time_ms = 0 if newest is None else newest.header.time_ms
        asked = [version for version, until_ms in self._asked if time_ms <= until_ms]
        voted = self._executor.state.network().terms.rule_version
        version = max(voted, *asked, 0)
        return None if is_rule_version(version) else version

    def look(self) -> None:
        """Blocks are on disk; perhaps something was voted or proposed."""
        state = self._executor.state
        ballot = state.ballot()
        if ballot != self._ballot:
            self._ballot = ballot
            proposals = [(state.proposal(line.id), line.until_ms) for line in ballot.open]
            self._asked = tuple(
                [
                    (proposal.change.version, until_ms)
                    for proposal, until_ms in proposals
                    if proposal is not None and isinstance(proposal.change, ChangeRules)
                ]
            )
        version = self.unknown_version
        if version != self._told and version is not None:
            self._log.critical("rule_version_unknown", version=version)
        self._told = version
