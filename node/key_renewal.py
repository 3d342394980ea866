"""New keys for a node that has some already, and another passphrase for all of them.

A new voting key waits until the members voted for it and its epoch begins; a new key of the node's
own waits until the staff put it on the territory's account. A new transport key needs nobody: the
voting key vouches for it. A running node takes each of them up by itself (`node.key_watch`).
"""

from dataclasses import replace
from pathlib import Path

from node.cards import CARD_FILE_MODE, Card, card_to_json, read_card
from node.comet_keys import signed_last_file
from node.cometbft_start import fresh_record_of
from node.data_folder import DataFolder
from node.genesis_file import COMETBFT
from node.key_files import KeyFiles
from node.key_ring import NodeKeys
from node.keys import (
    KeySource,
    public_keys_content,
    read_key,
    read_public_keys,
    resealed,
    sealed_key,
    sealed_transport_key,
)
from node.peers.certificates import make_authority, make_transport, public_key_of
from node.private_files import write_new_file
from primitives.errors import Refused
from primitives.signatures import SigningKey


def _files(data: Path) -> KeyFiles:
    folder = DataFolder(data)
    folder.read()
    return KeyFiles(folder)


def renew_voting(data: Path, card_file: Path, passphrase: str, *, again: bool) -> Card:
    """Prepare another voting key, with its transport key, and the card that members vote on.

    Raises `Refused`: `key_pending` for one that waits already (unless `again`: that one is thrown
    away), `passphrase_wrong`, `card_malformed`; FileExistsError for the card.
    """
    files = _files(data)
    folder = files.folder
    if card_file.exists():
        raise FileExistsError(17, "File exists", str(card_file))
    # Under the passphrase that the node is started with, or the node could not take it up.
    read_key(folder.voting_file, "voting", passphrase)
    key = KeySource().new_key("voting")
    known = read_card(folder.card_file)
    card = Card(
        replace(known.territory, voting_key=key.public_key, authority_der=make_authority(key)),
        known.demo,
    )
    content = card_to_json(card, key).encode()
    key_pem, certificate_pem = make_transport(key)
    written = {
        files.next_transport: sealed_transport_key(key_pem, passphrase),
        files.next_certificate: certificate_pem,
        files.next_card: content,
        files.next_voting: sealed_key("voting", key, passphrase),
    }
    with files.held():
        if files.next_voting.exists() and not again:
            raise Refused("key_pending", "a voting key waits already", file=str(files.next_voting))
        files.swap(
            {**written, folder.public_keys_file: _public(folder, next_voting=key.public_key)}
        )
    write_new_file(card_file, content, CARD_FILE_MODE)
    return card


def renew_transport(data: Path, passphrase: str) -> bytes:
    """Another transport key, at once; the public half. Raises `Refused("passphrase_wrong")`."""
    files = _files(data)
    folder = files.folder
    with files.held():
        voting = read_key(folder.voting_file, "voting", passphrase)
        key_pem, certificate_pem = make_transport(voting)
        public = public_key_of(certificate_pem)
        files.swap(
            {
                folder.transport_file: sealed_transport_key(key_pem, passphrase),
                folder.certificate_file: certificate_pem,
                folder.public_keys_file: _public(folder, transport=public),
            }
        )
    return public


def renew_signing(data: Path, passphrase: str, *, again: bool) -> tuple[bytes, bytes]:
    """Prepare another key of the node's own; the public halves of the old and the new one.

    Raises `Refused`: `key_pending` as `renew_voting`, `passphrase_wrong`.
    """
    files = _files(data)
    folder = files.folder
    old = read_key(folder.signing_file, "signing", passphrase)
    key = KeySource().new_key("signing")
    written = {files.next_signing: sealed_key("signing", key, passphrase)}
    with files.held():
        if files.next_signing.exists() and not again:
            raise Refused("key_pending", "one waits already", file=str(files.next_signing))
        files.swap(
            {**written, folder.public_keys_file: _public(folder, next_signing=key.public_key)}
        )
    return old.public_key, key.public_key


def renew_cometbft(data: Path, card_file: Path, passphrase: str, *, again: bool) -> Card:
    """Prepare another voting key for CometBFT, with the record of what it signed, which is nothing
    yet, and the card that members vote on. So this key never forgets, whatever became of the record
    of the key before it.

    Raises `Refused`: `engine_mismatch` where the network has another engine, `network_none` where
    this node never started in one; else as `renew_voting`.
    """
    files = _files(data)
    folder = files.folder
    if card_file.exists():
        raise FileExistsError(17, "File exists", str(card_file))
    content = folder.read()
    if not content.network_id:
        raise Refused("network_none", file=str(folder.file))
    if content.engine != COMETBFT:
        told = f"this folder serves {content.engine}"
        raise Refused("engine_mismatch", told, file=str(folder.file))
    network_id = bytes.fromhex(content.network_id)
    key = KeySource().new_key("cometbft")
    record = signed_last_file(folder.root, network_id, key.public_key)
    with files.held():
        # Under the passphrase that the node is started with, or the node could not take it up.
        voting = read_key(folder.voting_file, "voting", passphrase)
        before = files.read_next_cometbft(passphrase)
        if before is not None and not again:
            raise Refused("key_pending", "one waits already", file=str(files.next_cometbft))
        card = _with_cometbft_key(read_card(folder.card_file), key.public_key)
        gone = (
            [] if before is None else [signed_last_file(folder.root, network_id, before.public_key)]
        )
        files.swap(
            {
                record: fresh_record_of(network_id, key.public_key),
                files.next_cometbft: sealed_key("cometbft", key, passphrase),
                folder.public_keys_file: _public(folder, next_cometbft=key.public_key),
            },
            tuple(gone),
        )
    write_new_file(card_file, card_to_json(card, voting).encode(), CARD_FILE_MODE)
    return card


def _with_cometbft_key(card: Card, public_key: bytes) -> Card:
    return Card(replace(card.territory, cometbft_key=public_key), card.demo)


def keep_cometbft(files: KeyFiles, taken: SigningKey, passphrase: str) -> None:
    """The pending key votes under CometBFT: its file takes the place of the old one's, whose record
    goes with it, and the cards that are kept here name it. Its own record stays where it is: the
    node may be writing it. Once this was done, doing it again changes nothing."""
    with files.held():
        folder = files.folder
        pending = files.read_next_cometbft(passphrase)
        if pending is None or pending.public_key != taken.public_key:
            return  # another one was prepared since
        old = files.read_cometbft(passphrase)
        written = {
            folder.cometbft_file: files.next_cometbft.read_bytes(),
            folder.public_keys_file: _public(folder, "next_cometbft", cometbft=taken.public_key),
        }
        voting_files = {folder.card_file: folder.voting_file, files.next_card: files.next_voting}
        for place, key_file in voting_files.items():
            if place.exists() and key_file.exists():
                voting = read_key(key_file, "voting", passphrase)
                card = _with_cometbft_key(read_card(place), taken.public_key)
                written[place] = card_to_json(card, voting).encode()
        gone = [files.next_cometbft, folder.signed_last_file]
        if old is not None:
            network_id = bytes.fromhex(folder.read().network_id)
            gone.append(signed_last_file(folder.root, network_id, old.public_key))
        files.swap(written, tuple(gone))


def keep_voting(files: KeyFiles, taken: NodeKeys) -> None:
    """The pending voting key is the one in use: its files take the places of the old one's, which
    is gone then. Once this was done, doing it again changes nothing."""
    with files.held():
        folder, moved = files.folder, files.next_voting_files
        if not all(path.exists() for path in moved):
            return
        card = read_card(files.next_card)
        if card.territory.voting_key != taken.voting_key:
            return  # another one was prepared since
        public = public_key_of(files.next_certificate.read_bytes())
        written = {place: path.read_bytes() for path, place in moved.items()}
        written[folder.public_keys_file] = _public(
            folder, "next_voting", voting=taken.voting_key, transport=public
        )
        files.swap(written, tuple(moved))


def keep_signing(files: KeyFiles, taken: SigningKey) -> None:
    """The same for the node's own key."""
    with files.held():
        folder = files.folder
        if not files.next_signing.exists():
            return
        public = _public(folder, "next_signing", signing=taken.public_key)
        files.swap(
            {folder.signing_file: files.next_signing.read_bytes(), folder.public_keys_file: public},
            (files.next_signing,),
        )


def change_passphrase(data: Path, passphrase: str, new_passphrase: str) -> list[Path]:
    """Seal every key of the node under another passphrase: all, or none. The files changed.

    Raises `Refused`: `passphrase_wrong`, `passphrase_empty`, `keystore_malformed`.
    """
    files = _files(data)
    folder = files.folder
    sealed = (
        folder.voting_file,
        folder.cometbft_file,
        folder.signing_file,
        folder.transport_file,
        files.next_voting,
        files.next_transport,
        files.next_signing,
        files.next_cometbft,
    )
    with files.held():
        written = {
            path: resealed(path, passphrase, new_passphrase) for path in sealed if path.exists()
        }
        files.swap(written)
    return list(written)


def _public(folder: DataFolder, gone: str = "", **changed: bytes) -> bytes:
    """The public halves, some of them others now."""
    keys = read_public_keys(folder.public_keys_file)
    keys |= {role: key.hex() for role, key in changed.items()}
    keys.pop(gone, None)
    return public_keys_content(keys)
