"""A wallet and a network that says it took the place of its own: judged, told, asked, gone over."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from consensus.succession import check_last
from ledger.genesis import Genesis
from ledger.succession import FormerMember
from primitives.errors import Refused
from primitives.signatures import SigningKey, verify
from tests.wallet.chain import Chain
from tests.wallet.people import PEOPLE, chain_with_people, key_of
from tests.wallet.standin import StandInNode
from tests.wallet.successors import successor_of
from tests.wallet.test_epochs import FOUNDERS, end_epoch
from wallet import succeed_actions
from wallet.epoch_follower import EpochFollower
from wallet.folder import WalletFolder, checked_genesis
from wallet.header_store import HeaderStore
from wallet.keystore_file import WalletIdentity, create_wallet_file, read_identity, unlock
from wallet.light.bundles import HeaderBundle, bundle_from_json
from wallet.light.memory import HeaderMemory
from wallet.light.succession import check_successor
from wallet.light.trust import FinalHeader, TrustedNetwork
from wallet.node_client import NodeClient
from wallet.reader import Reader
from wallet.setup import open_wallet

ALICE = PEOPLE[0]


def final_at(chain: Chain, height: int) -> FinalHeader:
    """What a wallet saw."""
    block = chain.blocks[height - 1]
    return FinalHeader(block.header, 3, 4)


def code_of(work: Callable[[], object]) -> str | None:
    """What it is refused with."""
    try:
        work()
    except Refused as refusal:
        return refusal.code
    return None


def judged(network: TrustedNetwork, seen: FinalHeader | None, genesis: Genesis) -> str | None:
    """What a successor is refused with, read from a file and judged."""
    return code_of(lambda: check_successor(network, seen, checked_genesis(genesis.to_json())))


def test_who_endorsed_it_and_who_is_gone() -> None:
    chain = chain_with_people()
    genesis = successor_of(chain, without=["dune"])
    found = check_successor(TrustedNetwork(chain.genesis), final_at(chain, 2), genesis)
    assert found.endorsed_by == ("arden", "brume", "cassis") and found.gone == ("dune",)
    assert found.last.height == chain.height
    # The new network's own trust begins with it: its territories, its epochs, its heights.
    fresh = TrustedNetwork(genesis)
    assert fresh.newest_epoch == genesis.first_epoch == 1
    assert len(fresh.members.members) == 3 and fresh.territory("dune").name == "Dune"


def test_a_document_that_proves_a_later_block_final_takes_no_place() -> None:
    """F of a block makes those below final too: naming one of them would undo what was paid."""
    chain = chain_with_people()
    lower, upper = chain.blocks[-2:]
    succession = successor_of(chain, height=chain.height - 1).succession
    assert succession is not None
    check_last(succession, verify)
    cut = replace(
        succession, between=(upper.header.encode(),), certificate=upper.certificate.encode()
    )
    assert upper.header.parent_digest == lower.header.digest
    assert code_of(lambda: check_last(cut, verify)) == "succession_unproved"


def test_epochs_of_a_successor_have_their_own_bounds() -> None:
    """They count on from the predecessor's: each header is held against those of its own epoch."""
    chain = succeeding()
    genesis, first = chain.genesis, chain.genesis.first_epoch
    assert first == 3
    network = TrustedNetwork(genesis)
    network.adopt(network.follow(chain.starts))
    for height in range(1, chain.height + 1):
        assert network.verify_final(bundle_from_json(chain.bundle(height))).height == height
    # Whoever has keys of an epoch that ended makes nothing of today with them.
    newest = chain.blocks[-1].header
    for epoch in range(first, first + 4):
        forged = replace(newest, epoch=epoch, height=chain.height + 1_000)
        bundle = HeaderBundle(forged.encode(), chain.certify(forged).encode())
        assert code_of(partial(network.verify_final, bundle)) == "certificate_invalid"
    early = replace(newest, height=1)
    bundle = HeaderBundle(early.encode(), chain.certify(early).encode())
    assert code_of(partial(network.verify_final, bundle)) == "certificate_invalid"


async def test_a_checkpoint_of_a_successor_names_its_own_epoch() -> None:
    """Else it was held against a later epoch, where there was one, and against none before."""
    chain = succeeding()
    network = TrustedNetwork(chain.genesis)
    network.adopt(network.follow(chain.starts))
    client = NodeClient(["http://127.0.0.1:1"], network.network_id)
    follower = EpochFollower(client, network, HeaderMemory())
    for start in chain.starts:
        follower.checkpoint = (start.epoch, start.boundary.digest)
        follower.is_needed(start.epoch)
        follower.checkpoint = (start.epoch, bytes(32))
        with pytest.raises(Refused, match="checkpoint_differs"):
            follower.is_needed(start.epoch)
    # Of epochs of the predecessor, or of none yet, it says nothing.
    for epoch in (1, chain.genesis.first_epoch, 99):
        follower.checkpoint = (epoch, bytes(32))
        follower.is_needed(epoch)


def succeeding() -> "SucceedingChain":
    """A successor's chain of five epochs, the first of which is the fourth."""
    old = chain_with_people()
    for _ in range(2):
        end_epoch(old, *FOUNDERS)
        old.seal()
    chain = SucceedingChain(old, successor_of(old))
    for _ in range(4):
        chain.seal()
        end_epoch(chain, *FOUNDERS)
    chain.seal()
    return chain


class SucceedingChain(Chain):
    """Blocks of a successor; what they hold does not matter here."""

    def __init__(self, old: Chain, genesis: Genesis) -> None:
        super().__init__(old.genesis, old.voting_keys)
        self.genesis, self.network_id = genesis, genesis.network_id

    @property
    def epoch(self) -> int:
        """They count on."""
        return self.genesis.first_epoch + len(self.starts)


def test_what_a_wallet_saw_must_not_be_lost() -> None:
    chain = chain_with_people()
    network = TrustedNetwork(chain.genesis)
    earlier = successor_of(chain, height=chain.height - 1)
    assert judged(network, final_at(chain, chain.height - 1), earlier) is None
    assert judged(network, final_at(chain, chain.height), earlier) == "succession_behind"
    other = chain_with_people()
    other.seal()
    chain.seal()
    genesis = successor_of(chain)
    assert judged(network, final_at(other, chain.height), genesis) == "succession_conflict"


def test_the_set_is_the_one_that_the_wallet_was_led_to() -> None:
    """Keys that were replaced endorse nothing, though they once stood in a set."""
    chain = chain_with_people()
    before = chain.members
    network = TrustedNetwork(chain.genesis)
    start = end_epoch(chain, *FOUNDERS[:3])
    chain.seal()
    genesis = successor_of(chain)
    # Who did not follow can't judge.
    assert judged(network, None, genesis) == "epoch_unknown"
    led = network.led_on([start])
    assert judged(led, None, genesis) is None
    # A made-up last set with the voting keys that signed, and recovery keys of the maker's.
    liars = [key_of(f"liar {one.prefix}") for one in chain.members.members]
    stolen = [
        FormerMember(one.voting_key, liar.public_key, one.prefix)
        for one, liar in zip(chain.members.members, liars, strict=True)
    ]
    forged = _with_members(chain, stolen, liars)
    assert judged(led, None, forged) == "succession_differs"
    # The last block of the epoch before, with the set before: a later one has begun.
    assert before.hash() != chain.members.hash()
    old = successor_of(chain, height=chain.height - 2, members=before)
    assert judged(led, None, old) == "succession_behind"


def _with_members(chain: Chain, rows: list[FormerMember], keys: list[SigningKey]) -> Genesis:
    from consensus.members import Member, MemberSet

    members = MemberSet.of(Member(*row) for row in rows)
    return successor_of(chain, members=members, keys=keys)


def test_it_may_end_with_a_boundary() -> None:
    """The set before signed it: what a wallet knows of, though it never followed the boundary."""
    chain = chain_with_people()
    network = TrustedNetwork(chain.genesis)
    before = chain.members
    end_epoch(chain, *FOUNDERS[:3], closings=2)
    genesis = successor_of(chain, signers=before)
    assert judged(network, None, genesis) is None and genesis.first_epoch == 2
    assert judged(network, None, successor_of(chain)) == "succession_unproved"
    assert judged(network, None, successor_of(chain, signers=chain.members)) in (
        "succession_unproved",
        "succession_differs",
    )


def test_another_networks_place_is_none_of_ours() -> None:
    chain, other = chain_with_people(), chain_with_people("2")
    genesis = successor_of(other)
    assert judged(TrustedNetwork(chain.genesis), None, genesis) == "succession_none"
    assert judged(TrustedNetwork(chain.genesis), None, chain.genesis) == "succession_none"


@pytest.mark.parametrize("is_forged", [False, True])
async def test_a_node_of_the_new_network_is_told_apart(is_forged: bool) -> None:
    """A wallet that meets it says what happened; for a liar it says what it always said."""
    chain = chain_with_people()
    liars = [key_of(f"liar {one.prefix}") for one in chain.members.members]
    rows = [
        FormerMember(one.voting_key, liar.public_key, one.prefix)
        for one, liar in zip(chain.members.members, liars, strict=True)
    ]
    genesis = _with_members(chain, rows, liars) if is_forged else successor_of(chain)

    def bend(path: str, answer: dict[str, object]) -> dict[str, object]:
        return {**answer, "genesis": json.loads(genesis.to_json())} if "network" in path else answer

    async with StandInNode(chain) as node:
        node.faults.bend, node.faults.unreadable = bend, True
        network = TrustedNetwork(chain.genesis)
        async with NodeClient([node.url], network.network_id) as client:
            reader = Reader(client, network, HeaderMemory())
            with pytest.raises(Refused) as refused:
                await reader.account("arden", ALICE.account_id, ALICE.key)
    assert refused.value.code == ("not_found" if is_forged else "network_succeeded")


@pytest.fixture
def wallet(tmp_path: Path) -> tuple[WalletFolder, Chain]:
    """Alice's wallet, which saw two blocks."""
    chain = chain_with_people()
    folder = WalletFolder(tmp_path / "alice.json")
    folder.create(chain.genesis)
    identity = WalletIdentity(chain.network_id, "arden", "resident", ALICE.key.public_key)
    create_wallet_file(folder.file, identity, ALICE.key, "four words")
    network, memory = TrustedNetwork(chain.genesis), HeaderMemory()
    bundle = bundle_from_json(chain.bundle(2))
    memory.remember(network.verify_final(bundle), bundle)
    HeaderStore(folder.headers_file, network).save(memory)
    return folder, chain


async def follow(folder: WalletFolder, genesis: Genesis, *, yes: bool = True) -> None:
    """`wallet succeed`, with no node to be reached."""
    file = folder.file.with_name("new.json")
    file.write_text(genesis.to_json())
    words = folder.file.with_name("words")
    words.write_text("four words\n")
    await succeed_actions.succeed(folder.file, file, ["http://127.0.0.1:9"], words, yes=yes)


async def test_a_wallet_goes_over_and_keeps_what_it_knew(
    wallet: tuple[WalletFolder, Chain],
) -> None:
    folder, chain = wallet
    genesis = successor_of(chain)
    with pytest.raises(Refused, match="network_succeeded"):
        open_wallet(folder.file, _written(folder, genesis), ())
    await follow(folder, genesis)
    assert read_identity(folder.file).network_id == genesis.network_id
    assert unlock(folder.file, "four words")[1].public_key == ALICE.key.public_key
    assert open_wallet(folder.file, None, ()).network.network_id == genesis.network_id
    kept = folder.kept(chain.network_id)
    assert {file.name for file in kept.iterdir()} >= {"genesis.json", "headers.json"}
    assert not folder.headers_file.exists()
    # Once more is no news, and the old genesis is another network's now.
    await follow(folder, genesis)
    with pytest.raises(Refused, match="wallet_of_other_network"):
        open_wallet(folder.file, kept / "genesis.json", ())


def _written(folder: WalletFolder, genesis: Genesis) -> Path:
    file = folder.file.with_name("new.json")
    file.write_text(genesis.to_json())
    return file


async def test_nobody_is_taken_along_unasked(
    wallet: tuple[WalletFolder, Chain], monkeypatch: pytest.MonkeyPatch
) -> None:
    from terminal.errors import CommandError

    folder, chain = wallet
    before = folder.file.read_bytes(), folder.genesis_file.read_bytes()
    with pytest.raises(CommandError) as refused:
        await follow(folder, successor_of(chain), yes=False)
    assert refused.value.code == "confirmation_missing"
    # Nor what it saw thrown away: block 2 is lost in a network that goes on from block 1.
    with pytest.raises(Refused, match="succession_behind"):
        await follow(folder, successor_of(chain, height=1))
    # One that was away for very long must be answered for by a person.
    monkeypatch.setattr(succeed_actions, "_is_stale", lambda network, memory: True)
    with pytest.raises(Refused, match="trust_expired"):
        await follow(folder, successor_of(chain))
    assert (folder.file.read_bytes(), folder.genesis_file.read_bytes()) == before


class Cut(BaseException):
    """The power went."""


@pytest.mark.parametrize("step", range(1, 6))
async def test_it_is_cut_off_and_goes_on(
    wallet: tuple[WalletFolder, Chain], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    folder, chain = wallet
    genesis = successor_of(chain)
    calls = 0

    def counted(work: Callable[..., object]) -> Callable[..., object]:
        def call(*words: object, **more: object) -> object:
            nonlocal calls
            calls += 1
            if calls == step:
                raise Cut
            return work(*words, **more)

        return call

    with monkeypatch.context() as patched:
        for name in ("write_file", "bind_wallet_file", "sync_folder"):
            patched.setattr(succeed_actions, name, counted(getattr(succeed_actions, name)))
        with pytest.raises(Cut):
            await follow(folder, genesis)
    if read_identity(folder.file).network_id == chain.network_id:
        # Still of the old network: what it saw there still counts.
        with pytest.raises(Refused, match="succession_behind"):
            await follow(folder, successor_of(chain, height=1))
    await follow(folder, genesis)
    assert open_wallet(folder.file, None, ()).network.network_id == genesis.network_id
