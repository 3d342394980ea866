"""A node's keys on disk: renewed all at once or not at all, whenever the power fails."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from node import keys, node_backups
from node.cards import read_card
from node.data_folder import DataFolder
from node.engines.cometbft.network_terms import chain_id_of
from node.engines.cometbft.signed_last import SignedLastFile
from node.genesis_file import COMETBFT, SIMPLEX
from node.key_files import LIST_FILE, KeyFiles
from node.key_renewal import (
    change_passphrase,
    keep_cometbft,
    keep_signing,
    keep_voting,
    renew_cometbft,
    renew_signing,
    renew_transport,
    renew_voting,
)
from node.keys import read_key, read_public_keys
from node.office.office import REGISTRY_FILE
from node.peers.certificates import issuer_of
from node.registry import Registry, backups, sealed_stream
from node.registry.records import Act
from primitives.errors import InvariantBroken, Refused
from primitives.keystore import seal
from primitives.signatures import SigningKey
from tests.node.founding import PASSPHRASE, make_card, make_sealing_fast

NETWORK_ID = bytes(range(32))
CHAIN_ID = chain_id_of(NETWORK_ID)
OTHER = "une autre phrase secrète"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFiles:
    make_sealing_fast(monkeypatch)
    make_card(tmp_path, "arden")
    return KeyFiles(DataFolder(tmp_path / "arden" / "data"))


def tree(files: KeyFiles) -> dict[str, bytes]:
    """The keys and the card, as whoever takes the folder next finds them."""
    with files.held():
        paths = [files.folder.card_file, *files.folder.keys.iterdir()]
    return {path.name: path.read_bytes() for path in paths}


def dies_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that is gone at this step of its dealings with the disk; whether it
    was done before."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    left = [step]
    for name in ("fsync", "replace", "link", "open"):
        real = getattr(os, name)

        def counting(*words: object, real: Callable[..., object] = real, **more: object) -> object:
            left[0] -= 1
            if left[0] <= 0:
                os._exit(9)
            return real(*words, **more)

        setattr(os, name, counting)
    try:
        work()
    finally:
        os._exit(0)
    return True


def is_whole(files: KeyFiles) -> bool:
    """Whether the transport certificate is the voting key's, and public.json says what is there."""
    with files.held():
        current = files.read_current(PASSPHRASE)
        pending = files.read_pending(PASSPHRASE)
    shown = read_public_keys(files.folder.public_keys_file)
    if pending is not None and shown.get("next_voting") != pending.voting_key.hex():
        return False
    return shown["voting"] == current.voting_key.hex() and _is_issued(
        current.transport.certificate_pem, current.voting_key
    )


def _is_issued(certificate_pem: bytes, voting_key: bytes) -> bool:
    leaf = x509.load_pem_x509_certificate(certificate_pem).public_bytes(Encoding.DER)
    return issuer_of(leaf, frozenset({voting_key})) == voting_key


def test_a_voting_key_waits_and_takes_its_place(files: KeyFiles, tmp_path: Path) -> None:
    folder, out = files.folder, tmp_path / "new.card"
    old = read_card(folder.card_file).territory
    card = renew_voting(folder.root, out, PASSPHRASE, again=False)
    told = read_card(out).territory
    assert told == card.territory and told.voting_key != old.voting_key
    assert (told.prefix, told.node_key, told.recovery_key) == (
        old.prefix,
        old.node_key,
        old.recovery_key,
    )
    # Until it is taken the old one is what the node starts with.
    assert files.read_current(PASSPHRASE).voting_key == old.voting_key
    pending = files.read_pending(PASSPHRASE)
    assert pending is not None and pending.voting_key == told.voting_key and is_whole(files)
    with pytest.raises(Refused) as caught:
        renew_voting(folder.root, tmp_path / "again.card", PASSPHRASE, again=False)
    assert caught.value.code == "key_pending" and not (tmp_path / "again.card").exists()
    with pytest.raises(FileExistsError):
        renew_voting(folder.root, out, PASSPHRASE, again=True)
    before = tree(files)
    with pytest.raises(Refused) as caught:
        renew_voting(folder.root, tmp_path / "again.card", OTHER, again=True)
    assert caught.value.code == "passphrase_wrong" and tree(files) == before
    renew_voting(folder.root, tmp_path / "again.card", PASSPHRASE, again=True)
    another = files.read_pending(PASSPHRASE)
    assert another is not None and another.voting_key != told.voting_key
    # What was thrown away since does not take the place.
    keep_voting(files, pending)
    assert files.read_current(PASSPHRASE).voting_key == old.voting_key
    keep_voting(files, another)
    keep_voting(files, another)
    assert files.read_current(PASSPHRASE).voting_key == another.voting_key
    assert files.read_pending(PASSPHRASE) is None and is_whole(files)
    assert read_card(folder.card_file).territory.voting_key == another.voting_key
    # No file holds the old key any more.
    left = [read_key(path, "voting", PASSPHRASE) for path in folder.keys.glob("*voting.json")]
    assert [key.public_key for key in left] == [another.voting_key]


def test_a_transport_key_is_another_at_once(files: KeyFiles) -> None:
    before = files.read_current(PASSPHRASE)
    public = renew_transport(files.folder.root, PASSPHRASE)
    after = files.read_current(PASSPHRASE)
    assert after.voting_key == before.voting_key and is_whole(files)
    assert after.transport.key_pem != before.transport.key_pem
    assert read_public_keys(files.folder.public_keys_file)["transport"] == public.hex()


def test_the_node_s_own_key_waits_for_the_ledger(files: KeyFiles) -> None:
    data = files.folder.root
    old, new = renew_signing(data, PASSPHRASE, again=False)
    with pytest.raises(Refused) as caught:
        renew_signing(data, PASSPHRASE, again=False)
    assert caught.value.code == "key_pending"
    current, pending = files.read_signing(PASSPHRASE)
    assert pending is not None and (current.public_key, pending.public_key) == (old, new)
    assert read_public_keys(files.folder.public_keys_file)["next_signing"] == new.hex()
    keep_signing(files, pending)
    keep_signing(files, pending)
    current, waiting = files.read_signing(PASSPHRASE)
    assert current.public_key == new and waiting is None
    shown = read_public_keys(files.folder.public_keys_file)
    assert shown["signing"] == new.hex() and "next_signing" not in shown


@pytest.fixture
def bound(files: KeyFiles) -> KeyFiles:
    """A node that was started in a network under CometBFT."""
    files.folder.bind(NETWORK_ID, COMETBFT)
    SignedLastFile.create(files.folder.signed_last_file, CHAIN_ID, key_of(files).public_key)
    return files


def key_of(files: KeyFiles) -> SigningKey:
    found = files.read_cometbft(PASSPHRASE)
    assert found is not None
    return found


def records(files: KeyFiles) -> list[bytes]:
    """Of whom what was signed is remembered here, by name."""
    candidates = [key_of(files), files.read_next_cometbft(PASSPHRASE)]
    found = []
    for path in sorted(files.folder.root.glob("signed-last*")):
        for key in candidates:
            with contextlib.suppress(Refused):
                if key is not None:
                    SignedLastFile.read(path, CHAIN_ID, key.public_key)
                    found.append(key.public_key)
    return found


def test_a_key_for_cometbft_waits_with_its_record(bound: KeyFiles, tmp_path: Path) -> None:
    folder, old = bound.folder, key_of(bound)
    made = renew_cometbft(folder.root, tmp_path / "new.card", PASSPHRASE, again=False)
    told = read_card(tmp_path / "new.card").territory
    known = read_card(folder.card_file).territory
    assert told == made.territory == replace(known, cometbft_key=told.cometbft_key)
    new = bound.read_next_cometbft(PASSPHRASE)
    assert new is not None and new.public_key == told.cometbft_key != old.public_key
    assert set(records(bound)) == {old.public_key, new.public_key}
    with pytest.raises(Refused) as caught:
        renew_cometbft(folder.root, tmp_path / "again.card", PASSPHRASE, again=False)
    assert caught.value.code == "key_pending"
    before = tree(bound)
    with pytest.raises(Refused) as caught:
        renew_cometbft(folder.root, tmp_path / "again.card", OTHER, again=True)
    assert caught.value.code == "passphrase_wrong" and tree(bound) == before
    renew_cometbft(folder.root, tmp_path / "again.card", PASSPHRASE, again=True)
    another = bound.read_next_cometbft(PASSPHRASE)
    assert another is not None and another.public_key != new.public_key
    assert set(records(bound)) == {old.public_key, another.public_key}
    # One that was thrown away since takes nobody's place, and no vote renews it meanwhile.
    keep_cometbft(bound, new, PASSPHRASE)
    assert key_of(bound).public_key == old.public_key
    renew_voting(folder.root, tmp_path / "voting.card", PASSPHRASE, again=False)
    for _ in range(2):
        keep_cometbft(bound, another, PASSPHRASE)
        assert key_of(bound).public_key == another.public_key
        assert records(bound) == [another.public_key]
    assert bound.read_next_cometbft(PASSPHRASE) is None
    shown = read_public_keys(folder.public_keys_file)
    assert shown["cometbft"] == another.public_key.hex() and "next_cometbft" not in shown
    for place in (folder.card_file, bound.next_card):
        assert read_card(place).territory.cometbft_key == another.public_key


def test_the_other_engine_has_no_such_key_to_renew(files: KeyFiles, tmp_path: Path) -> None:
    data = files.folder.root
    for engine, code in (("", "network_none"), (SIMPLEX, "engine_mismatch")):
        if engine:
            files.folder.bind(NETWORK_ID, engine)
        before = tree(files)
        with pytest.raises(Refused) as caught:
            renew_cometbft(data, tmp_path / "new.card", PASSPHRASE, again=False)
        assert caught.value.code == code
        assert tree(files) == before and not (tmp_path / "new.card").exists()


@pytest.mark.parametrize("kept", [False, True])
def test_power_fails_at_any_step_of_a_key_for_cometbft(
    bound: KeyFiles, tmp_path: Path, *, kept: bool
) -> None:
    """A key is never here without its record, but for one that was retired."""
    root = bound.folder.root
    old = key_of(bound)

    renew_cometbft(root, tmp_path / "new.card", PASSPHRASE, again=False)
    pending = bound.read_next_cometbft(PASSPHRASE)
    assert pending is not None
    waits = pending

    def work() -> None:
        if kept:
            keep_cometbft(bound, waits, PASSPHRASE)
        else:
            renew_cometbft(root, tmp_path / "other.card", PASSPHRASE, again=True)

    saved = tmp_path / "saved"
    shutil.copytree(root, saved)
    outcomes: list[bool] = []
    for step in range(1, 200):
        done = dies_at(step, work)
        with bound.held():
            pass
        waiting = bound.read_next_cometbft(PASSPHRASE)
        here = {key_of(bound).public_key} | ({waiting.public_key} if waiting else set())
        assert set(records(bound)) == here
        assert len(list(root.glob("signed-last*"))) == len(here)
        outcomes.append(waiting is None or waiting.public_key != pending.public_key)
        if done:
            break
        shutil.rmtree(root)
        shutil.copytree(saved, root)
        (tmp_path / "other.card").unlink(missing_ok=True)
    assert outcomes[0] is False and outcomes[-1] is True and len(outcomes) > 10
    assert outcomes == sorted(outcomes)
    assert (key_of(bound).public_key == old.public_key) is not kept


def test_a_passphrase_opens_all_keys_or_none(files: KeyFiles, tmp_path: Path) -> None:
    data = files.folder.root
    renew_voting(data, tmp_path / "new.card", PASSPHRASE, again=False)
    renew_signing(data, PASSPHRASE, again=False)
    before = tree(files)
    with pytest.raises(Refused) as caught:
        change_passphrase(data, OTHER, "whatever")
    assert caught.value.code == "passphrase_wrong" and tree(files) == before
    with pytest.raises(Refused) as caught:
        change_passphrase(data, PASSPHRASE, "")
    assert caught.value.code == "passphrase_empty" and tree(files) == before
    known = files.read_current(PASSPHRASE), files.read_signing(PASSPHRASE)
    cometbft = files.read_cometbft(PASSPHRASE)
    assert len(change_passphrase(data, PASSPHRASE, OTHER)) == 7
    now = files.read_current(OTHER), files.read_signing(OTHER)
    assert now[0].voting.seed == known[0].voting.seed
    assert now[0].transport == known[0].transport
    assert [key.seed for key in now[1] if key] == [key.seed for key in known[1] if key]
    moved = files.read_cometbft(OTHER)
    assert cometbft is not None and moved is not None and moved.seed == cometbft.seed
    assert files.read_pending(OTHER) is not None
    for read in (
        files.read_current,
        files.read_pending,
        files.read_signing,
        files.read_cometbft,
    ):
        with pytest.raises(Refused) as caught:
            read(PASSPHRASE)
        assert caught.value.code == "passphrase_wrong"


def test_what_does_not_open_again_is_not_kept(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(files)

    def wrong(payload: object, passphrase: str, *, salt: bytes, nonce: bytes) -> bytes:
        other = ("key", 1, "voting", bytes(32))
        return seal(other, passphrase, salt=salt, nonce=nonce, opslimit=1, memlimit_bytes=8_192)

    monkeypatch.setattr(keys, "seal", wrong)
    with pytest.raises(InvariantBroken):
        change_passphrase(files.folder.root, PASSPHRASE, OTHER)
    assert tree(files) == before


def test_power_fails_at_any_step(files: KeyFiles, tmp_path: Path) -> None:
    """The old keys or the new ones, never some of each, and the same work can be done again."""
    data = files.folder.root
    renew_voting(data, tmp_path / "new.card", PASSPHRASE, again=False)
    pending = files.read_pending(PASSPHRASE)
    assert pending is not None
    before = tree(files)
    outcomes: list[bool] = []
    for step in range(1, 200):
        done = dies_at(step, lambda: keep_voting(files, pending))
        after = tree(files)
        assert is_whole(files)
        outcomes.append(after != before)
        assert not [name for name in after if name.startswith(".")]
        if done:
            break
        if after != before:
            for path in files.folder.keys.iterdir():
                path.unlink()
            for name, content in before.items():
                place = files.folder.root if name == "card.json" else files.folder.keys
                (place / name).write_bytes(content)
    assert outcomes[0] is False and outcomes[-1] is True and len(outcomes) > 10
    # Once it is done it stays done: there is one point of no return.
    assert outcomes == sorted(outcomes)


def test_a_list_that_is_cut_is_told(files: KeyFiles) -> None:
    (files.folder.keys / LIST_FILE).write_text('{"written": 3}')
    with pytest.raises(Refused) as caught, files.held():
        pass
    assert caught.value.code == "data_malformed"


def test_a_backup_takes_what_waits_along(
    files: KeyFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap = partial(sealed_stream.seal, opslimit=1, memlimit_bytes=8_192)
    monkeypatch.setattr(backups, "seal", cheap)
    folder = files.folder
    renew_voting(folder.root, tmp_path / "new.card", PASSPHRASE, again=False)
    Registry.open(folder.registry / REGISTRY_FILE, "arden").close()
    node_backups.create(folder.root, Act(1, b"", "test"), tmp_path / "backup", OTHER)
    node_backups.restore(tmp_path / "backup", OTHER, tmp_path / "again")
    again = KeyFiles(DataFolder(tmp_path / "again"))
    assert tree(again) == tree(files)
    assert json.loads((tmp_path / "again" / "card.json").read_text())["prefix"] == "arden"
