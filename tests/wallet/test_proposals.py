"""What a town hall is shown before it votes is proved: a vote names a proposal by its id alone."""

import pytest

from clients.office import proposals
from clients.office.proposals import change_words, check_known, proved_proposal
from ledger.changes import (
    AddMember,
    Change,
    ChangeParameter,
    ChangeRules,
    PauseMember,
    RemoveMember,
    ReplaceKeys,
)
from ledger.network_objects import PROPOSAL
from ledger.objects import tree_key
from ledger.rules import RULE_VERSION
from primitives.errors import Refused
from tests.wallet.chain import Chain, Json
from tests.wallet.people import chain_with_people
from tests.wallet.standin import StandInNode
from tests.wallet.votes import later_territory, propose
from wallet.light.memory import HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient
from wallet.reader import Reader


async def read(chain: Chain, identity: bytes, *nodes: StandInNode) -> str:
    async with NodeClient([node.url for node in nodes], chain.network_id) as client:
        reader = Reader(client, TrustedNetwork(chain.genesis), HeaderMemory())
        return change_words((await proved_proposal(reader, identity)).change)


async def test_a_node_that_shows_another_change_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proposals, "PATIENCE_SECONDS", 0.0)
    chain = chain_with_people()
    harmless = propose(chain, ChangeParameter("lines_max", 100))
    hostile = propose(chain, RemoveMember("dune"))
    chain.seal()
    honest_answer = chain.object_answer(tree_key(PROPOSAL, hostile), None)
    raw = bytes.fromhex(str(honest_answer["object"]))
    other = chain.object_answer(tree_key(PROPOSAL, harmless), None)
    lies: list[Json] = [
        other,
        {**honest_answer, "object": raw.replace(b"dune", b"cass").hex()},
        {**other, "object": bytes.fromhex(str(other["object"])).replace(harmless, hostile).hex()},
    ]
    async with StandInNode(chain) as honest, StandInNode(chain) as liar:
        for lie in lies:
            liar.faults.bend = lambda path, said, lie=lie: lie if "/proposals/" in path else said
            with pytest.raises(Refused, match="proof_invalid"):
                await read(chain, hostile, liar)
            assert await read(chain, hostile, liar, honest) == "remove dune"
        assert await read(chain, harmless, honest) == "parameter lines_max 100"
        with pytest.raises(Refused, match="proposal_unknown"):
            await read(chain, bytes(16), honest)


async def test_one_that_was_just_made_is_waited_for() -> None:
    chain = chain_with_people()
    identity = propose(chain, PauseMember("dune"))
    asked = 0

    def one_more(path: str, said: Json) -> Json:
        nonlocal asked
        if "/proposals/" in path:
            asked += 1
            if asked == 2:
                chain.seal()
        return said

    async with StandInNode(chain) as node:
        node.faults.bend = one_more
        assert await read(chain, identity, node) == "pause dune"
    assert asked == 3


def test_nobody_says_yes_to_rules_that_their_program_does_not_know() -> None:
    check_known(ChangeRules(RULE_VERSION))
    check_known(RemoveMember("dune"))
    with pytest.raises(Refused, match="rule_version_unknown"):
        check_known(ChangeRules(RULE_VERSION + 1))


def test_changes_in_words() -> None:
    territory = later_territory()
    said: list[tuple[Change, str]] = [
        (RemoveMember("dune"), "remove dune"),
        (ChangeRules(2), "rules 2"),
        (
            ReplaceKeys("dune", bytes(31) + b"1", b"authority", None, None),
            f"keys dune {bytes(31).hex()}31",
        ),
    ]
    for change, words in said:
        assert change_words(change) == words
    joins = change_words(AddMember(territory))
    for word in (territory.prefix, territory.name, territory.peer, territory.voting_key.hex()):
        assert word in joins
