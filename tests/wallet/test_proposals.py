"""What a town hall is shown before it votes is proved: a vote names a proposal by its id alone."""

import io
import sys
from functools import partial
from pathlib import Path

import pytest

from clients.office import proposals
from clients.office.proposals import change_words, check_known, check_sensible, proved_proposal
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
from primitives import keystore
from primitives.errors import Refused
from tests.wallet.chain import Chain, Json
from tests.wallet.people import chain_with_people
from tests.wallet.standin import StandInNode
from tests.wallet.town import Town
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


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (ChangeParameter("lines_maximum", 12), "parameter"),
        (ChangeParameter("delta_ms", 1), "figure"),
        (ReplaceKeys("dune", None, None, None, None), "change"),
    ],
)
def test_what_is_wrong_with_a_change_is_said_before_it_is_signed(
    change: Change, field: str
) -> None:
    check_sensible(ChangeParameter("lines_max", 12))
    with pytest.raises(Refused, match="change_invalid") as refused:
        check_sensible(change)
    assert refused.value.field == field and refused.value.detail


def test_changes_in_words() -> None:
    territory = later_territory()
    said: list[tuple[Change, str]] = [
        (RemoveMember("dune"), "remove dune"),
        (ChangeRules(2), "rules 2"),
        (
            ReplaceKeys("dune", bytes(31) + b"1", b"authority", None, None),
            f"keys dune voting {bytes(31).hex()}31",
        ),
        # A recovery key and a voting key look alike: which it is must be said.
        (
            ReplaceKeys("dune", None, None, bytes(31) + b"1", None),
            f"keys dune recovery {bytes(31).hex()}31",
        ),
        (ChangeParameter("silent_ms", 0), "parameter silent_ms 0"),
    ]
    for change, words in said:
        assert change_words(change) == words
    joins = change_words(AddMember(territory))
    for word in (territory.prefix, territory.name, territory.peer, territory.voting_key.hex()):
        assert word in joins


class Terminal(io.StringIO):
    """Somebody who sits there and answers."""

    def isatty(self) -> bool:
        """They do."""
        return True


def test_a_vote_is_shown_before_it_is_signed_and_who_sits_there_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is signed can't be taken back, and the list of proposals is a node's word alone."""
    monkeypatch.setattr(keystore, "seal", partial(keystore.seal, opslimit=1, memlimit_bytes=8_192))
    town = Town(tmp_path, capsys)
    identity = propose(town.chain, RemoveMember("dune"), "brume")
    town.chain.seal()
    keys = [town.keystore("arden staff"), town.keystore("arden staff 2")]
    line = ["network", "vote", identity.hex(), "yes"]
    line += [word for key in keys for word in ("--keystore", str(key))]

    def voted() -> bool:
        record = town.chain.state.proposal(identity)
        assert record is not None
        return "arden" in record.yes

    with town.serve():
        for answer, code in (("n\n", 130), ("\n", 130), ("o\n", 0)):
            monkeypatch.setattr(sys, "stdin", Terminal(answer))
            done = town.run_line(*line)
            assert done[0] == code, done
            assert "yes: remove dune" in done[2] and voted() is (code == 0)
