"""What a network voted since its genesis, proved: the terms, and the cards of who joined later.

The terms are one object of the state: where every member is reached, the parameters, the rule
version. A later territory's card stands in the proposal by which it joined, which keeps its place
in the state for ever once it is enacted (`ledger.network_objects`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.changes import AddMember
from ledger.founders import Territory
from ledger.network_objects import (
    ENACTED,
    NETWORK_TREE_KEY,
    NetworkRecord,
    NetworkTerms,
    ProposalRecord,
)
from primitives.addresses import is_prefix
from primitives.errors import Refused
from wallet.light.balances import verify_presence
from wallet.light.bundles import HeaderBundle, bundle_from_json, hex_field
from wallet.light.decoding import decoded
from wallet.light.trust import FinalHeader, TrustedNetwork

PROPOSAL_BYTES_MAX = 64 * 1024
PROOF_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class CardProof:
    """A later territory's card with its proof, for whoever has the genesis alone."""

    prefix: str
    proposal: bytes
    proof: bytes
    bundle: HeaderBundle

    def to_json(self) -> dict[str, object]:
        """The form in a receipt."""
        return {
            "prefix": self.prefix,
            "proposal": self.proposal.hex(),
            "proof": self.proof.hex(),
            "header": self.bundle.to_json(),
        }

    def card(self, network: TrustedNetwork) -> Territory:
        """The card. Raises as `verify_card` and `TrustedNetwork.verify_final`."""
        final = network.verify_final(self.bundle)
        return verify_card(self.prefix, final, self.proposal, self.proof)


def card_proof_from_json(content: Mapping[str, object]) -> CardProof:
    """Read one. Raises `Refused("node_answer_malformed")`."""
    prefix, header = content.get("prefix"), content.get("header")
    if not isinstance(prefix, str) or not is_prefix(prefix) or not isinstance(header, dict):
        raise Refused("node_answer_malformed", field="territories")
    return CardProof(
        prefix,
        hex_field(content, "proposal", PROPOSAL_BYTES_MAX),
        hex_field(content, "proof", PROOF_BYTES_MAX),
        bundle_from_json(header),
    )


def verify_terms(final: FinalHeader, raw: bytes | None, proof: bytes) -> NetworkTerms:
    """The terms voted last, as of a final header. Raises `Refused("proof_invalid")`."""
    if raw is None:
        raise Refused("proof_invalid", "no terms")
    record = decoded(NetworkRecord.decode, raw)
    verify_presence(final, NETWORK_TREE_KEY, raw, proof)
    return record.terms


def verify_card(prefix: str, final: FinalHeader, raw: bytes | None, proof: bytes) -> Territory:
    """The card of the territory with this short name, from the proposal that was enacted.

    A proposal that is open or fell proves nothing about its territory. Raises
    `Refused("proof_invalid")`.
    """
    if raw is None:
        raise Refused("proof_invalid", "no proposal")
    record = decoded(ProposalRecord.decode, raw)
    change = record.change
    if record.decided != ENACTED or not isinstance(change, AddMember):
        raise Refused("proof_invalid", "it was not enacted that a territory joins")
    if change.territory.prefix != prefix:
        raise Refused("proof_invalid", "another territory")
    verify_presence(final, record.tree_key, raw, proof)
    return change.territory
