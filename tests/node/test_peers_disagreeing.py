"""Two ends that do not know the same terms: who dials, and that they come together all the same."""

import asyncio

import pytest

from tests.node.peer_fixtures import Member, make_members, until


def connected(member: Member) -> int:
    return 0 if member.network is None else len(member.network.connected)


@pytest.mark.parametrize("newcomer_first", [True, False])
def test_who_does_not_know_yet_that_it_was_voted_in_is_let_in(newcomer_first: bool) -> None:
    """Each end thinks that it is for itself to dial: the members, by the order of keys, since they
    know the newest terms; the newcomer, since it does not stand in those that it knows."""

    async def scenario() -> None:
        members = make_members(4)
        newcomer = members[-1]  # the highest key: all others dial it
        for member in members:
            await member.start(members)
            await member.stop()  # every port is known now
        if newcomer_first:
            await newcomer.start(members[:-1], [newcomer])
        for member in members[:-1]:
            await member.start(members)
        if not newcomer_first:
            await newcomer.start(members[:-1], [newcomer])
        await until(lambda: all(connected(member) == 3 for member in members))
        # It stays so: neither end closes what the other keeps.
        before = [len(member.disconnects) for member in members]
        await asyncio.sleep(1.5)
        assert [connected(member) for member in members] == [3] * 4
        assert [len(member.disconnects) for member in members] == before
        for member in members:
            await member.stop()

    asyncio.run(scenario())
