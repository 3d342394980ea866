"""One line of a batch, shown to somebody: what it is about, and that the ledger holds it.

A disclosure holds the batch with the proof that it is final, the line's place in it, the salt and
the content. Whoever has it and the genesis checks that the line's commitment is over this content.
The other lines of the batch stay closed: their amounts under pseudonyms can be read, what they are
about cannot.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clients.payroll.wage_runs import RunLine
from ledger.fields import BulletinCredit, CreditLine, WagesPay
from ledger.line_commitments import (
    BULLETIN_TAG,
    WAGE_TAG,
    ActivityLine,
    BulletinContent,
    bulletin_amount_minor,
    bulletin_commitment,
    wage_commitment,
)
from primitives.errors import Refused
from primitives.versions import check_version
from wallet.following import proof_of_card
from wallet.lane_history import find_in_history
from wallet.lane_owner import LaneOwner
from wallet.light.bundles import hex_field
from wallet.light.receipts import (
    LogPlace,
    Receipt,
    VerifiedReceipt,
    changes_to,
    epochs_to,
    inclusion_kept,
    receipt_from_json,
    verify_receipt,
)
from wallet.light.trust import TrustedNetwork
from wallet.reader import ProvedInclusion, Reader

FILE_KIND: Final = "line_disclosure"
FILE_VERSION = 1
FILE_BYTES_MAX = 8 * 1024 * 1024
ACTIVITIES_MAX = 1_000
TEXT_CHARACTERS_MAX = 200


@dataclass(frozen=True)
class WageContent:
    """What a payroll's line is about."""

    gross_minor: int
    employee: str
    period: str


@dataclass(frozen=True)
class Disclosure:
    """See the module's docstring. `line` counts from 0, as the batch's lines do."""

    receipt: Receipt
    line: int
    salt: bytes
    content: WageContent | BulletinContent

    def to_json(self) -> dict[str, object]:
        """The disclosure as a file's content."""
        content = self.content
        if isinstance(content, WageContent):
            about: dict[str, object] = {"tag": WAGE_TAG, **vars(content)}
        else:
            about = {"tag": BULLETIN_TAG, **content._asdict()}
            about["activities"] = [activity._asdict() for activity in content.activities]
        return {
            "kind": FILE_KIND,
            "version": FILE_VERSION,
            "receipt": self.receipt.to_json(),
            "line": self.line,
            "salt": self.salt.hex(),
            "content": about,
        }


@dataclass(frozen=True)
class VerifiedDisclosure:
    """A line that the ledger holds and that is about this content."""

    receipt: VerifiedReceipt
    account: bytes
    amount_minor: int
    content: WageContent | BulletinContent


async def gather_receipt(reader: Reader, owner: LaneOwner, transaction_id: bytes) -> Receipt:
    """A final batch with its proof, read by whoever signed it.

    Raises `Refused`: `payment_unknown`, `not_final_yet`.
    """
    item = await find_in_history(reader, owner, transaction_id)
    if item is None or not item.raw:
        raise Refused("payment_unknown", transaction_id.hex())
    return await receipt_of(reader, owner, transaction_id, item.raw)


async def receipt_of(
    reader: Reader, owner: LaneOwner, transaction_id: bytes, raw: bytes
) -> Receipt:
    """The same for bytes at hand."""
    found = await reader.finality(transaction_id, owner.signing_key)
    if isinstance(found, str):
        raise Refused("not_final_yet" if found in ("pending", "unknown") else found)
    cards = await proof_of_card(reader, owner.prefix)
    headers = (found.bundle, *[card.bundle for card in cards])
    bundle, inclusion, place = None, b"", None
    if isinstance(found, ProvedInclusion):
        bundle, inclusion = found.bundle, inclusion_kept(found.bundle, found.inclusion)
    else:
        place = LogPlace(found.number, found.proof, found.bundle)
    return Receipt(
        reader.network.network_id,
        raw,
        bundle,
        inclusion,
        place,
        epochs=epochs_to(reader.network, *headers),
        cards=cards,
        changes=changes_to(reader.network, *headers),
    )


def bulletin_disclosure(receipt: Receipt, bulletin: Mapping[str, object]) -> Disclosure:
    """The disclosure of a bulletin as the town hall's node gives it."""
    try:
        return Disclosure(
            receipt, _count(bulletin, "line"), hex_field(bulletin, "salt", 32), _bulletin(bulletin)
        )
    except Refused as refusal:
        raise Refused("node_answer_malformed", field=refusal.field) from None


def wage_disclosure(receipt: Receipt, period: str, line: RunLine, place: int) -> Disclosure:
    """The disclosure of one line of a payroll; `place` is the line's in the batch."""
    return Disclosure(
        receipt, place, line.salt, WageContent(line.gross_minor, line.employee, period)
    )


def read_disclosure(file: Path) -> Disclosure:
    """Read such a file. Raises `Refused`: `disclosure_malformed`, `version_unknown`."""
    with file.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
    try:
        content = json.loads(raw) if len(raw) <= FILE_BYTES_MAX else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Refused("disclosure_malformed", file=str(file))
    try:
        return disclosure_from_json(content)
    except Refused as refusal:
        refusal.file = str(file)
        raise


def disclosure_from_json(content: Mapping[str, object]) -> Disclosure:
    """Read such a file's content."""
    if content.get("kind") != FILE_KIND:
        raise Refused("disclosure_malformed", field="kind")
    check_version(content.get("version"), FILE_VERSION)
    about, receipt = content.get("content"), content.get("receipt")
    if not isinstance(about, dict) or not isinstance(receipt, dict):
        raise Refused("disclosure_malformed", field="content")
    try:
        salt = hex_field(content, "salt", 32)
        line = _count(content, "line")
        said: WageContent | BulletinContent
        if about.get("tag") == WAGE_TAG:
            said = WageContent(
                _count(about, "gross_minor"), _word(about, "employee"), _word(about, "period")
            )
        elif about.get("tag") == BULLETIN_TAG:
            said = _bulletin(about)
        else:
            raise Refused("disclosure_malformed", field="tag")
    except Refused as refusal:
        raise Refused("disclosure_malformed", field=refusal.field) from None
    return Disclosure(receipt_from_json(receipt), line, salt, said)


def verify_disclosure(network: TrustedNetwork, disclosure: Disclosure) -> VerifiedDisclosure:
    """Believe a disclosure, or not.

    Raises `Refused`: `network_mismatch`, `receipt_invalid` when the batch is not proved final,
    `disclosure_invalid` when its line is about something else.
    """
    receipt = verify_receipt(network, disclosure.receipt)
    fields = receipt.transaction.fields
    content = disclosure.content
    if isinstance(content, WageContent):
        if not isinstance(fields, WagesPay):
            raise Refused("disclosure_invalid", "it is no payroll")
        line = _line(fields.lines, disclosure.line)
        committed = wage_commitment(
            disclosure.salt, content.gross_minor, content.employee, content.period
        )
    else:
        if not isinstance(fields, BulletinCredit):
            raise Refused("disclosure_invalid", "it credits no bulletins")
        line = _line(fields.lines, disclosure.line)
        committed = bulletin_commitment(disclosure.salt, content)
        _check_sums(content, line)
    if line.commitment != committed:
        raise Refused("disclosure_invalid", "its commitment is over something else")
    return VerifiedDisclosure(receipt, line.account, line.amount_minor, content)


def _check_sums(content: BulletinContent, line: CreditLine) -> None:
    """That a bulletin's own sums are right and are what was credited."""
    if content.minutes != sum(activity.minutes for activity in content.activities):
        raise Refused("disclosure_invalid", "its minutes are not those of its activities")
    if content.amount_minor != bulletin_amount_minor(content.activities):
        raise Refused("disclosure_invalid", "its amount is not that of its activities")
    if content.amount_minor != line.amount_minor:
        raise Refused("disclosure_invalid", "another amount was credited")


def _line(lines: tuple[CreditLine, ...], index: int) -> CreditLine:
    if index >= len(lines):
        raise Refused("disclosure_invalid", "the batch has no such line")
    return lines[index]


def _bulletin(content: Mapping[str, object]) -> BulletinContent:
    listed = content.get("activities")
    if not isinstance(listed, list) or len(listed) > ACTIVITIES_MAX:
        raise Refused("disclosure_malformed", field="activities")
    activities = []
    for one in listed:
        if not isinstance(one, dict):
            raise Refused("disclosure_malformed", field="activities")
        activities.append(
            ActivityLine(
                _word(one, "date"),
                _count(one, "minutes"),
                _word(one, "level"),
                _count(one, "rate_per_hour_minor"),
            )
        )
    return BulletinContent(
        _word(content, "person"),
        _word(content, "programme"),
        _word(content, "period"),
        tuple(activities),
        _count(content, "minutes"),
        _count(content, "amount_minor"),
    )


def _count(content: Mapping[str, object], name: str) -> int:
    value = content.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise Refused("disclosure_malformed", field=name)
    return value


def _word(content: Mapping[str, object], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or len(value) > TEXT_CHARACTERS_MAX:
        raise Refused("disclosure_malformed", field=name)
    return value
