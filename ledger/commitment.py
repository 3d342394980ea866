"""The tree and the receipt log, following a branch of candidates.

A state is named by the candidate after which it stands. Asking for a root moves tree and log to
that candidate: blocks of another branch are undone, the missing ones applied, each as one version.
So the hashing for a header may be done early, while votes travel, or late, or on another branch.

What a start needs: `IndexedTree.load` with the committed objects' slots, `ReceiptLog.load`, and a
`State` whose receipts are read through `LogReceipts`.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.objects import tree_key
from ledger.proofs import AbsenceProof, ReceiptProof, StateProof
from ledger.state import Candidate, State
from primitives.errors import InvariantBroken, Refused
from primitives.indexed_tree import VERSIONS_KEPT, IndexedTree
from primitives.receipt_log import ReceiptLog
from primitives.state_root import state_root
from primitives.tree_proofs import Presence, value_hashes_of


class LogReceipts:
    """The committed receipts of a log, as `State` reads them (`ReceiptSource`)."""

    def __init__(self, log: ReceiptLog) -> None:
        self._log = log

    def receipt_leaf(self, number: int) -> bytes | None:
        """The leaf. Rules ask for the open chunk and the one before: these are always held, and a
        node that lacked one would judge a refund otherwise than the others, so it stops."""
        if not 0 <= number < self._log.count:
            return None
        try:
            return self._log.leaf(number, number + 1)
        except Refused as refusal:
            raise InvariantBroken(refusal.detail) from refusal

    def chunk_root(self, index: int) -> bytes | None:
        """Root of a full chunk."""
        roots = self._log.chunk_roots()
        return roots[index] if 0 <= index < len(roots) else None


class ProvedObject(NamedTuple):
    """An object's stored form (None: it is absent) and the proof, in its wire form."""

    raw: bytes | None
    proof: bytes


class Commitment:
    """Tree and log stand after the state's tip when this is made; `state` calls back before it
    takes a candidate over, since a committed layer's changes are gone."""

    def __init__(self, state: State, tree: IndexedTree, log: ReceiptLog) -> None:
        if log.count != state.receipt_count:
            raise InvariantBroken("the receipt log is not the committed one")
        self.state = state
        self.tree = tree
        self.log = log
        self._branch = [state.tip]
        """Candidates whose versions the tree holds, oldest first; it stands after the last."""
        self._first_version = tree.version
        self._roots: dict[Candidate, bytes] = {}
        state.before_commit = self.hold

    def root_after(self, candidate: Candidate) -> bytes:
        """The state root after `candidate`, for the header of its child."""
        known = self._roots.get(candidate)
        if known is None:
            self.hold(candidate)
            version = self._version_of(candidate)
            log_root = self.log.root(candidate.receipt_count)
            known = state_root(self.tree.count(version), self.tree.root(version), log_root)
            self._roots[candidate] = known
        return known

    def hold(self, candidate: Candidate) -> None:
        """Make sure that tree and log have passed `candidate`. What was hashed above it stays:
        committing a block does not hash its child again."""
        if candidate not in self._branch:
            self.move_to(candidate)

    def move_to(self, candidate: Candidate) -> None:
        """Bring tree and log to the state after `candidate`."""
        if self._branch[-1] is candidate:
            return
        missing: list[Candidate] = []
        node = candidate
        places = {one: place for place, one in enumerate(self._branch)}
        while node not in places:
            if node.committed:
                raise InvariantBroken("this state is no longer held")
            missing.append(node)
            node = node.parent
        self._leave(places[node])
        for layer in reversed(missing):
            changes = layer.changes
            self.tree.apply([*zip(changes, value_hashes_of(changes.values()), strict=True)])
            self.log.append(layer.ids)
            self._branch.append(layer)
        self._forget()

    def _leave(self, place: int) -> None:
        """Undo what stands above the branch's candidate at `place`."""
        while len(self._branch) - 1 > place:
            left = self._branch.pop()
            if left.committed:
                raise InvariantBroken("a committed state would be left")
            self.tree.undo()
            self.log.truncate(left.first_number)
            self._roots.pop(left, None)

    def _forget(self) -> None:
        """Drop what the tree no longer keeps."""
        surplus = len(self._branch) - 1 - VERSIONS_KEPT
        if surplus > 0:
            for gone in self._branch[:surplus]:
                self._roots.pop(gone, None)
            del self._branch[:surplus]
            self._first_version += surplus

    def _version_of(self, at: Candidate) -> int:
        for place in range(len(self._branch) - 1, -1, -1):
            if self._branch[place] is at:
                return self._first_version + place
        raise Refused("version_not_kept", "this state can't be proved any more")

    def prove_object(self, kind: str, identity: bytes | str | int, at: Candidate) -> ProvedObject:
        """An object, or its absence, in the state after `at`: one of `state.recent`, or any living
        candidate that the tree has passed. Refuses `version_not_kept`."""
        version = self._version_of(at)
        raw = self.state.object_at(kind, identity, at)
        proof = self.tree.prove(tree_key(kind, identity), version)
        log_root = self.log.root(at.receipt_count)
        if isinstance(proof, Presence) != (raw is not None):
            raise InvariantBroken("tree and objects disagree")
        if isinstance(proof, Presence):
            return ProvedObject(raw, StateProof(proof, log_root).encode())
        return ProvedObject(None, AbsenceProof(proof, log_root).encode())

    def prove_receipt(
        self,
        number: int,
        at: Candidate,
        chunk_leaves: tuple[bytes, ...] | None = None,
        chunk_path: tuple[bytes, ...] | None = None,
    ) -> bytes:
        """That the receipt `number` stands in the log of the state after `at`, in the wire form.

        `chunk_leaves`: all leaves of its chunk, or `chunk_path`, the way to its root: needed where
        that is full and not held any more.
        Refuses `version_not_kept`, `receipt_unknown`.
        """
        version = self._version_of(at)
        path = self.log.prove(number, at.receipt_count, chunk_leaves, chunk_path)
        root, count = self.tree.root(version), self.tree.count(version)
        return ReceiptProof(number, path, count, root).encode()
