"""What each member that lies does to a network without other faults, and what shows of it."""

from dataclasses import replace

import pytest

from consensus.effects import Evidence
from consensus.messages import Message, Proposal, VoteMessage
from consensus.simulation.actors import ACTOR_CLASSES
from consensus.simulation.checkers import Checkers
from consensus.simulation.host import Host
from consensus.simulation.run import run
from consensus.simulation.scenario import Scenario
from consensus.simulation.world import World
from consensus.votes import NULLIFY
from tests.consensus.test_quiet import faultless

pytestmark = pytest.mark.simulation

SEEDS = range(6)
SIGNS_TWICE = ("equivocating_leader", "double_voter", "twins")
"""Whoever does can be shown to have done so."""
MAY_SIGN_TWICE = ("amnesiac", "old_disk")


def alone(actor: str, seed: int) -> Scenario:
    return replace(
        faultless(4), seed=seed, actors=(actor,), delay_ms_max=100, payments=40, slow_ms=0
    )


@pytest.mark.parametrize("actor", ACTOR_CLASSES)
def test_one_of_four_may_lie(actor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence: list[Evidence] = []
    accused = Checkers.accused

    def note(checkers: Checkers, shown: Evidence) -> None:
        evidence.append(shown)
        accused(checkers, shown)

    monkeypatch.setattr(Checkers, "accused", note)
    for seed in SEEDS:
        outcome = run(alone(actor, seed))
        assert outcome.violation is None, f"{actor}, seed {seed}: {outcome.violation}"
    if actor not in MAY_SIGN_TWICE:
        assert bool(evidence) == (actor in SIGNS_TWICE)


def test_all_kinds_may_lie_at_once() -> None:
    kinds = tuple(ACTOR_CLASSES)
    for seed in range(0, len(kinds), 2):
        actors = (*kinds, *kinds)[seed : seed + 5]
        outcome = run(replace(Scenario.from_seed(seed, 16), actors=actors, set_back=False))
        assert outcome.violation is None, f"{actors}, seed {seed}: {outcome.violation}"


def test_what_a_censor_hates_is_final_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up: set[bytes] = set()
    speak = Host.speak

    def note(host: Host, peer: bytes, message: Message) -> None:
        if isinstance(message, VoteMessage) and message.vote.kind == NULLIFY:
            given_up.add(message.vote.signer)
        if isinstance(message, Proposal) and not host.honest:
            numbers = host.payable()
            assert all(number % 2 == 0 for number in numbers)
        speak(host, peer, message)

    monkeypatch.setattr(Host, "speak", note)
    assert run(alone("censor", 1)).violation is None, "all that was paid is final"
    assert given_up, "it gave up views in which hated payments stood"


def test_nobody_votes_for_a_block_of_another_view(monkeypatch: pytest.MonkeyPatch) -> None:
    proposed: set[bytes] = set()
    voted: set[bytes] = set()
    transmit = World.transmit

    def note(world: World, sender: bytes, receiver: bytes, message: Message) -> None:
        if isinstance(message, Proposal) and message.vote.view != message.block.header.view:
            proposed.add(message.block.digest)
        elif isinstance(message, VoteMessage):
            voted.add(message.vote.digest)
        transmit(world, sender, receiver, message)

    monkeypatch.setattr(World, "transmit", note)
    for seed in SEEDS:
        run(alone("mislabelling_leader", seed))
    assert proposed
    assert not proposed & voted
