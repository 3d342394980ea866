"""A network that CometBFT ordered ended, and another took its place: what a wallet, or a node, adds
of what it knows of the old one."""

from collections.abc import Callable
from dataclasses import replace

from consensus.cometbft.certified import CertifiedHeader, SetChange
from consensus.cometbft.succession import set_at
from consensus.cometbft.validators import ValidatorSet
from consensus.succession import last_header
from ledger.genesis import Genesis
from ledger.network_objects import NETWORK_TREE_KEY
from ledger.succession import ProvedNetwork
from primitives.errors import Refused
from primitives.signatures import verify
from tests.wallet.cometbft_chain import (
    CometBftChain,
    changing_chain,
    cometbft_chain_with_people,
)
from tests.wallet.cometbft_successors import end_of, founded_on, successor_at
from tests.wallet.people import chain_with_people
from tests.wallet.standin import StandInNode
from tests.wallet.successors import successor_of
from tests.wallet.test_succession import code_of
from tests.wallet.test_succession_cometbft_proof import judged, named, seen_at
from wallet import successor as hearing
from wallet.light.bundles import COMETBFT, SIMPLEX
from wallet.light.memory import HeaderMemory
from wallet.light.trust import TrustedNetwork
from wallet.node_client import NodeClient


def test_what_a_wallet_saw_must_not_be_lost() -> None:
    chain = cometbft_chain_with_people()
    network = TrustedNetwork(chain.genesis)
    earlier = successor_at(chain, chain.height - 1)
    assert judged(network, seen_at(chain, chain.height - 1), earlier) is None
    assert judged(network, seen_at(chain, chain.height), earlier) == "succession_behind"
    other = cometbft_chain_with_people()
    other.seal()
    chain.seal()
    genesis = successor_at(chain)
    assert judged(network, seen_at(other, chain.height), genesis) == "succession_conflict"


def test_the_set_is_the_one_that_changes_lead_to() -> None:
    chain = changing_chain()
    network = TrustedNetwork(chain.genesis)
    genesis = successor_at(chain)
    # Who did not follow knows another set; who left one out too.
    assert judged(network, None, genesis) == "succession_differs"
    partly = network.led_on((), chain.changes[:2])
    assert judged(partly, None, genesis) == "succession_differs"
    led = network.led_on((), chain.changes)
    assert judged(led, None, genesis) is None
    # A set that was replaced ends nothing: a change after that is final, and would be lost.
    old = successor_at(chain, chain.changes[-1].header.height - 1)
    assert judged(partly, None, old) is None
    assert judged(led, None, old) == "succession_behind"


def test_old_keys_make_no_header_of_today() -> None:
    """The set of then could still sign at its own heights, with a time of now."""
    chain = changing_chain()
    network = TrustedNetwork(chain.genesis)
    height = chain.changes[1].header.height
    chain.keys = chain.first_keys
    late = replace(
        chain.signed[0].header, height=height - 1, time_ns=chain.signed[-1].header.time_ns + 1
    )
    late = replace(late, next_validators_hash=late.validators_hash)
    signed = chain.sign(late, chain.first_keys)
    answer = chain.object_answer(NETWORK_TREE_KEY, 1)
    raw, proof = (bytes.fromhex(str(answer[name])) for name in ("object", "proof"))
    keys = tuple(sorted(key.public_key for key in chain.first_keys))
    end = replace(
        end_of(chain, height - 1),
        header=signed.header.encode(),
        certificate=signed.commit.encode(),
        proved=ProvedNetwork(keys, raw, proof),
    )
    genesis = founded_on(chain, end)
    assert judged(network.led_on((), chain.changes), None, genesis) == "succession_behind"
    below = network.led_on((), chain.changes[:1])
    assert judged(below, None, genesis) == "succession_differs"


def test_each_engine_proves_its_own_end() -> None:
    chain, simplex = cometbft_chain_with_people(), chain_with_people()
    genesis = successor_at(chain)
    assert judged(TrustedNetwork(chain.genesis, COMETBFT), None, genesis) is None
    assert judged(TrustedNetwork(chain.genesis, SIMPLEX), None, genesis) == "engine_differs"
    other = successor_of(simplex)
    assert judged(TrustedNetwork(simplex.genesis, COMETBFT), None, other) == "engine_differs"
    assert judged(TrustedNetwork(simplex.genesis), None, genesis) in (None, "succession_none")
    assert last_header(named(genesis)) == chain.signed[-1].header
    assert last_header(named(other)) == simplex.blocks[-1].header


async def told_by(chain: CometBftChain, genesis: Genesis, *answers: list[SetChange]) -> str | None:
    """What a wallet says of a successor whose nodes tell these changes of the set."""
    nodes = []
    for changes in answers:
        front = cometbft_chain_with_people()
        front.__dict__.update(chain.__dict__)
        front.changes = changes
        nodes.append(StandInNode(front))
    network = TrustedNetwork(chain.genesis)
    try:
        urls = [(await node.__aenter__()).url for node in nodes] or ["http://127.0.0.1:9"]
        async with NodeClient(urls, network.network_id) as client:
            await hearing.judged(client, urls, network, HeaderMemory(), genesis)
    except Refused as refusal:
        return refusal.code
    finally:
        for node in nodes:
            await node.__aexit__(None, None, None)
    # Nothing that was learnt on the way is believed.
    assert network.sets.changes == ()
    return None


async def test_nodes_lead_a_wallet_to_the_last_set() -> None:
    chain = changing_chain()
    genesis = successor_at(chain)
    changes = chain.changes
    assert await told_by(chain, genesis, changes) is None
    # One that tells too few, or none, is as one that is silent; another makes up for it.
    assert await told_by(chain, genesis, changes[:1]) == "succession_differs"
    assert await told_by(chain, genesis, [], changes[:1], changes) is None
    assert await told_by(chain, genesis) == "epoch_unknown"
    # What the new network's CometBFT says of its own sets is not the old one's.
    foreign = foreign_change(chain)
    assert await told_by(chain, genesis, [*changes, foreign]) is None
    # A change above shows that more was final than the successor goes on from.
    old = successor_at(chain, changes[1].header.height)
    assert await told_by(chain, old, changes) == "succession_behind"
    # A made-up one is signed by nobody that counts: who tells it is not heard.
    bent = replace(changes[2], commit=changes[1].commit)
    assert await told_by(chain, genesis, [*changes[:2], bent]) == "epoch_unknown"
    assert await told_by(chain, genesis, [*changes[:2], bent], changes) is None


def foreign_change(chain: CometBftChain) -> SetChange:
    """A change of the set in the chain of another network, above."""
    header = replace(
        chain.changes[-1].header,
        chain_id="democite-" + "11" * 20,
        height=chain.height + 10,
    )
    signed = chain.sign(header)
    return SetChange(signed.header, signed.commit, chain.changes[-1].following)


# -- following changes, as a node does ---------------------------------------------------------


def followed(
    chain: CometBftChain, height: int, changes: list[SetChange]
) -> ValidatorSet | str | None:
    """The set that these changes lead to, or why they don't."""
    first = ValidatorSet.of_members([key.public_key for key in chain.first_keys])
    found: list[ValidatorSet] = []

    def follow() -> None:
        found.append(set_at(height, first, 0, chain.network_id, changes, verify))

    return code_of(follow) or found[0]


def test_a_node_follows_every_change_below() -> None:
    chain = changing_chain()
    changes = chain.changes
    for number, change in enumerate(changes):
        before = changes[number - 1].following.hash if number else None
        at = followed(chain, change.header.height, changes)
        assert isinstance(at, ValidatorSet)
        assert before in (None, at.hash)
        after = followed(chain, change.header.height + 1, changes)
        assert isinstance(after, ValidatorSet) and after.hash == change.following.hash
    top = chain.height + 1
    broken: list[Callable[[], list[SetChange]]] = [
        lambda: changes[1:],
        lambda: [changes[0], changes[2]],
        lambda: [*changes[:2], changes[1]],
        lambda: [changes[0], replace(changes[1], commit=changes[0].commit), changes[2]],
        lambda: [*changes, foreign_change(chain)],
    ]
    for made in broken:
        assert followed(chain, top + 20, made()) == "certificate_invalid"


def test_a_header_with_its_commit_is_what_nodes_serve() -> None:
    """The succession carries the very bytes that stand behind `/v1/headers` of the old network."""
    chain = cometbft_chain_with_people()
    end = end_of(chain)
    served = CertifiedHeader.of_bytes(end.header, end.certificate, ())
    assert served == CertifiedHeader(chain.signed[-1].header, chain.signed[-1].commit)
