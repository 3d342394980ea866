"""What is being verified while an epoch's rules change is held against the new ones."""

import asyncio
import time
from dataclasses import replace

from ledger.rules import Parameters
from node.answers import Submission
from node.intake import Intake
from node.mempool import Mempool
from node.verifier import Verifier
from tests.ledger.world import World, person
from tests.node.still_engine import StillEngine
from tests.patience import PATIENCE_SECONDS


def test_what_was_decoded_under_the_rules_of_before_is_decoded_again() -> None:
    world = World()
    world.time_ms = time.time_ns() // 1_000_000
    world.settle("ana", "bo")
    raw = world.pay("ana", person("bo"), 1).raw
    shorter = replace(
        world.rules, parameters=replace(Parameters(), transaction_bytes_max=len(raw) - 1)
    )

    async def answer_after(*, rules_change: bool) -> Submission:
        pool, verifier = Mempool(), Verifier()
        intake = Intake(
            world.network_id, world.rules, pool, verifier, StillEngine(lambda: world.state.tip)
        )
        told: asyncio.Future[Submission] = asyncio.get_running_loop().create_future()
        intake.submit(raw, told.set_result)
        await asyncio.sleep(0)  # now it is decoded, and not verified yet
        assert verifier.waiting_count == 1 and not told.done()
        if rules_change:
            intake.set_rules(shorter)
        answer = await asyncio.wait_for(told, PATIENCE_SECONDS)
        verifier.close()
        assert len(pool) == (0 if rules_change else 1)
        return answer

    assert asyncio.run(answer_after(rules_change=False)).state == "accepted"
    refused = asyncio.run(answer_after(rules_change=True))
    assert refused.refusal is not None and refused.refusal.code == "transaction_too_large"
