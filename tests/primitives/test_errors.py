"""The two families of errors."""

from primitives.errors import InvariantBroken, Refused


def test_a_refusal_carries_its_code_and_its_place() -> None:
    refusal = Refused("amount_malformed", "12,,5", hint="write 12,5", file="a.csv", line=3)
    assert (refusal.code, refusal.detail, refusal.hint) == (
        "amount_malformed",
        "12,,5",
        "write 12,5",
    )
    assert (refusal.file, refusal.line, refusal.field) == ("a.csv", 3, None)
    assert str(refusal) == "amount_malformed: 12,,5"
    assert str(Refused("passphrase_wrong")) == "passphrase_wrong"


def test_a_broken_invariant_gives_its_reason() -> None:
    broken = InvariantBroken("roots differ")
    assert broken.reason == "roots differ"
    assert str(broken) == "roots differ"
    assert not isinstance(broken, Refused)
