"""Territories that joined after the genesis, and what was voted since: proved, never trusted."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.changes import AddMember, ChangeParameter, RemoveMember
from ledger.fields import NETWORK_VOTE
from ledger.network import vote_fields
from ledger.network_objects import NETWORK_TREE_KEY, PROPOSAL
from ledger.objects import tree_key
from ledger.transaction import decode_transaction
from primitives import addresses
from primitives.errors import Refused
from tests.wallet.chain import Chain, Json
from tests.wallet.people import chain_with_people
from tests.wallet.standin import StandInNode
from tests.wallet.town import Town
from tests.wallet.votes import by_staff, enact, end_epoch, join, later_territory, move, propose
from wallet.following import learn_card, learn_terms
from wallet.light.bundles import bundle_from_json
from wallet.light.memory import HeaderMemory
from wallet.light.terms import verify_card, verify_terms
from wallet.light.trust import FinalHeader, TrustedNetwork
from wallet.network_store import NetworkStore
from wallet.node_client import NodeClient
from wallet.reader import Reader


@pytest.fixture
def chain() -> Chain:
    return chain_with_people()


def final_of(chain: Chain, network: TrustedNetwork, answer: Json) -> FinalHeader:
    network.adopt(network.follow(chain.starts[network.newest_epoch :]))
    return network.verify_final(bundle_from_json(chain.bundle(int(str(answer["header_height"])))))


def parts(answer: Json) -> tuple[bytes, bytes]:
    return bytes.fromhex(str(answer["object"])), bytes.fromhex(str(answer["proof"]))


def test_a_card_is_proved_by_the_proposal_that_was_enacted(chain: Chain) -> None:
    card = join(chain)
    network = TrustedNetwork(chain.genesis)
    answer = chain.object_answer(tree_key(PROPOSAL, chain.joined["erable"]), None)
    final = final_of(chain, network, answer)
    raw, proof = parts(answer)
    assert verify_card("erable", final, raw, proof) == card
    wrong: list[tuple[str, bytes | None, bytes]] = [
        ("brume", raw, proof),
        ("erable", None, proof),
        ("erable", raw.replace(b"127.0.0.1:5009", b"127.0.0.1:6666"), proof),
        ("erable", raw.replace(card.node_key, card.voting_key), proof),
        ("erable", chain.objects[NETWORK_TREE_KEY], proof),
    ]
    for prefix, said, path in wrong:
        with pytest.raises(Refused, match=r"proof_invalid|node_answer_malformed"):
            verify_card(prefix, final, said, path)


@pytest.mark.parametrize("votes", [(), ("brume",), ("-brume", "-cassis")])
def test_a_proposal_that_was_not_enacted_proves_no_card(
    chain: Chain, votes: tuple[str, ...]
) -> None:
    """Open, not far enough, or fallen: it stands in the state, and its territory has not joined."""
    proposal = propose(chain, AddMember(later_territory()))
    for vote in votes:
        fields = vote_fields(proposal, not vote.startswith("-"))
        by_staff(chain, vote.removeprefix("-"), NETWORK_VOTE, fields)
    chain.seal()
    answer = chain.object_answer(tree_key(PROPOSAL, proposal), None)
    final = final_of(chain, TrustedNetwork(chain.genesis), answer)
    with pytest.raises(Refused, match="it was not enacted"):
        verify_card("erable", final, *parts(answer))


def test_terms_are_proved(chain: Chain) -> None:
    enact(chain, ChangeParameter("recovery_delay_ms", 5_000))
    chain.seal()
    answer = chain.object_answer(NETWORK_TREE_KEY, None)
    final = final_of(chain, TrustedNetwork(chain.genesis), answer)
    raw, proof = parts(answer)
    assert verify_terms(final, raw, proof).parameters.recovery_delay_ms == 5_000
    older = chain.versions[1][NETWORK_TREE_KEY]
    for said in (None, older, raw.replace(b"brume", b"bruma")):
        with pytest.raises(Refused, match="proof_invalid"):
            verify_terms(final, said, proof)


async def test_an_old_proof_does_not_take_the_terms_back(chain: Chain) -> None:
    enact(chain, ChangeParameter("recovery_delay_ms", 5_000))
    chain.seal()
    before = chain.object_answer(NETWORK_TREE_KEY, 2)
    network = TrustedNetwork(chain.genesis)
    async with StandInNode(chain) as honest, StandInNode(chain) as liar:
        liar.faults.bend = lambda path, said: before if path == "/v1/terms" else said
        async with NodeClient([liar.url, honest.url], chain.network_id) as client:
            reader = Reader(client, network, HeaderMemory())
            await reader.header()
            await learn_terms(reader)
    assert network.parameters.recovery_delay_ms == 5_000


async def test_a_liar_is_passed_over_and_what_was_learnt_is_kept(
    chain: Chain, tmp_path: Path
) -> None:
    card = join(chain)
    mallory = later_territory("mallory")
    raw = bytes.fromhex(
        str(chain.object_answer(tree_key(PROPOSAL, chain.joined["erable"]), None)["object"])
    )
    network = TrustedNetwork(chain.genesis)

    def bend(path: str, said: Json) -> Json:
        if path.startswith("/v1/territories/"):
            said["object"] = raw.replace(card.node_key, mallory.node_key).hex()
        return said

    async with StandInNode(chain) as honest, StandInNode(chain) as liar:
        liar.faults.bend = bend
        async with NodeClient([liar.url], chain.network_id) as client:
            with pytest.raises(Refused, match="proof_invalid"):
                await learn_card(Reader(client, network, HeaderMemory()), "erable")
        assert not network.knows("erable")
        async with NodeClient([liar.url, honest.url], chain.network_id) as client:
            reader = Reader(client, network, HeaderMemory())
            await learn_card(reader, "erable")
            await learn_terms(reader)
    assert network.territory("erable") == card
    NetworkStore(tmp_path, network).save()
    again = TrustedNetwork(chain.genesis)
    NetworkStore(tmp_path, again).load()
    assert again.territories == network.territories
    assert again.known_terms == network.known_terms
    other = TrustedNetwork(chain_with_people(" elsewhere").genesis)
    NetworkStore(tmp_path, other).load()
    assert (other.cards, other.known_terms) == ((), None)


@pytest.mark.parametrize("content", [b"", b"\xc1", b"{}", b"\x93\x01\x02\x03"])
def test_a_file_that_cannot_be_read_is_as_none(
    chain: Chain, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "network.bin").write_bytes(content)
    network = TrustedNetwork(chain.genesis)
    store = NetworkStore(tmp_path, network)
    store.load()
    assert network.known_terms is None
    network.learn_card(later_territory())
    store.save()
    again = TrustedNetwork(chain.genesis)
    NetworkStore(tmp_path, again).load()
    assert again.knows("erable")


# -- as people type it -------------------------------------------------------------------------


@pytest.fixture
def town(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    for name in ("NODES", "GENESIS", "WALLET", "PASSPHRASE_FILE", "LANG"):
        monkeypatch.delenv(f"DEMOCITE_{name}", raising=False)
    built = Town(tmp_path, capsys)
    with built.serve():
        yield built


def made(town: Town, name: str) -> str:
    """A wallet and an account of the territory that joined."""
    code, content, error = town.run(
        name, "init", "--territory", "erable", "--genesis", town.genesis, "--node", town.node.url
    )
    assert code == 0, error
    staff = town.keystore("erable staff")
    request = str(content["account_request"])
    code, opened, error = town.office("account", "open", request, "--keystore", staff)
    assert (code, opened["status"]) == (0, "final"), error
    return str(content["address"])


def test_residents_of_a_later_territory_need_the_genesis_and_a_node(town: Town) -> None:
    join(town.chain)
    alice, bob = made(town, "alice"), made(town, "bob")
    code, issued, error = town.office(
        "reserve", "issue", alice, "10,125", "--keystore", town.keystore("erable issuer")
    )
    assert (code, issued["status"]) == (0, "final"), error
    # What needs no node knows the currency and its decimals from what was kept.
    code, link, _ = town.run("bob", "request", "1,125")
    assert (code, link["currency"], link["amount_minor"]) == (0, "ERA", 1_125)
    code, paid, error = town.run("alice", "pay", str(link["link"]))
    assert (code, paid["status"]) == (0, "final"), error
    assert town.run("bob", "balance")[1]["balance_minor"] == 1_125
    assert "1.125 ERA" in town.text("bob", "balance")[1]
    file = town.folder / "receipt.json"
    assert town.run("alice", "receipt", str(paid["id"]), "--out", file)[0] == 0
    code, verified, error = town.run("alice", "verify", file)
    assert (code, verified["payee"], verified["payer"]) == (0, bob, alice), error
    # Anyone else has the genesis alone: the receipt brings the territory's card with it.
    assert town.verify(file)[:2] == (0, {**verified})


def test_a_later_territory_is_named_to_who_would_pay_there(town: Town) -> None:
    town.make("alice")
    there = addresses.format_address("erable", bytes(20))
    code, failed, _ = town.run("alice", "pay", there, "1")
    assert failed["error"]["code"] == "address_of_other_network"  # type: ignore[index]
    join(town.chain)
    code, failed, error = town.run("alice", "pay", there, "1")
    assert (code, failed["error"]["code"]) == (4, "currency_mismatch"), error  # type: ignore[index]
    assert "Erable" in error


def test_staff_of_a_later_territory_use_their_own_keys_and_vote(town: Town) -> None:
    join(town.chain)
    staff = town.keystore("erable staff")
    code, shown, error = town.office("keys", "list", "--keystore", staff)
    assert code == 0, error
    assert str(shown["address"]).startswith("erable1")
    code, moved, error = town.run_line(
        "network", "move", "--peer", "127.0.0.1:4011", "--http", "127.0.0.1:5011",
        "--keystore", staff,
    )  # fmt: skip
    assert (code, moved["status"]) == (0, "final"), error
    code, address, _ = town.run_line("office", "account", "commons", "erable")
    assert (code, str(address["address"])[:7]) == (0, "erable1")
    # A key that no territory has is told so, whatever was learnt.
    code, failed, _ = town.office("keys", "list", "--keystore", town.keystore("mallory staff"))
    assert failed["error"]["code"] == "key_unknown"  # type: ignore[index]


def test_a_node_that_moved_is_found_again_through_any_other(town: Town) -> None:
    """The wallet's home node is gone from where the genesis says; the terms say where it went."""
    alice = town.make("alice")
    free = town.node.url.rpartition(":")[2]
    move(town.chain, "arden", f"127.0.0.1:{free}")
    town.chain.seal()
    gone = "http://127.0.0.1:9"
    code, balance, error = town.run("alice", "balance", "--node", gone)
    assert (code, balance["address"]) == (0, alice), error
    # From now on nobody has to name a node.
    code, balance, error = town.run_line(
        "wallet", "balance", "--wallet", town.folder / "alice.json",
        "--passphrase-file", town.passphrase, named=False,
    )  # fmt: skip
    assert (code, balance["address"]) == (0, alice), error


def test_a_later_territory_that_left_keeps_its_name_and_its_residents(town: Town) -> None:
    join(town.chain)
    alice = made(town, "alice")
    enact(town.chain, RemoveMember("erable"), ("brume", "cassis", "dune"))
    end_epoch(town.chain)
    town.chain.seal()
    code, balance, error = town.run("alice", "balance")
    assert (code, balance["address"], balance["members"]) == (0, alice, 4), error
    # Who comes only now learns the name too: the proposal stays in the state.
    assert town.run("bob", "init", "--territory", "erable", "--genesis", town.genesis,
                    "--node", town.node.url)[0] == 0  # fmt: skip


def test_a_voted_figure_is_taken_from_its_proof(town: Town) -> None:
    """A delay of five seconds was voted: who asks waits so long and not the genesis's two days."""
    town.make("alice")
    town.run("spare", "init", "--territory", "arden", "--genesis", town.genesis)
    enact(town.chain, ChangeParameter("recovery_delay_ms", 5_000))
    enact(town.chain, ChangeParameter("valid_for_ms_max", 60_000))
    end_epoch(town.chain)
    town.chain.put_in_force()
    town.chain.seal()
    account = str(town.run("alice", "address")[1]["address"])
    code, card, _ = town.run(
        "two", "init", "--territory", "arden", "--genesis", town.genesis, "--account", account
    )
    assert code == 0
    code, asked, error = town.run("alice", "devices", "add", str(card["device_card"]))
    assert code == 0, error
    assert int(str(asked["due_ms"])) - time.time() * 1000 < 60_000
    body = decode_transaction(town.node.received[-1], town.chain.network_id)
    assert body.valid_until_ms - body.created_ms == 60_000


def test_figures_that_no_node_gives_are_said_to_be_old(town: Town) -> None:
    town.make("alice")
    end_epoch(town.chain)
    town.chain.seal()
    town.node.faults.bend = lambda path, said: {} if path == "/v1/terms" else said
    account = str(town.run("alice", "address")[1]["address"])
    _, card, _ = town.run(
        "two", "init", "--territory", "arden", "--genesis", town.genesis, "--account", account
    )
    code, asked, error = town.run("alice", "devices", "add", str(card["device_card"]))
    assert code == 0, error
    assert "those of epoch 0 are used" in error
    assert int(str(asked["due_ms"])) - time.time() * 1000 > 172_800_000
