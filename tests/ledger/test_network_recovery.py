"""What a vote on a member's recovery key does, and what it must not do."""

from ledger.changes import ReplaceKeys
from tests.ledger.council import Council, town
from tests.ledger.world import key

NEW_KEY = key("new").public_key


def test_a_voted_recovery_key_opens_no_account() -> None:
    """It signs for the territory as a member, in a succession. Were it the paper key of the
    territory's account too, the others could vote themselves into its money: only a paper key
    touches a paper key."""
    world = Council()
    founded = town("brume")
    before = world.state.account(founded.account_id)
    assert before is not None
    world.enacted("keys", ReplaceKeys("brume", recovery_key=NEW_KEY))
    assert world.member("brume").recovery_key == NEW_KEY
    after = world.state.account(founded.account_id)
    assert after is not None
    assert [(one.key, one.roles) for one in after.devices] == [
        (one.key, one.roles) for one in before.devices
    ]
    assert after.device(NEW_KEY) is None
    assert after.key_set == before.key_set
