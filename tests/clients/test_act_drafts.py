"""A colleague's file: only an act about powers, whole, with signatures that hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clients.office.act_drafts import ActDraft, act_text, read_draft
from ledger.envelope import build_body, cosign
from ledger.payments import pay_fields
from ledger.power_fields import freeze_fields
from primitives.errors import Refused
from tests.ledger.world import World, key, person
from wallet.light.trust import TrustedNetwork

WORLD = World()
NETWORK = TrustedNetwork(WORLD.genesis)
ANA = person("ana")


def draft(kind: str = "account.freeze", fields: Any = None) -> ActDraft:
    territory = WORLD.state.territory("lavo")
    assert territory is not None
    body = build_body(
        kind,
        WORLD.network_id,
        created_ms=WORLD.time_ms,
        valid_until_ms=WORLD.time_ms + 1_000,
        account=territory.account_id,
        device=key("lavo staff").public_key,
        number=1,
        fields=freeze_fields(ANA, 3, WORLD.time_ms) if fields is None else fields,
    )
    return ActDraft(body, cosign(body, WORLD.network_id, key("lavo staff")).signature, ())


def test_a_draft_is_read_back_signed_and_said(tmp_path: Path) -> None:
    file = tmp_path / "act.json"
    draft().write(file)
    found = read_draft(file).cosigned(WORLD.network_id, key("lavo staff 2"))
    transaction = found.read(NETWORK)
    assert [one.key for one in transaction.signers] == [
        key(name).public_key for name in ("lavo staff", "lavo staff 2")
    ]
    assert "suspected_fraud" in act_text(NETWORK, "lavo", transaction)
    with pytest.raises(FileExistsError):
        found.write(file)


def test_what_is_no_act_of_power_is_not_signed() -> None:
    with pytest.raises(Refused, match="request_malformed"):
        draft("payment.pay", pay_fields(ANA, "LAV", 5)).read(NETWORK)


def test_a_changed_body_is_not_signed() -> None:
    made, other = draft(), draft(fields=freeze_fields(person("eve"), 3, WORLD.time_ms))
    with pytest.raises(Refused, match="signature_invalid"):
        ActDraft(other.body, made.signature, ()).read(NETWORK)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "redeem_request"},
        {"version": 2},
        {"body": 5},
        {"body": "zz"},
        {"signature": None},
        {"cosignatures": [["00"]]},
        {"cosignatures": 7},
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    file = tmp_path / "act.json"
    draft().write(file)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(Refused, match=r"request_malformed|version_unknown"):
        read_draft(file)
    file.write_text("[" * 5_000)
    with pytest.raises(Refused, match="request_malformed"):
        read_draft(file)
