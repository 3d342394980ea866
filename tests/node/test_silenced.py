"""A node that met a twin of its own: what it writes down, and what it writes no more."""

import asyncio
from pathlib import Path

from consensus.events import Received
from consensus.messages import VoteMessage
from consensus.votes import NO_DIGEST, NULLIFY, Vote, vote_message
from tests.node.town import Town, key_of, machinery_of, until


def _own_vote(town: Town, view: int) -> Vote:
    key = key_of("town0 voting")
    message = vote_message(town.network_id, 0, view, NULLIFY, NO_DIGEST)
    return Vote(0, view, NULLIFY, NO_DIGEST, key.public_key, key.sign(message))


def test_silence_is_on_disk_though_nothing_else_happens(tmp_path: Path) -> None:
    async def scenario() -> None:
        town = Town(tmp_path, 4)
        await town.start(0)
        machinery = machinery_of(town.nodes[0])
        peer = key_of("town1 voting").public_key
        machinery.engine.tell(Received(peer, VoteMessage(_own_vote(town, 3))))
        assert machinery.engine.stopped_voting is not None
        await until(lambda: machinery.journal.durable == machinery.journal.appended)
        await town.stop()
        await town.start(0)
        assert town.nodes[0].status().observing
        await town.stop()

    asyncio.run(scenario())
