"""A whole node, sealed and made again: its keys, whom it admits, its registry; no journal."""

import stat
from functools import partial
from pathlib import Path

import pytest

from node import node_backups
from node.chain import Chain
from node.cometbft_start import prepare_cometbft
from node.data_folder import DataFolder
from node.engines.cometbft.network_terms import chain_id_of
from node.engines.cometbft.signed_last import SignedLastFile
from node.journal import Journal
from node.keys import read_key, read_public_keys
from node.office.office import REGISTRY_FILE
from node.registry import Registry, backups, sealed_stream
from node.registry.records import Act
from node.store import open_store
from primitives.encoding import encode
from primitives.errors import Refused
from tests.node.founding import PASSPHRASE, make_card, make_sealing_fast

ACT = Act(1_000, b"", "test")
SECRET = "une autre phrase"
cheap_seal = partial(sealed_stream.seal, opslimit=1, memlimit_bytes=8_192)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_sealing_fast(monkeypatch)
    monkeypatch.setattr(backups, "seal", cheap_seal)
    make_card(tmp_path, "arden")
    folder = tmp_path / "arden" / "data"
    (folder / "peers").mkdir()
    (folder / "peers" / "brume.json").write_text("{}")
    Registry.open(DataFolder(folder).registry / REGISTRY_FILE, "arden").close()
    return folder


def tree(root: Path, *names: str) -> dict[str, bytes]:
    """Files under the named folders, and `node.json`."""
    paths = [root / "node.json", *(path for name in names for path in (root / name).rglob("*"))]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths if path.is_file()}


def test_a_node_is_made_again(data: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "backup", tmp_path / "machine" / "node"
    made = node_backups.create(data, ACT, out, SECRET)
    assert {"keys/voting.json", "keys/transport.pem", "node.json", "peers/brume.json"} <= set(
        made.files
    )
    assert not [name for name in made.files if name.startswith(("journal", "store"))]
    assert node_backups.restore(out, SECRET, again) == made
    assert tree(again, "keys", "peers") == tree(data, "keys", "peers")
    key = read_key(again / "keys" / "voting.json", "voting", PASSPHRASE)
    assert key.seed == read_key(data / "keys" / "voting.json", "voting", PASSPHRASE).seed
    modes = [path.stat().st_mode for path in again.rglob("*")]
    assert not any(stat.S_IMODE(mode) & 0o077 for mode in modes)
    registry = Registry.open(again / "registry" / REGISTRY_FILE, "arden")
    assert registry.audit.listed(10)[-1].action == "backup"
    registry.close()


def test_a_restored_node_knows_that_it_forgot(data: Path, tmp_path: Path) -> None:
    node_backups.create(data, ACT, tmp_path / "backup", SECRET)
    again = tmp_path / "again"
    node_backups.restore(tmp_path / "backup", SECRET, again)
    store = open_store(again / "store", "leveldb")
    meta = Chain(store).meta
    store.close()
    journal = Journal(again / "journal", meta.journal_id, meta.journal_sequence)
    journal.close()
    assert journal.lost_reason is not None
    # Nor does it sign under the other engine, though no network is named in this backup.
    folder = DataFolder(again)
    assert not folder.read().network_id
    key = bytes.fromhex(read_public_keys(folder.public_keys_file)["cometbft"])
    prepare_cometbft(folder, bytes(32), key)
    with pytest.raises(Refused, match="signer_state_missing"):
        SignedLastFile.read(folder.signed_last_file, chain_id_of(bytes(32)), key)


def test_nothing_is_written_over(data: Path, tmp_path: Path) -> None:
    node_backups.create(data, ACT, tmp_path / "backup", SECRET)
    before = tree(data, "keys", "registry")
    with pytest.raises(FileExistsError):
        node_backups.restore(tmp_path / "backup", SECRET, data)
    with pytest.raises(FileExistsError):
        node_backups.create(data, ACT, tmp_path / "backup", SECRET)
    assert tree(data, "keys", "registry") == before
    empty = tmp_path / "empty"
    empty.mkdir()
    node_backups.restore(tmp_path / "backup", SECRET, empty)
    assert DataFolder(empty).read().prefix == "arden"


@pytest.mark.parametrize(
    "name", ["../evil", "keys/../../evil", "/etc/evil", "journal/MARK", "keys/", "keys/.hidden", ""]
)
def test_a_file_goes_nowhere_else(name: str, data: Path, tmp_path: Path) -> None:
    node_backups.create(data, ACT, tmp_path / "backup", SECRET)
    _, image, files = backups.open_backup(tmp_path / "backup", SECRET)
    listed = tuple((files | {name: b"x"}).items())
    bent = tmp_path / "bent"
    raw = encode(("node_backup", 1, listed, image))
    bent.write_bytes(b"".join(cheap_seal(raw, SECRET, salt=bytes(16))))
    before = set(tmp_path.iterdir())
    with pytest.raises(Refused) as caught:
        node_backups.restore(bent, SECRET, tmp_path / "again")
    assert caught.value.code == "backup_malformed"
    assert set(tmp_path.iterdir()) == before


def test_a_registry_alone_is_no_node(data: Path, tmp_path: Path) -> None:
    registry = Registry.open(DataFolder(data).registry / REGISTRY_FILE, "arden")
    backups.create(registry, ACT, tmp_path / "backup", SECRET)
    registry.close()
    with pytest.raises(Refused, match="backup_malformed"):
        node_backups.restore(tmp_path / "backup", SECRET, tmp_path / "again")
    with pytest.raises(Refused, match="passphrase_wrong"):
        node_backups.restore(tmp_path / "backup", "autre", tmp_path / "again")
