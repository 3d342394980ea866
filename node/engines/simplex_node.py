"""A node under the built-in engine, as `node.territory` sees it (`EngineNode`)."""

from collections.abc import Sequence

from consensus.cometbft.certified import SetChange
from consensus.evidence import DoubleVote
from node.answers import CertifiedHeader, FinalBlock, FinalHeader, NodeStatus
from node.committer import CommittedBlock
from node.engines.port import Told
from node.kept_sets import one_answer
from node.key_ring import NodeKeys
from node.machinery import Machinery
from node.territory_options import TerritoryOptions
from primitives.errors import Refused


class SimplexNode(Machinery):
    """See the module's docstring. Raises as `Machinery`."""

    def __init__(self, options: TerritoryOptions, told: Told) -> None:
        self._told = told
        super().__init__(options, self._tell_final, told.on_settled, told.on_fatal, told.on_synced)

    def _tell_final(self, blocks: Sequence[CommittedBlock]) -> None:
        certificate = blocks[-1].finalized.certificate
        headers = tuple([committed.block.header for committed in blocks])
        for index, committed in enumerate(blocks):
            ids = tuple([each.id for each in committed.finalized.transactions])
            if certificate is not None:
                header, above = committed.block.header, headers[index + 1 :]
                certified = CertifiedHeader(header.height, header, certificate, above)
                first, touched = committed.first_number, committed.touched
                self._told.on_final(FinalBlock(header.height, certified, ids, first, touched))
            self._told.on_settled(ids)

    async def certified(self, height: int | None) -> FinalHeader | None:
        """See `EngineNode`."""
        return self.reads.certified(height)

    def set_changes(self, above: int) -> list[SetChange]:
        """See `EngineNode`: epochs are followed here. What a predecessor under CometBFT left is for
        its wallets, which follow it to its end."""
        if self.genesis.succession is None:
            raise Refused("not_found")
        return one_answer(self.store, above)

    def epoch_proofs(self, first: int) -> bytes:
        """See `EngineNode`: epochs have certificates here."""
        raise Refused("not_found")

    def snapshot_heights(self) -> list[int]:
        """See `EngineNode`: peers ask each other."""
        raise Refused("not_found")

    def is_ready(self) -> bool:
        """A quorum is connected (without a vote: one member), and this node is not behind what
        enough of them said."""
        needed = self.members.quorum - 1 if self.own_key in self.members.index else 1
        return len(self.network.members_connected) >= needed and self.is_current()

    def status(self) -> NodeStatus:
        """See `EngineNode`."""
        newest, epoch = self.chain.newest, self.epochs.current
        return NodeStatus(
            network_id=self.genesis.network_id,
            engine=self.options.engine,
            epoch=epoch.number,
            height=self.chain.height,
            view=self.engine.replica.view,
            state_root=b"" if newest is None else newest.header.state_root,
            header_time_ms=0 if newest is None else newest.header.time_ms,
            peers=self.circle.statuses(),
            mempool_transactions=len(self.mempool),
            mempool_bytes=self.mempool.bytes_held,
            ready=self.is_ready(),
            observing=self.engine.replica.observing,
            observing_reason=self.observing_reason,
            catching_up=self.is_catching_up,
            members=len(epoch.members.members),
            epoch_ends_ms=epoch.ends_ms,
            rule_version=epoch.terms.rule_version,
            rule_version_unknown=self.keeper.unknown_version,
            first_height=self.chain.meta.first_height,
            keep_days=self.pruner.keep_days,
            missing_height=self.syncing.missing_height,
        )

    def renew_keys(self, current: NodeKeys, pending: NodeKeys | None) -> None:
        """See `EngineNode`."""
        if self.identity.keys.put(current, pending):
            self.identity.show()
        self.circle.refresh()

    def double_votes(self) -> list[DoubleVote]:
        """See `EngineNode`."""
        return self.evidence.all()

    def counters(self) -> dict[str, float]:
        """See `EngineNode`."""
        sent, received = self.network.bytes_counted()
        return {
            "transactions_accepted": self.intake.accepted,
            "transactions_refused": self.intake.refused,
            "transactions_pending": self.intake.waiting,
            "transactions_final": self.chain.meta.receipts,
            "transactions_dropped": self.traffic.transactions_dropped,
            "transactions_fetched": self.traffic.proposals.asked_for,
            "signatures_verified": self.verifier.verified,
            "signatures_refused": self.verifier.refused,
            "peer_bytes_sent": sent,
            "peer_bytes_received": received,
            "peers_dropped": self.network.dropped,
            "peers_connected": len(self.network.connected),
            "journal_bytes_written": self.journal.bytes_written,
            "journal_syncs": self.journal.syncs,
            "store_commits": self.committer.writes,
            "blocks_caught_up": self.catching_up.run.blocks_taken,
            "evidence": self.engine.evidence_seen,
            "mempool_bytes_held": self.mempool.bytes_held,
            **{f"left_out_by_{name}": n for name, n in self.fairness.left_out.items()},
        }
