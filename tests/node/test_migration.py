"""A store of format 1, made by the program of then (`folders/`), is brought to the present one."""

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from node.block_body import read_body
from node.chain import Chain
from node.chain_records import BODY, BODY_BYTES_MAX, FORMAT, META_KEY, Meta, number_key
from node.inspection import _verify_blocks, _verify_root
from node.migration import copy_of, open_current_store
from node.store import STORE_KINDS, open_store
from primitives.errors import Refused
from primitives.hashing import hash_bytes

FOLDERS = Path(__file__).parent / "folders"
ROOT = Path(__file__).parents[2]
RECEIPTS = 18
DIES = """
import os, sys
from pathlib import Path
from node import migration
from node.store import leveldb, rocksdb
left = int(sys.argv[3])
migration.BLOCKS_PER_BATCH = 4
for kind in (leveldb.LevelStore, rocksdb.RocksStore):
    def write(self, changes, *, sync, true=kind.write):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        true(self, changes, sync=sync)
    kind.write = write
migration.open_current_store(Path(sys.argv[1]), sys.argv[2]).close()
"""


@pytest.fixture(params=STORE_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(kind: str, tmp_path: Path) -> Path:
    """The store of a node that made 18 payments and more, then stopped."""
    with tarfile.open(FOLDERS / f"format-1-{kind}.tar.xz") as packed:
        # Python 3.11 has filters from 3.11.4 on.
        packed.extraction_filter = getattr(tarfile, "data_filter", None)
        packed.extractall(tmp_path)
    return tmp_path / "node0" / "store"


def files_in(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(("LOG", "LOCK"))
    }


def check_migrated(folder: Path, kind: str) -> None:
    """Every receipt has its id, and they and the objects give the newest header's root."""
    store = open_store(folder, kind)
    chain = Chain(store)
    assert chain.meta.format == FORMAT
    assert (chain.meta.first_height, chain.meta.first_number) == (1, 0)
    ids = [
        hash_bytes("tx", raw)
        for height in range(1, chain.height + 1)
        for raw in read_body(store.get(number_key(BODY, height)) or b"", BODY_BYTES_MAX)
    ]
    assert len(ids) == RECEIPTS == chain.meta.receipts
    assert list(chain.ids_between(0, RECEIPTS)) == ids
    _verify_blocks(chain)
    _verify_root(chain)
    store.close()


def test_it_is_migrated_and_a_copy_is_kept(folder: Path, kind: str) -> None:
    store = open_store(folder, kind)
    with pytest.raises(Refused) as caught:
        Chain(store)
    assert caught.value.code == "data_of_older_version"
    store.close()
    open_current_store(folder, kind).close()
    check_migrated(folder, kind)
    copied = files_in(copy_of(folder, 1))
    open_current_store(folder, kind).close()  # and not again
    assert files_in(copy_of(folder, 1)) == copied
    check_migrated(folder, kind)
    old = open_store(copy_of(folder, 1), kind)
    raw = old.get(META_KEY)
    assert raw is not None and Meta.decode(raw).format == 1
    old.close()


@pytest.mark.parametrize("writes", [1, 2, 3, 5])
def test_killed_in_the_middle_it_begins_again(folder: Path, kind: str, writes: int) -> None:
    words = [sys.executable, "-c", DIES, str(folder), kind, str(writes)]
    done = subprocess.run(
        words, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60
    )
    assert done.returncode == 9
    copied = files_in(copy_of(folder, 1))
    open_current_store(folder, kind).close()
    check_migrated(folder, kind)
    assert files_in(copy_of(folder, 1)) == copied


def test_a_copy_that_was_cut_off_is_made_again(folder: Path, kind: str) -> None:
    partial = folder.with_name(f".{copy_of(folder, 1).name}")
    (partial / kind).mkdir(parents=True)
    (partial / kind / "CURRENT").write_bytes(b"half")
    open_current_store(folder, kind).close()
    assert not partial.exists()
    assert (copy_of(folder, 1) / kind / "CURRENT").read_bytes() != b"half"


def test_a_newer_one_is_refused_untouched(folder: Path, kind: str) -> None:
    store = open_store(folder, kind)
    raw = store.get(META_KEY)
    assert raw is not None
    newer = raw.replace(b"chain\x01", b"chain\x63", 1)
    assert newer != raw
    store.write([(META_KEY, newer)], sync=True)
    store.close()
    with pytest.raises(Refused) as caught:
        open_current_store(folder, kind)
    assert caught.value.code == "data_of_newer_version"
    assert not copy_of(folder, 1).exists()
