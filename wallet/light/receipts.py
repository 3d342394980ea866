"""Receipts: a payment, and everything needed to believe it without asking anyone.

A receipt holds the signed bytes, the block's header with what makes it final, and the proof that
the transaction stands in that block; after the first epoch also the certificates that lead there
from the genesis, under CometBFT the changes of the validator set. Once a later header exists it may
hold its place in the receipt log as well, which stays provable when the block is long pruned: then
it is all that a receipt made so late holds.

What a receipt says is read from the signed bytes alone; nothing in the file repeats it, so nothing
can contradict it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from consensus.cometbft.certified import (
    SET_CHANGES_BYTES_MAX,
    SET_CHANGES_FOLLOWED_MAX,
    SetChange,
    read_set_changes,
    write_set_changes,
)
from consensus.cometbft.inclusion import TransactionProof
from consensus.epoch_starts import EPOCHS_BYTES_MAX, EPOCHS_FOLLOWED_MAX, EpochStart, read_epochs
from consensus.header import Header
from ledger.envelope import Transaction, signature_items
from ledger.proofs import InclusionProof, ReceiptProof
from ledger.rules import CREATED_AHEAD_MS_MAX, is_rule_version
from ledger.transaction import decode_transaction
from primitives import signatures
from primitives.encoding import encode
from primitives.errors import Refused
from primitives.versions import check_version
from wallet.light.bundles import COMETBFT, HeaderBundle, bundle_from_json, hex_field
from wallet.light.commitments import commitment
from wallet.light.decoding import decoded
from wallet.light.terms import CardProof, card_proof_from_json
from wallet.light.trust import (
    FinalHeader,
    TrustedNetwork,
    decode_header,
    header_of,
    rule_version_unknown,
)
from wallet.light.validator_sets import certified_of
from wallet.transaction_ids import transaction_id as id_of

FILE_KIND = "receipt"
FILE_VERSION = 1
PLACE_ALONE_VERSION = 2
"""Of a receipt without the block, so that older programs say what they lack."""
COMETBFT_VERSION = 3
"""Of a receipt of a network that CometBFT orders, with the block or without it."""
RAW_BYTES_MAX = 512 * 1024
PROOF_BYTES_MAX = 64 * 1024
NOTE_CHARACTERS_MAX = 140
CHUNK_RECEIPTS = 65_536
CARDS_MAX = 4


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A transaction's place in the receipt log, under a later final header."""

    number: int
    proof: bytes
    bundle: HeaderBundle


@dataclass(frozen=True, slots=True)
class Receipt:
    """See the module's docstring. The note and its salt are there if the payer gave them;
    `epochs` lead from the genesis to the epochs of its headers, or `changes` to the validator sets
    at their heights; `cards` are those of territories
    that joined later and whose money it is about. `bundle` and `inclusion` are the block's header
    and the way to it: None and empty where `place` alone is shown."""

    network_id: bytes
    raw: bytes
    bundle: HeaderBundle | None
    inclusion: bytes
    place: LogPlace | None = None
    note: str = ""
    note_salt: bytes = b""
    epochs: tuple[EpochStart, ...] = ()
    cards: tuple[CardProof, ...] = ()
    changes: tuple[SetChange, ...] = ()

    @property
    def shown(self) -> HeaderBundle | None:
        """The header of its block, else that of its place in the log."""
        if self.bundle is None and self.place is not None:
            return self.place.bundle
        return self.bundle

    @property
    def version(self) -> int:
        """Of the file."""
        if self.shown is not None and self.shown.engine == COMETBFT:
            return COMETBFT_VERSION
        return PLACE_ALONE_VERSION if self.bundle is None else FILE_VERSION

    def to_json(self) -> dict[str, object]:
        """The receipt as a file's content."""
        content: dict[str, object] = {
            "kind": FILE_KIND,
            "version": self.version,
            "network_id": self.network_id.hex(),
            "transaction": self.raw.hex(),
        }
        if self.bundle is not None:
            content["header"] = self.bundle.to_json()
            content["inclusion"] = self.inclusion.hex()
        if self.place is not None:
            content["log"] = {
                "number": self.place.number,
                "proof": self.place.proof.hex(),
                "header": self.place.bundle.to_json(),
            }
        if self.epochs:
            content["epochs"] = encode(tuple([start.value() for start in self.epochs])).hex()
        if self.changes:
            content["sets"] = write_set_changes(self.changes).hex()
        if self.cards:
            content["territories"] = [card.to_json() for card in self.cards]
        if self.note:
            content["note"] = self.note
            content["note_salt"] = self.note_salt.hex()
        return content


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a receipt proves. `number` is proved too, or None; `note` is the committed one;
    `network` knows the epochs and the territories that the receipt led to. `final` is the header of
    its block, or, `by_place_alone`, one that came after it."""

    transaction: Transaction
    final: FinalHeader
    number: int | None
    note: str
    network: TrustedNetwork
    by_place_alone: bool = False


def receipt_from_json(content: Mapping[str, object]) -> Receipt:
    """Read such a file's content. Raises `Refused`: `receipt_malformed`, `version_unknown`."""
    if content.get("kind") != FILE_KIND:
        raise Refused("receipt_malformed", field="kind")
    version = content.get("version")
    others = (PLACE_ALONE_VERSION, COMETBFT_VERSION)
    known = version if type(version) is int and version in others else FILE_VERSION
    check_version(version, known)
    has_block = not content.keys().isdisjoint(("header", "inclusion"))
    if has_block and known == PLACE_ALONE_VERSION:
        raise Refused("receipt_malformed", field="header")
    alone = known == PLACE_ALONE_VERSION or (known == COMETBFT_VERSION and not has_block)
    try:
        log = content.get("log")
        note = content.get("note", "")
        # Several lines could show another amount below the one that was paid.
        if not isinstance(note, str) or len(note) > NOTE_CHARACTERS_MAX or not note.isprintable():
            raise Refused("receipt_malformed", field="note")
        receipt = Receipt(
            network_id=hex_field(content, "network_id", 32),
            raw=hex_field(content, "transaction", RAW_BYTES_MAX),
            bundle=None if alone else bundle_from_json(_object(content, "header")),
            inclusion=b"" if alone else hex_field(content, "inclusion", PROOF_BYTES_MAX),
            place=None if log is None and not alone else _place(_object(content, "log")),
            note=note,
            note_salt=hex_field(content, "note_salt", 32) if note else b"",
            epochs=_epochs(content),
            cards=_cards(content),
            changes=_changes(content),
        )
        if receipt.version != known:
            raise Refused("receipt_malformed", field="version")
        return receipt
    except Refused as refusal:
        if refusal.code == "node_answer_malformed":
            raise Refused("receipt_malformed", field=refusal.field) from None
        raise


def verify_receipt(network: TrustedNetwork, receipt: Receipt) -> VerifiedReceipt:
    """Believe a receipt, or not.

    Raises `Refused`: `network_mismatch` for another network's, `receipt_invalid` when anything in
    it does not follow from what the territories signed, `rule_version_unknown` when it was made
    under rules that this program does not know.
    """
    if receipt.network_id != network.network_id:
        raise Refused("network_mismatch")
    try:
        network = network.led_on(receipt.epochs, receipt.changes)
        for card in receipt.cards:
            network.learn_card(card.card(network))
        shown = receipt.shown
        if shown is None:
            raise Refused("proof_invalid", "neither its block nor its place")
        version = header_of(shown).rule_version
        if not is_rule_version(version):
            network.verify_final(shown)
            raise rule_version_unknown(version)
        transaction = decode_transaction(receipt.raw, network.network_id)
        for key, message, signature in signature_items(transaction):
            if not signatures.verify(key, message, signature):
                raise Refused("signature_invalid")
        final, number = _verify_finality(network, receipt, transaction)
        note = ""
        if receipt.note:
            committed = getattr(transaction.fields, "note_commitment", None)
            if committed != commitment("note", receipt.note_salt, receipt.note):
                raise Refused("proof_invalid", "the note is another one")
            note = receipt.note
    except Refused as refusal:
        if refusal.code == "rule_version_unknown":
            raise
        raise Refused("receipt_invalid", str(refusal)) from refusal
    return VerifiedReceipt(transaction, final, number, note, network, receipt.bundle is None)


def _verify_finality(
    network: TrustedNetwork, receipt: Receipt, transaction: Transaction
) -> tuple[FinalHeader, int | None]:
    """The header of its block, or of its place alone, and its number as far as it is shown."""
    block = None
    # No rule would have let it in outside its own dates: who signed that block invented it.
    first_ms = transaction.created_ms - CREATED_AHEAD_MS_MAX
    if receipt.bundle is not None:
        block = network.verify_final(receipt.bundle)
        verify_inclusion(block, transaction.id, receipt.inclusion, receipt.raw)
        if not first_ms <= block.time_ms <= transaction.valid_until_ms:
            raise Refused("proof_invalid", "the block is not of the transaction's time")
    if receipt.place is None:
        if block is None:
            raise Refused("proof_invalid", "neither its block nor its place")
        return block, None
    later = network.verify_final(receipt.place.bundle)
    verify_place(later, receipt.place.number, transaction.id, receipt.place.proof)
    if later.time_ms < first_ms:
        raise Refused("proof_invalid", "the log's header is older than the transaction")
    if block is not None and later.height <= block.height:
        raise Refused("proof_invalid", "the log's header is not a later one")
    return block or later, receipt.place.number


def verify_inclusion(
    final: FinalHeader, transaction_id: bytes, proof: bytes, raw: bytes | None = None
) -> None:
    """That a transaction stands in the block of a final header. Under CometBFT its bytes are
    needed: `raw`, or what the proof holds. Raises `proof_invalid`."""
    header = final.header
    if isinstance(header, Header):
        is_there = decoded(InclusionProof.decode, proof).verify(
            header.transactions_root, header.transactions_count, transaction_id
        )
    else:
        path = decoded(TransactionProof.decode, proof)
        known = path.transaction if raw is None else raw
        is_there = known is not None and id_of(known) == transaction_id
        is_there = is_there and known is not None and path.verify(header.data_hash, known)
    if not is_there:
        raise Refused("proof_invalid", "inclusion")


def inclusion_kept(bundle: HeaderBundle, proof: bytes) -> bytes:
    """A proof of inclusion as a receipt keeps it, beside the transaction's bytes."""
    if bundle.engine != COMETBFT:
        return proof
    return decoded(TransactionProof.decode, proof).without_transaction().encode()


def verify_place(final: FinalHeader, number: int, transaction_id: bytes, proof: bytes) -> None:
    """That a transaction has this number in the receipt log. Raises `proof_invalid`."""
    place = decoded(ReceiptProof.decode, proof)
    if place.number != number or not place.verify(final.header.state_root, transaction_id):
        raise Refused("proof_invalid", "receipt log")


def chunk_path_for_refund(proof: bytes) -> tuple[bytes, ...] | None:
    """The path that a refund must carry: none while the original's chunk of the receipt log is
    the open one or the one before."""
    place = decoded(ReceiptProof.decode, proof)
    open_chunk = place.log_count // CHUNK_RECEIPTS
    if place.number // CHUNK_RECEIPTS >= open_chunk - 1:
        return None
    return place.chunk_path


def epochs_to(network: TrustedNetwork, *bundles: HeaderBundle) -> tuple[EpochStart, ...]:
    """What a receipt with these headers carries, to be checked with the genesis alone."""
    epochs = [decode_header(bundle.header).epoch for bundle in bundles if bundle.engine != COMETBFT]
    if not epochs:
        return ()
    return tuple([known.start for known in network.epochs[: max(epochs) - network.first_epoch]])


def changes_to(network: TrustedNetwork, *bundles: HeaderBundle) -> tuple[SetChange, ...]:
    """The same where CometBFT orders: the changes of the set below the highest header."""
    heights = [
        certified_of(bundle).certified.height for bundle in bundles if bundle.engine == COMETBFT
    ]
    if not heights:
        return ()
    return tuple([one for one in network.sets.changes if one.header.height < max(heights)])


def _epochs(content: Mapping[str, object]) -> tuple[EpochStart, ...]:
    if "epochs" not in content:
        return ()
    return read_epochs(
        hex_field(content, "epochs", EPOCHS_BYTES_MAX), count_max=EPOCHS_FOLLOWED_MAX
    )


def _changes(content: Mapping[str, object]) -> tuple[SetChange, ...]:
    if "sets" not in content:
        return ()
    return read_set_changes(
        hex_field(content, "sets", SET_CHANGES_BYTES_MAX), count_max=SET_CHANGES_FOLLOWED_MAX
    )


def _cards(content: Mapping[str, object]) -> tuple[CardProof, ...]:
    listed = content.get("territories", [])
    if not isinstance(listed, list) or len(listed) > CARDS_MAX:
        raise Refused("receipt_malformed", field="territories")
    return tuple([card_proof_from_json(_object({"one": one}, "one")) for one in listed])


def _place(content: Mapping[str, object]) -> LogPlace:
    number = content.get("number")
    if type(number) is not int or number < 0:
        raise Refused("receipt_malformed", field="number")
    return LogPlace(
        number,
        hex_field(content, "proof", PROOF_BYTES_MAX),
        bundle_from_json(_object(content, "header")),
    )


def _object(content: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = content.get(name)
    if not isinstance(value, dict):
        raise Refused("receipt_malformed", field=name)
    return value
