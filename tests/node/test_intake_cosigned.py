"""What the state refuses costs a node one check, however many are said to have signed it."""

import pytest

import node.verifier
from ledger.fields import PAYMENT_PAY
from ledger.payments import pay_fields
from ledger.transaction import sign_transaction
from primitives.signatures import SigningKey, verify
from tests.ledger.world import World, key, person
from tests.node.test_intake_reading import handed_in, world_now

OTHERS = [SigningKey.from_seed(bytes([number]) * 32) for number in range(15)]


def cosigned(world: World, *, forged: bool) -> bytes:
    """A payment of ana's that fifteen strangers signed as well; she herself, unless forged."""
    fields = pay_fields(person("bo"), "LAV", 1)
    body = world.body(PAYMENT_PAY, person("ana"), key("ana"), fields)
    raw = sign_transaction(body, world.network_id, key("ana"), OTHERS)
    if not forged:
        return raw
    signature = sign_transaction(body, world.network_id, key("ana"))[-65:-1]
    assert raw.count(signature) == 1
    return raw.replace(signature, key("ana").sign(b"something else"))


def checks_of(world: World, raw: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """The code it is refused with, and the signatures checked for it."""
    checked: list[bytes] = []

    def noting(public_key: bytes, message: bytes, signature: bytes) -> bool:
        checked.append(public_key)
        return verify(public_key, message, signature)

    monkeypatch.setattr(node.verifier, "verify", noting)
    ((answer,), _) = handed_in(world, [raw])
    assert answer.refusal is not None
    assert checked[:1] == [key("ana").public_key]
    return answer.refusal.code, len(checked)


def test_the_device_alone_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_now()
    raw = cosigned(world, forged=False)
    assert checks_of(world, raw, monkeypatch) == ("key_unknown", 1)


def test_who_forged_the_device_s_signature_hears_nothing_of_the_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = world_now()
    raw = cosigned(world, forged=True)
    assert checks_of(world, raw, monkeypatch) == ("signature_invalid", 1)
