"""Consents: the newest statement counts, none is lost, none comes back."""

import pytest

from node.registry import Registry
from node.registry.records import ConsentStatement
from primitives.errors import Refused
from tests.node.registry.town_registry import (
    ACT,
    EMPLOYER,
    NOW_MS,
    OTHER_EMPLOYER,
    account,
    consent,
)


def test_the_newest_counts(registry: Registry) -> None:
    consents = registry.consents
    assert not consents.is_given(account("P1"), EMPLOYER)
    consent(registry, "P1", time_ms=5)
    assert consents.is_given(account("P1"), EMPLOYER)
    assert not consents.is_given(account("P1"), OTHER_EMPLOYER)
    assert not consents.is_given(account("P2"), EMPLOYER)
    consent(registry, "P1", given=False, time_ms=6)
    assert not consents.is_given(account("P1"), EMPLOYER)
    consent(registry, "P1", OTHER_EMPLOYER, time_ms=1)
    assert len(consents.history(account("P1"))) == 3
    newest = {one.employer: one.given for one in consents.of_account(account("P1"))}
    assert newest == {EMPLOYER: False, OTHER_EMPLOYER: True}


def test_an_old_statement_sent_again_changes_nothing(registry: Registry) -> None:
    consent(registry, "P1", time_ms=5)
    consent(registry, "P1", given=False, time_ms=6)
    consent(registry, "P1", given=False, time_ms=6)
    for given, time_ms in ((True, 5), (True, 6), (False, 4)):
        with pytest.raises(Refused) as caught:
            consent(registry, "P1", given=given, time_ms=time_ms)
        assert caught.value.code == "consent_stale"
    assert not registry.consents.is_given(account("P1"), EMPLOYER)


def test_a_clock_that_is_ahead_does_not_silence_what_follows(registry: Registry) -> None:
    consent(registry, "P1", time_ms=NOW_MS + 60_000)
    with pytest.raises(Refused) as caught:
        consent(registry, "P2", time_ms=NOW_MS + 60_001)
    assert caught.value.code == "consent_stale"


def test_the_statement_is_kept_as_it_was_signed(registry: Registry) -> None:
    statement = ConsentStatement(account("P1"), EMPLOYER, True, 5, bytes([1]) * 32, bytes([2]) * 64)
    registry.consents.record(ACT, statement)
    assert registry.consents.history(account("P1")) == [statement]
