"""Proof that a member signed what no honest member signs together, for anybody to check.

Two different votes of one kind in one view, or FINALIZE and NULLIFY of one view. The file holds
the two signed votes, and after the first epoch the certificates that lead from the genesis to the
set that voted there, as receipts do (`consensus.epoch_starts`): whoever has the genesis knows whose
key it is, and needs to trust nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from consensus.epoch_starts import EPOCHS_BYTES_MAX
from consensus.votes import FINALIZE, NOTARIZE, NULLIFY, Verifier, Vote
from primitives.encoding import Value
from primitives.errors import Refused

FILE_KIND = "double_vote"
FILE_VERSION = 1
LED_VERSION = 2
"""Of a file that leads to its epoch, so that older programs say what they lack."""
FILE_BYTES_MAX = 4_096
"""Of a file without epochs."""
LED_FILE_BYTES_MAX = FILE_BYTES_MAX + 2 * EPOCHS_BYTES_MAX

KIND_NAMES = {NOTARIZE: "NOTARIZE", NULLIFY: "NULLIFY", FINALIZE: "FINALIZE"}
_KINDS_BY_NAME = {name: kind for kind, name in KIND_NAMES.items()}


@dataclass(frozen=True, slots=True)
class DoubleVote:
    """Two votes of one member in one network. `epochs`: what leads to theirs, as `write_epochs`
    gives it and not yet read; empty where the file does not lead there."""

    network_id: bytes
    first: Vote
    second: Vote
    epochs: bytes = b""

    @property
    def signer(self) -> bytes:
        """Whose votes they are."""
        return self.first.signer

    @property
    def view(self) -> int:
        """In which view."""
        return self.first.view

    def to_json(self) -> dict[str, object]:
        """The file's content."""
        content: dict[str, object] = {
            "kind": FILE_KIND,
            "version": LED_VERSION if self.epochs else FILE_VERSION,
            "network_id": self.network_id.hex(),
            "signer": self.signer.hex(),
            "epoch": self.first.epoch,
            "view": self.view,
            "votes": [
                {
                    "kind": KIND_NAMES[vote.kind],
                    "digest": vote.digest.hex(),
                    "signature": vote.signature.hex(),
                }
                for vote in (self.first, self.second)
            ],
        }
        if self.epochs:
            content["epochs"] = self.epochs.hex()
        return content

    @staticmethod
    def from_json(content: Mapping[str, object]) -> DoubleVote:
        """Read such a file's content. Refuses `evidence_malformed`, `version_unknown`."""
        if content.get("kind") != FILE_KIND:
            raise Refused("evidence_malformed", "not a double vote", field="kind")
        version = content.get("version")
        if type(version) is not int or version not in (FILE_VERSION, LED_VERSION):  # true equals 1
            raise Refused("version_unknown", field="version")
        votes = content.get("votes")
        if not isinstance(votes, list) or len(votes) != 2:
            raise Refused("evidence_malformed", "there are two votes", field="votes")
        network_id = _bytes_of(content, "network_id")
        first, second = (_vote_of(content, vote) for vote in votes)
        epochs = b""
        if version == LED_VERSION:
            epochs = _bytes_of(content, "epochs", 2 * EPOCHS_BYTES_MAX)
            if not epochs:
                raise Refused("evidence_malformed", "it leads nowhere", field="epochs")
        return DoubleVote(network_id, first, second, epochs)

    def check(self, network_id: bytes, voting_keys: Collection[bytes], verify: Verifier) -> None:
        """Refuse (`evidence_invalid`) what proves nothing against a member of this network."""
        first, second = self.first, self.second
        if self.network_id != network_id:
            raise Refused("evidence_invalid", "it is of another network", field="network_id")
        if self.signer not in voting_keys:
            raise Refused("evidence_invalid", "the signer is no member", field="signer")
        same_place = (first.epoch, first.view, first.signer) == (
            second.epoch,
            second.view,
            second.signer,
        )
        same_kind = first.kind == second.kind and first.digest != second.digest
        if not same_place or not (same_kind or {first.kind, second.kind} == {NULLIFY, FINALIZE}):
            raise Refused("evidence_invalid", "an honest member may sign both", field="votes")
        if not all(vote.is_signed(network_id, verify) for vote in (first, second)):
            raise Refused("evidence_invalid", "a signature does not verify", field="votes")


def _vote_of(content: Mapping[str, object], vote: object) -> Vote:
    if not isinstance(vote, Mapping):
        raise Refused("evidence_malformed", "a vote has fields", field="votes")
    epoch, view, kind = content.get("epoch"), content.get("view"), vote.get("kind")
    if type(epoch) is not int or type(view) is not int or kind not in _KINDS_BY_NAME:
        raise Refused("evidence_malformed", "epoch, view or kind", field="votes")
    value: Value = (
        "vote",
        1,
        epoch,
        view,
        _KINDS_BY_NAME[str(kind)],
        _bytes_of(vote, "digest"),
        _bytes_of(content, "signer"),
        _bytes_of(vote, "signature"),
    )
    try:
        return Vote.from_value(value)
    except Refused as refusal:
        raise Refused("evidence_malformed", refusal.detail, field="votes") from None


def _bytes_of(content: Mapping[str, object], field: str, digits_max: int = 128) -> bytes:
    word = content.get(field)
    try:
        if isinstance(word, str) and len(word) <= digits_max:
            return bytes.fromhex(word)
    except ValueError:
        pass
    raise Refused("evidence_malformed", "not hexadecimal", field=field)
