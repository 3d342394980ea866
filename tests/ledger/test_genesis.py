"""The genesis: its id, its file, the objects it begins with, and what it may not say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger import roles
from ledger.account_kinds import COMMONS, ISSUER, TERRITORY
from ledger.founders import GenesisCurrency, Territory
from ledger.genesis import Genesis, initial_objects
from ledger.invariants import full_sums
from ledger.objects import Account, Currency, TerritoryRecord
from ledger.rules import PARAMETER_NAMES, RULE_VERSION, Parameters
from primitives.addresses import account_id
from primitives.encoding import encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from tests.ledger.world import TIME_MS, founders, key


def genesis_of(*territories: Territory, **parameters: int) -> Genesis:
    return Genesis(1, TIME_MS, False, Parameters(**parameters), territories or founders())


def code_of(make: Callable[[], object]) -> str | None:
    try:
        make()
    except Refused as refusal:
        return refusal.code
    return None


def test_the_id_is_over_the_canonical_encoding() -> None:
    genesis = genesis_of()
    assert genesis.network_id == hash_bytes("genesis", encode(genesis.value()))


def test_every_value_changes_the_id() -> None:
    genesis = genesis_of()
    lavo, brume = genesis.territories
    currency = lavo.currencies[0]
    others = [
        replace(genesis, time_ms=TIME_MS + 1),
        replace(genesis, demo=True),
        replace(genesis, rule_version=1),
        replace(genesis, territories=(brume, lavo)),
        replace(genesis, territories=(lavo,)),
    ]
    others += [genesis_of(**{name: 1_000_000}) for name in PARAMETER_NAMES]
    for change in (
        {"name": "Other"},
        {"prefix": "other"},
        {"peer": "h:1"},
        {"http": "h:1"},
        {"voting_key": key("x").public_key},
        {"authority_der": b"x"},
        {"signing_keys": (key("x").public_key,)},
        {"signing_threshold": 2},
        {"recovery_key": key("x").public_key},
        {"issuer_keys": (key("x").public_key, key("y").public_key)},
        {"issuer_threshold": 3},
        {"cometbft_key": key("x").public_key},
        {"currencies": (currency,)},
        {"currencies": (replace(currency, code="XX"),)},
        {"currencies": (replace(currency, kind="time"),)},
        {"currencies": (replace(currency, decimals=3),)},
        {"currencies": (replace(currency, redeem_fee_bps=1),)},
        {"currencies": (replace(currency, redeem_kinds=()),)},
    ):
        others.append(replace(genesis, territories=(replace(lavo, **change), brume)))
    ids = {one.network_id for one in [genesis, *others]}
    assert len(ids) == 1 + len(others)


def test_the_file_gives_back_the_genesis() -> None:
    lavo, brume = founders()
    genesis = genesis_of(replace(lavo, cometbft_key=key("comet").public_key), brume)
    text = genesis.to_json()
    assert Genesis.from_json(text) == genesis
    assert Genesis.from_json(text).network_id == genesis.network_id
    assert Genesis.from_json(text).to_json() == text
    assert json.loads(text)["network_id"] == genesis.network_id.hex()


def edited(edit: Callable[[Any], object]) -> str:
    content = json.loads(genesis_of().to_json())
    edit(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "genesis_malformed"),
        ("[]", "genesis_malformed"),
        ("{", "genesis_malformed"),
        ("[" * 100_000, "genesis_malformed"),
        ("1" * 10_000, "genesis_malformed"),
        (edited(lambda c: c.update(kind="card")), "genesis_malformed"),
        (edited(lambda c: c.update(version=4)), "version_unknown"),
        (edited(lambda c: c.update(version=4, parameters={})), "version_unknown"),
        (edited(lambda c: c.update(version="1")), "genesis_malformed"),
        (edited(lambda c: c.update(rule_version="1")), "genesis_malformed"),
        (edited(lambda c: c.update(rule_version=0)), "version_unknown"),
        (edited(lambda c: c.update(rule_version=RULE_VERSION + 1)), "version_unknown"),
        (edited(lambda c: c.update(time_ms=1.5)), "genesis_malformed"),
        (edited(lambda c: c.update(time_ms=-1)), "genesis_invalid"),
        (edited(lambda c: c.update(demo=0)), "genesis_malformed"),
        (edited(lambda c: c.update(demo=True)), "genesis_invalid"),
        (edited(lambda c: c.pop("parameters")), "genesis_malformed"),
        (edited(lambda c: c["parameters"].pop("delta_ms")), "genesis_malformed"),
        (edited(lambda c: c["parameters"].update(other=1)), "genesis_malformed"),
        (edited(lambda c: c["parameters"].update(delta_ms="500")), "genesis_malformed"),
        (edited(lambda c: c["parameters"].update(delta_ms=0)), "genesis_invalid"),
        (edited(lambda c: c["parameters"].update(delta_ms=2**53)), "genesis_invalid"),
        (edited(lambda c: c.update(territories=[])), "genesis_invalid"),
        (edited(lambda c: c.update(territories={})), "genesis_malformed"),
        (edited(lambda c: c["territories"].append(3)), "genesis_malformed"),
        (edited(lambda c: c["territories"][0].pop("name")), "genesis_malformed"),
        (edited(lambda c: c["territories"][0].update(voting_key="AB" * 32)), "genesis_malformed"),
        (edited(lambda c: c["territories"][0].update(voting_key="ab" * 31)), "genesis_malformed"),
        (edited(lambda c: c["territories"][0].update(signing_keys=[1])), "genesis_malformed"),
        (
            edited(lambda c: c["territories"][0]["currencies"][0].update(redeem_kinds=[1])),
            "genesis_malformed",
        ),
        (
            edited(lambda c: c["territories"][0]["currencies"][0].update(decimals=True)),
            "genesis_malformed",
        ),
        (edited(lambda c: c.update(network_id="00" * 32)), "genesis_invalid"),
        (edited(lambda c: c.update(network_id="00")), "genesis_malformed"),
    ],
)
def test_a_wrong_file_has_its_code(text: str, code: str) -> None:
    assert code_of(lambda: Genesis.from_json(text)) == code


LAVO, BRUME = founders()
PUBLIC = key("x").public_key


@pytest.mark.parametrize(
    "change",
    [
        {"prefix": "La"},
        {"prefix": "1avo"},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "a" * 201},
        {"peer": ""},
        {"currencies": ()},
        {"currencies": LAVO.currencies[::-1]},
        {"authority_der": b""},
        {"authority_der": bytes(2_049)},
        {"voting_key": bytes(32)},
        {"voting_key": PUBLIC[:31]},
        {"recovery_key": b"\xff" * 32},
        {"cometbft_key": bytes(32)},
        {"signing_keys": ()},
        {"signing_keys": (PUBLIC, PUBLIC)},
        {"signing_keys": (bytes(32),)},
        {"signing_keys": tuple(key(f"s{i}").public_key for i in range(17))},
        {"signing_threshold": 0},
        {"signing_threshold": 3},
        {"issuer_threshold": 4},
        {"issuer_keys": (PUBLIC, LAVO.signing_keys[1])},
    ],
)
def test_a_territory_that_breaks_a_rule_is_refused(change: dict[str, Any]) -> None:
    assert code_of(lambda: replace(LAVO, **change)) == "genesis_invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"code": "L"},
        {"code": "lav"},
        {"code": "1AV"},
        {"code": "ABCDEFGHI"},
        {"kind": "gold"},
        {"decimals": 7},
        {"decimals": -1},
        {"redeem_fee_bps": 10_001},
        {"redeem_fee_bps": -1},
        {"redeem_kinds": ("service", "employer")},
        {"redeem_kinds": ("service", "service")},
        {"redeem_kinds": ("issuer",)},
    ],
)
def test_a_currency_that_breaks_a_rule_is_refused(change: dict[str, Any]) -> None:
    assert code_of(lambda: replace(GenesisCurrency("LAV"), **change)) == "genesis_invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"prefix": "lavo"},
        {"currencies": (GenesisCurrency("MIN"),)},
        {"voting_key": LAVO.voting_key},
        {"recovery_key": LAVO.recovery_key},
    ],
)
def test_two_territories_share_nothing_that_names_them(change: dict[str, Any]) -> None:
    assert code_of(lambda: genesis_of(LAVO, replace(BRUME, **change))) == "genesis_invalid"


def test_two_territories_do_not_share_the_other_engines_key() -> None:
    both = [replace(one, cometbft_key=PUBLIC) for one in (LAVO, BRUME)]
    assert code_of(lambda: genesis_of(*both)) == "genesis_invalid"


def test_a_genesis_has_territories_and_a_known_version() -> None:
    assert code_of(lambda: Genesis(1, TIME_MS, False, Parameters(), ())) == "genesis_invalid"
    assert code_of(lambda: Genesis(2, TIME_MS, False, Parameters(), founders())) == (
        "version_unknown"
    )


def test_what_a_network_begins_with() -> None:
    pairs = initial_objects(genesis_of())
    assert [k for k, _ in pairs] == sorted({item.tree_key for _, item in pairs})
    items = {item.tree_key: item for _, item in pairs}
    accounts = [item for item in items.values() if isinstance(item, Account)]
    currencies = {item.code: item for item in items.values() if isinstance(item, Currency)}
    records = [item for item in items.values() if isinstance(item, TerritoryRecord)]
    assert (len(accounts), len(currencies), len(records)) == (6, 3, 2)
    kinds = {(item.prefix, item.kind): item for item in accounts}
    staff, issuer, commons = (kinds["lavo", one] for one in (TERRITORY, ISSUER, COMMONS))
    assert staff.id == account_id("lavo", LAVO.signing_keys[0])
    assert issuer.id == account_id("lavo", LAVO.issuer_keys[0])
    expected = [roles.STAFF, roles.STAFF, roles.COUNTERSIGN, roles.PAPER]
    assert [device.roles for device in staff.devices] == expected
    assert [device.key for device in staff.devices[2:]] == [LAVO.node_key, LAVO.recovery_key]
    assert [device.roles for device in issuer.devices] == [roles.ISSUE] * 3
    assert (staff.threshold, issuer.threshold) == (1, 2)
    assert [device.key for device in commons.devices] == list(LAVO.signing_keys)
    assert {device.roles for device in commons.devices} == {roles.SPEND | roles.MANAGE}
    assert currencies["LAV"].fee_account_id == commons.id
    assert currencies["MIN"].issuer_id == issuer.id
    assert [currencies[code].accounts for code in ("LAV", "MIN", "BRU")] == [3, 0, 3]
    assert all(item.balance_minor == 0 for item in accounts)
    assert set(full_sums(items.values())) == {"LAV", "MIN", "BRU"}


# -- parameters --------------------------------------------------------------------------------


def test_parameters_have_one_encoded_form() -> None:
    parameters = Parameters(delta_ms=7)
    value = parameters.value()
    assert isinstance(value, tuple)
    names = [pair[0] for pair in value]
    assert names == sorted(PARAMETER_NAMES)
    assert Parameters.decode(value) == parameters


@pytest.mark.parametrize(
    "value",
    [
        (),
        None,
        Parameters().value()[:-1],  # type: ignore[index]
        (*Parameters().value()[:-1], ("zzz", 1)),  # type: ignore[index]
        (*Parameters().value()[:-1], ("view_window", "64")),  # type: ignore[index]
        (*Parameters().value()[:-1], ("view_window",)),  # type: ignore[index]
    ],
)
def test_other_lists_of_parameters_are_refused(value: Any) -> None:
    assert code_of(lambda: Parameters.decode(value)) == "genesis_malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"delta_ms": 0},
        {"lines_max": -1},
        {"lines_max": True},
        {"refund_days_max": 2**53},
        {"transaction_bytes_max": 2_097_153},
        {"block_bytes_max": (1 << 24) + 1},
        {"block_work_max": 999},
    ],
)
def test_parameters_that_no_network_could_run_with(change: dict[str, Any]) -> None:
    assert code_of(lambda: Parameters(**change)) == "genesis_invalid"
