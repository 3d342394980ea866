"""What of a card is proposed: the keys that the member does not have yet, and no others."""

from dataclasses import replace

import pytest

from clients.office.network_actions import new_keys
from ledger.changes import ReplaceKeys, change_of
from ledger.founders import Territory
from ledger.founding import member_of
from node.peers.certificates import make_authority
from primitives.errors import Refused
from tests.node.council import territory
from tests.node.town import key_of

KNOWN = territory(0, 1)
MEMBER = member_of(KNOWN)
VOTING, COMETBFT, RECOVERY = (key_of(f"renewed {use}") for use in ("voting", "comet", "recovery"))
WITH_VOTING = {
    "voting_key": VOTING.public_key,
    "authority_der": make_authority(VOTING),
}
WITH_COMETBFT = {"cometbft_key": COMETBFT.public_key}


def card(**changes: bytes) -> Territory:
    return replace(KNOWN, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "recovery", "proposed"),
    [
        (WITH_VOTING, False, WITH_VOTING),
        (WITH_COMETBFT, False, WITH_COMETBFT),
        ({**WITH_VOTING, **WITH_COMETBFT}, False, {**WITH_VOTING, **WITH_COMETBFT}),
        ({"recovery_key": RECOVERY.public_key}, True, {"recovery_key": RECOVERY.public_key}),
        (
            {**WITH_COMETBFT, "recovery_key": RECOVERY.public_key},
            False,
            WITH_COMETBFT,
        ),
    ],
)
def test_what_is_new(
    changed: dict[str, bytes], *, recovery: bool, proposed: dict[str, bytes]
) -> None:
    change = new_keys(card(**changed), MEMBER, recovery=recovery)
    assert change == ReplaceKeys(KNOWN.prefix, **proposed)
    assert change_of(change.value()) == change


def test_nothing_new_is_no_proposal() -> None:
    with pytest.raises(Refused, match="change_without_effect"):
        new_keys(KNOWN, MEMBER, recovery=False)


def test_a_card_without_a_key_for_the_other_engine_takes_none_away() -> None:
    change = new_keys(replace(card(**WITH_VOTING), cometbft_key=None), MEMBER, recovery=False)
    assert change.cometbft_key is None and change.voting_key == VOTING.public_key
