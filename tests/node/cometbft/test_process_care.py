"""When a `cometbft` begins anew: for what it never looks at again, and not for what may pass."""

import asyncio

from node.engines.cometbft.comet_view import CometView
from node.engines.cometbft.process_care import (
    LONELY_LOOKS_MAX,
    LONELY_LOOKS_MIN,
    STRANGER_LOOKS,
    SURE_LOOKS,
    ProcessCare,
)


class Scene:
    """What a care sees, and what it did."""

    def __init__(self) -> None:
        self.view = CometView(is_there=True, catching_up=False)
        self.lonely = self.strangers = self.old_key = False
        self.done: list[str] = []
        self.care = ProcessCare(
            lambda: self.view,
            self._restart,
            is_lonely=lambda: self.lonely,
            has_strangers=lambda: self.strangers,
            has_old_key=lambda: self.old_key,
        )

    async def _restart(self, reason: str) -> None:
        self.done.append(reason)

    def look(self, times: int) -> list[str]:
        """Look so often; what was done meanwhile."""
        before = len(self.done)

        async def go() -> None:
            for _ in range(times):
                await self.care.look()

        asyncio.run(go())
        return self.done[before:]


def test_all_is_well() -> None:
    assert Scene().look(2 * LONELY_LOOKS_MAX) == []


def test_strangers_and_an_old_key_are_seen_for_a_while_first() -> None:
    cases = (
        ("strangers", "peers_not_admitted", STRANGER_LOOKS),
        ("old_key", "another_key_votes", SURE_LOOKS),
    )
    for name, reason, looks in cases:
        scene = Scene()
        setattr(scene, name, True)
        assert scene.look(looks - 1) == []
        setattr(scene, name, False)
        assert scene.look(1) == []
        setattr(scene, name, True)
        assert scene.look(looks - 1) == []
        assert scene.look(1) == [reason]
        assert scene.look(looks - 1) == [], "the next one has its time, too"


def test_who_sees_too_few_waits_longer_each_time() -> None:
    scene = Scene()
    scene.lonely = True
    looks = LONELY_LOOKS_MIN
    while looks < LONELY_LOOKS_MAX:
        assert scene.look(looks - 1) == []
        assert scene.look(1) == ["too_few_peers"]
        looks *= 2
    for _ in range(2):
        assert scene.look(LONELY_LOOKS_MAX) == ["too_few_peers"]
    scene.lonely = False
    assert scene.look(1) == []
    scene.lonely = True
    assert scene.look(LONELY_LOOKS_MIN) == ["too_few_peers"]


def test_one_that_does_not_answer_is_left_alone() -> None:
    scene = Scene()
    scene.strangers = scene.lonely = True
    scene.view = CometView()
    assert scene.look(2 * LONELY_LOOKS_MAX) == []
