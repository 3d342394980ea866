"""Ten years of weekly epochs, ten members, and terms that change every time: what a newcomer needs
of memory, and what a frame holds, stays small."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

from consensus.certificates import Certificate
from consensus.header import Header
from consensus.members import MemberSet
from consensus.votes import FINALIZE, vote_message
from ledger.network_objects import NETWORK_TREE_KEY, NetworkRecord
from ledger.proofs import StateProof
from ledger.terms import NetworkTerms, genesis_terms
from node.chain import Chain
from node.epoch_chain import EPOCHS_AT_ONCE, EPOCHS_BYTES, answer_epochs
from node.epochs import Epoch, EpochRecord, ProvedTerms, voting_set
from node.peers.groups import read_group
from node.state_sync.followed import FollowedEpochs
from node.state_sync.staging import Staging
from primitives.indexed_tree import IndexedTree
from primitives.state_root import state_root
from primitives.tree_proofs import Presence, value_hash_of
from tests.node.town import found, key_of

EPOCHS = 520
MEMBERS = 10
MEMORY_BYTES_MAX = 6 << 20
LOG_ROOT = bytes(32)


def proved(terms: NetworkTerms, changes: int) -> tuple[bytes, ProvedTerms]:
    """A state of nothing but these terms: its root, and that they stand under it."""
    raw = NetworkRecord(NETWORK_TREE_KEY, terms, changes).encode()
    tree = IndexedTree()
    tree.load([(1, NETWORK_TREE_KEY, value_hash_of(raw))], 2)
    presence = tree.prove(NETWORK_TREE_KEY, tree.version)
    assert isinstance(presence, Presence)
    root = state_root(tree.count(), tree.root(), LOG_ROOT)
    return root, ProvedTerms(raw, StateProof(presence, LOG_ROOT).encode())


def finalized(header: Header, members: MemberSet) -> Certificate:
    """A quorum's signatures."""
    message = vote_message(header.network_id, header.epoch, header.view, FINALIZE, header.digest)
    signatures = {
        index: key_of(f"{member.prefix} voting").sign(message)
        for index, member in enumerate(members.members[: members.quorum])
    }
    size = len(members.members)
    return Certificate.from_votes(
        header.epoch, header.view, FINALIZE, header.digest, signatures, size
    )


class Told(Chain):
    """A chain of which only the epochs are kept."""

    def __init__(self, records: dict[int, EpochRecord]) -> None:
        self.records = records

    def epoch_record(self, epoch: int) -> EpochRecord | None:
        return self.records.get(epoch)


def test_five_hundred_epochs_need_the_memory_of_a_few(tmp_path: Path) -> None:
    genesis = found(MEMBERS, [1] * MEMBERS)
    records: dict[int, EpochRecord] = {}
    epoch = Epoch.first(genesis)
    for number in range(1, EPOCHS + 1):
        first = genesis_terms(genesis)
        terms = first._replace(parameters=replace(first.parameters, lines_max=1_000 + number))
        root, shown = proved(terms, number)
        boundary = Header(
            network_id=genesis.network_id,
            epoch=number - 1,
            view=7,
            parent_view=6,
            parent_digest=bytes(32),
            height=epoch.height + 10_080,
            time_ms=epoch.time_ms + 604_800_000,
            rule_version=genesis.rule_version,
            transactions_root=bytes(32),
            transactions_count=0,
            state_root=root,
            next_set_hash=voting_set(terms).hash(),
            closing=False,
        )
        certificate = finalized(boundary, epoch.members)
        records[number] = EpochRecord(boundary, (), certificate, terms, shown)
        epoch = Epoch.of(records[number])
    chain = Told(records)
    followed = FollowedEpochs(Staging(tmp_path / "store", "leveldb"), genesis, lambda _: None)
    frames: list[int] = []
    tracemalloc.start()
    try:
        while answer := told(chain, followed, frames):
            assert followed.take(answer, followed.newest.number + 1) > 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert followed.newest == epoch
    largest = max(len(record.encode()) for record in records.values())
    assert max(frames) <= EPOCHS_BYTES + largest + 16 * EPOCHS_AT_ONCE
    assert len(frames) >= EPOCHS // EPOCHS_AT_ONCE
    assert peak < MEMORY_BYTES_MAX
    print(f"{len(frames)} frames, {sum(frames) >> 10} KiB, {peak >> 10} KiB at most in memory")


def told(chain: Chain, followed: FollowedEpochs, frames: list[int]) -> bytes:
    """The next answer; empty once there is none."""
    answer = answer_epochs(chain, followed.newest.number + 1)
    if not read_group(answer, 8):
        return b""
    frames.append(len(answer))
    return answer
