"""What wallets and town halls read: answers of nodes they do not trust, files that people hand on.

Whatever comes is refused with a code, or taken; what is taken can be written again and read as the
same. `corpus/NAME-WHAT.txt` keeps what once was wrong. For minutes:
`pytest --hypothesis-profile long tests/clients/test_fuzz.py`.
"""

import copy
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.disclosures import Disclosure, WageContent, disclosure_from_json
from clients.office.act_drafts import ActDraft, read_draft
from clients.office.operations import operation_from_json
from clients.office.register_files import REGISTERS, parse_register
from clients.payroll.payroll_file import parse_payroll
from consensus.epoch_starts import read_epochs
from ledger.envelope import Cosignature
from primitives.checkpoints import parse_checkpoint
from primitives.encoding import encode
from primitives.errors import Refused
from terminal.line_refusals import LinesRefused
from tests.wallet.people import PEOPLE
from tests.wallet.test_epochs import changing_chain, receipt_in_newest_epoch
from wallet.account_requests import AccountRequest, parse_account_request
from wallet.device_cards import DeviceCard, parse_device_card
from wallet.home_node import refusals_from_json
from wallet.light.bundles import bundle_from_json
from wallet.light.receipts import receipt_from_json
from wallet.light.trust import TrustedNetwork
from wallet.payment_links import PaymentLink, parse_payment_link
from wallet.redeem_requests import RedeemRequest, redeem_request_from_json

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.txt"))
CHAIN = changing_chain()
NETWORK = TrustedNetwork(CHAIN.genesis)
NETWORK.adopt(NETWORK.follow(CHAIN.starts))
RECEIPT = receipt_in_newest_epoch(CHAIN, NETWORK)
ALICE = PEOPLE[0]
SIGNED = Cosignature(ALICE.key.public_key, bytes(64))
REQUEST = RedeemRequest(CHAIN.network_id, b"body", bytes(64), (SIGNED,), "virement 7", bytes(32))
DISCLOSURE = Disclosure(RECEIPT, 0, bytes(32), WageContent(200_000, "P1", "2026-10"))
OPERATION = {
    "id": "ab" * 16, "kind": "bulletin.credit", "amount_minor": 5, "state": "waiting",
    "body": "00", "staff_needed": 1, "staff_signed": ["cd" * 32], "transaction": None,
    "height": None, "valid_until_ms": 7,
}  # fmt: skip
PAYROLL = (
    "employee;account;gross_wage;local_share;consent;period\n"
    f"P1;{ALICE.address};2000,00;150,00;oui;2026-10\nP2;;1800.5;0;no;2026-10\n"
)


class Target(NamedTuple):
    """A reader of text, what it reads, and how it is written again, if it is."""

    read: Callable[[str], Any]
    valid: str
    write: Callable[[Any], str] | None = None


def of_json(read: Callable[[Any], Any]) -> Callable[[str], Any]:
    """A reader of a JSON object, as answers and files are read."""

    def reader(text: str) -> Any:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            raise Refused("not_json") from None
        if not isinstance(content, dict):
            raise Refused("not_json")
        return read(content)

    return reader


def as_json(value: Any) -> str:
    """How it is written."""
    return json.dumps(value.to_json())


def through_file(read: Callable[[Path], Any]) -> Callable[[str], Any]:
    """A reader of a file."""

    def reader(text: str) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "file"
            file.write_bytes(text.encode("utf-8", "surrogatepass"))
            return read(file)

    return reader


def written_draft(draft: ActDraft) -> str:
    """As `ActDraft.write` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        draft.write(Path(folder) / "file")
        return (Path(folder) / "file").read_text()


def raw_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def columns(register: str) -> str:
    return ";".join(REGISTERS[register].columns)


def read_rows(register: str, text: str) -> Any:
    return parse_register(register, raw_of(text), 2, file="f")


CARD = DeviceCard(ALICE.address, PEOPLE[1].key.public_key)
OPENING = AccountRequest("arden", "resident", ALICE.key.public_key)
LINK = PaymentLink(ALICE.address, 420, "deux baguettes")
TARGETS: dict[str, Target] = {
    "header": Target(of_json(bundle_from_json), json.dumps(CHAIN.bundle(2)), as_json),
    "receipt": Target(of_json(receipt_from_json), as_json(RECEIPT), as_json),
    "disclosure": Target(of_json(disclosure_from_json), as_json(DISCLOSURE), as_json),
    "redeem_request": Target(of_json(redeem_request_from_json), as_json(REQUEST), as_json),
    "draft": Target(
        through_file(read_draft), written_draft(ActDraft(b"x", bytes(64), (SIGNED,))), written_draft
    ),
    "operation": Target(of_json(operation_from_json), json.dumps(OPERATION)),
    "refusals": Target(
        of_json(lambda content: refusals_from_json(list(content.values()))),
        json.dumps({"0": {"code": "line_duplicate", "line": 3, "field": "employee"}}),
    ),
    "account_request": Target(parse_account_request, OPENING.line(), AccountRequest.line),
    "device_card": Target(parse_device_card, CARD.line(), DeviceCard.line),
    "payment_link": Target(
        parse_payment_link, LINK.url("https://x"), lambda link: link.url("https://x")
    ),
    "checkpoint": Target(
        parse_checkpoint, f"7:{bytes(32).hex()}", lambda told: f"{told[0]}:{told[1].hex()}"
    ),
    "payroll": Target(lambda text: parse_payroll(raw_of(text), 2, file="f"), PAYROLL),
    **{
        register: Target(partial(read_rows, register), columns(register) + "\n")
        for register in REGISTERS
    },
}


def judged(name: str, text: str) -> str:
    """`taken` or `refused`; anything else that a reader does is a failure."""
    read, _, write = TARGETS[name]
    try:
        found = read(text)
    except Refused as refusal:
        assert refusal.code
        return "refused"
    except LinesRefused as refused:
        assert refused.refusals
        return "refused"
    if write is not None:
        assert read(write(found)) == found, "what was taken is written as something else"
    return "taken"


@pytest.mark.parametrize("name", TARGETS)
def test_valid_forms_are_taken(name: str) -> None:
    assert judged(name, TARGETS[name].valid) == "taken"


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_is_refused(path: Path) -> None:
    name = path.stem.partition("-")[0]
    assert judged(name, path.read_text("utf-8").rstrip("\n")) == "refused"


ODDITIES: list[Any] = [
    None, True, False, -1, 0, 1, 2**53, 2**64, -(2**63), 1.5, float("inf"), "", "é", "\ud800",
     "0" * 70, "zz", " ab", "AB", "\x00", [], {}, [[]], [{}], [None] * 40, {"": 0},
]  # fmt: skip


@st.composite
def bent_json(draw: st.DrawFn, text: str) -> str:
    """A valid object of which some places hold something else, twice or nothing."""
    value = copy.deepcopy(json.loads(text))
    for _ in range(draw(st.integers(1, 3))):
        value = bend(draw, value)
    return json.dumps(value)


def bend(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, str) and value and draw(st.booleans()):
        return draw(bent_text(value))
    if not isinstance(value, list | dict) or not value or draw(st.integers(0, 6)) == 0:
        return copy.deepcopy(draw(st.sampled_from(ODDITIES)))
    keys = list(range(len(value))) if isinstance(value, list) else sorted(value)
    key = draw(st.sampled_from(keys))
    if draw(st.integers(0, 6)) == 0:
        del value[key]
    else:
        value[key] = bend(draw, value[key])
    return value


@st.composite
def bent_text(draw: st.DrawFn, text: str) -> str:
    """A text of which some characters are others, gone, or there twice."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        piece = draw(st.one_of(st.text(max_size=3), st.just(text[place : place + 4])))
        text = text[:place] + piece + text[place + draw(st.integers(0, 3)) :]
    return text


@pytest.mark.parametrize("name", TARGETS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_bent_input_is_refused_or_says_the_same_again(name: str, data: st.DataObject) -> None:
    valid = TARGETS[name].valid
    bends = [bent_text(valid)]
    if valid.startswith("{"):
        bends.append(bent_json(valid))
    assert judged(name, data.draw(st.one_of(*bends, st.text(max_size=60)))) in ("taken", "refused")


@settings(deadline=None)
@given(data=st.data())
def test_bent_epochs_lead_nowhere_else(data: st.DataObject) -> None:
    """Bytes of `GET /v1/epochs`: what can be read and differs from the truth is not followed."""
    raw = bytearray(encode(tuple([start.value() for start in CHAIN.starts])))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        starts = read_epochs(bytes(raw))
        followed = TrustedNetwork(CHAIN.genesis).follow(starts)
    except Refused as refusal:
        assert refusal.code in (
            "node_answer_malformed", "certificate_invalid", "node_of_other_network",
        )  # fmt: skip
        return
    assert [known.members for known in followed] == [known.members for known in NETWORK.epochs]
