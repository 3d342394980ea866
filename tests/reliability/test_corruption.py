"""Damaged disks under real processes: refused by name, and made good from the other members.

Among them faults of others: a corrupt journal that panics at start, or is silently emptied
(commonwarexyz/monorepo#4428), and an application ahead of its journal (#3727).
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.processes.network import Done, Network, Node, create_network, democite, must
from tests.processes.test_starting import some_blocks, start_words, status, wait_for_height

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    built = create_network(tmp_path_factory.mktemp("corruption"))
    try:
        built.start()
        for _ in range(3):
            some_blocks(built)
        yield built
    finally:
        built.stop()


@pytest.fixture
def victim(network: Network) -> Iterator[Node]:
    """The last node, stopped; what `keep` kept of its data last is put back at the end."""
    node = network.nodes[3]
    if node.process is None:
        network.start(node)
    wait_for_height(node, int(str(status(network.nodes[0])["height"])))
    keep(node)
    yield node
    stop(node)
    shutil.rmtree(node.data)
    kept_of(node).rename(node.data)


def kept_of(node: Node) -> Path:
    return node.folder / "kept"


def keep(node: Node) -> None:
    """Stop a node and keep a copy of its data.

    A test that let it vote keeps it again: an older copy put back would be its twin, and a twin
    rightly votes no more.
    """
    stop(node)
    shutil.rmtree(kept_of(node), ignore_errors=True)
    shutil.copytree(node.data, kept_of(node))


def stop(node: Node) -> None:
    if node.process is not None:
        node.process.terminate()
        node.process.wait(PATIENCE_SECONDS)
        node.process = None


def largest(folder: Path, pattern: str) -> Path:
    return max(folder.rglob(pattern), key=lambda path: path.stat().st_size)


def flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 0x10
    path.write_bytes(raw)


def refused(network: Network, node: Node, code: str) -> Done:
    done = democite(*start_words(network, node))
    assert done.code == 2, done.err
    assert f"error[{code}]: " in done.err
    assert "\nhint: " in done.err
    assert "Traceback" not in done.err
    return done


def test_commonware_4428_a_corrupt_journal_neither_panics_nor_is_emptied(
    network: Network, victim: Node
) -> None:
    log = largest(victim.data / "journal", "*.log")
    before = log.stat().st_size
    flip(log, before // 3)
    for _ in range(2):
        done = refused(network, victim, "journal_corrupt")
        assert "move the folder 'journal' aside" in done.err
        assert log.stat().st_size == before
    # Nor does making the store again help a journal that is damaged.
    done = democite("node", "rebuild", "--data", victim.data)
    assert (done.code, "error[journal_corrupt]" in done.err) == (2, True)
    assert (victim.data / "store").exists()
    # What the hint says: it follows, and does not vote.
    (victim.data / "journal").rename(victim.data / "journal.damaged")
    network.start(victim)
    assert wait_for_height(victim, some_blocks(network))["observing"] is True


def test_a_transport_certificate_that_is_cut_is_told_by_name(
    network: Network, victim: Node
) -> None:
    file = victim.data / "keys" / "transport.pem"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert "certificate" in refused(network, victim, "keystore_malformed").err
    file.write_bytes(whole)
    network.start(victim)
    assert wait_for_height(victim, some_blocks(network))["observing"] is False
    keep(victim)


def test_a_truncated_journal_observes(network: Network, victim: Node) -> None:
    log = largest(victim.data / "journal", "*.log")
    raw = log.read_bytes()
    log.write_bytes(raw[: len(raw) // 2])
    network.start(victim)
    found = wait_for_height(victim, some_blocks(network))
    assert found["observing"] is True
    # Nor does a restart, or making the store again, give it its vote back.
    stop(victim)
    made = must("node", "rebuild", "--data", victim.data, "--json").json
    assert made["observes"] is True
    network.start(victim)
    assert wait_for_height(victim, some_blocks(network))["observing"] is True


def test_commonware_3727_an_application_ahead_of_its_journal_does_not_vote(
    network: Network, victim: Node
) -> None:
    # An old copy of the journal beside a newer chain.
    old = victim.folder / "old-journal"
    shutil.copytree(victim.data / "journal", old)
    network.start(victim)
    for _ in range(2):
        wait_for_height(victim, some_blocks(network))
    keep(victim)
    shutil.rmtree(victim.data / "journal")
    old.rename(victim.data / "journal")
    network.start(victim)
    assert wait_for_height(victim, some_blocks(network))["observing"] is True


@pytest.mark.parametrize("how", ["flipped", "gone"])
def test_a_damaged_store_is_refused_and_made_again(
    network: Network, victim: Node, how: str
) -> None:
    height = int(str(status(network.nodes[0])["height"]))
    store = victim.data / "store"
    if how == "gone":
        shutil.rmtree(store)
    else:
        path = largest(store, "*.log")
        flip(path, path.stat().st_size // 2)
    done = refused(network, victim, "store_corrupt")
    assert "node rebuild" in done.err
    made = must("node", "rebuild", "--data", victim.data, "--json").json
    if how != "gone":
        assert Path(str(made["kept"])).is_dir()
    network.start(victim)
    found = wait_for_height(victim, max(height, some_blocks(network)))
    # Where the damaged store can't say how far the journal went, nobody can.
    assert found["observing"] is made["observes"] is True
    stop(victim)
    must("node", "verify", "--data", victim.data, "--genesis", network.genesis)


def test_an_object_that_was_changed_is_made_good_and_the_node_votes_on(
    network: Network, victim: Node
) -> None:
    from node.chain_records import OBJECT
    from node.data_folder import DataFolder
    from node.store import after_prefix, open_store

    folder = DataFolder(victim.data)
    opened = open_store(folder.store, folder.read().store)
    key, value = next(iter(opened.iterate(OBJECT, after_prefix(OBJECT))))
    opened.write([(key, value[:-1] + bytes([value[-1] ^ 1]))], sync=True)
    opened.close()
    done = democite(*start_words(network, victim))
    assert "error[state_root_differs]" in done.err
    made = must("node", "rebuild", "--data", victim.data, "--json").json
    assert made["observes"] is False
    network.start(victim)
    assert wait_for_height(victim, some_blocks(network))["observing"] is False
    # It takes the place of one that is away: without its votes nothing would become final.
    network.kill(network.nodes[1])
    some_blocks(network)
    network.start(network.nodes[1])
    keep(victim)
