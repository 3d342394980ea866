"""A territory's keys on disk: each in a keystore of its own, sealed with the passphrase.

keys/voting.json     the consensus key; also the authority of the transport key
keys/cometbft.json   the voting key of the other engine; folders of before have none
keys/signing.json    the node's own key, with which it countersigns
keys/transport.json  the TLS key (PEM); keys/transport.pem its certificate
keys/next-….json     keys that wait to take their place (`node.key_files`)
keys/public.json     the public halves, for who has no passphrase at hand
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from node.private_files import write_new_file
from primitives.encoding import Value
from primitives.errors import InvariantBroken, Refused
from primitives.hashing import hash_bytes
from primitives.keystore import FILE_BYTES_MAX, seal, unseal
from primitives.signatures import SEED_BYTES, SigningKey
from terminal.languages import text

SALT_BYTES = 16
NONCE_BYTES = 24
KEY_FILE_KIND = "key"
TRANSPORT_FILE_KIND = "transport_key"
PUBLIC_FILE_KIND = "public_keys"
PUBLIC_FILE_BYTES_MAX = 16_384


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where new keys come from: the system's randomness, or a demo's seed."""

    demo_seed: str | None = None

    def new_key(self, role: str) -> SigningKey:
        """A key for this role, which names its owner; with a seed, always the same one."""
        if self.demo_seed is None:
            return SigningKey.from_seed(secrets.token_bytes(SEED_BYTES))
        return SigningKey.from_seed(hash_bytes("demo_key", f"{role}\0{self.demo_seed}".encode()))


def write_key(path: Path, role: str, key: SigningKey, passphrase: str) -> None:
    """Seal a key into a new file. Raises FileExistsError."""
    write_new_file(path, sealed_key(role, key, passphrase))


def sealed_key(role: str, key: SigningKey, passphrase: str) -> bytes:
    """The content of such a file."""
    return _sealed((KEY_FILE_KIND, 1, role, key.seed), passphrase)


def read_key(path: Path, role: str, passphrase: str) -> SigningKey:
    """Unseal a key. Raises `Refused`: `passphrase_wrong`, `keystore_malformed`, and
    `data_of_newer_version`."""
    match _unseal(path, passphrase):
        case ("key", 1, str(found), bytes(seed)) if found == role and len(seed) == SEED_BYTES:
            return SigningKey.from_seed(seed)
        case ("key", 1, str(found), bytes()) if found != role:
            # A sound file, and not the one that was meant: no backup would help.
            hint = text(
                f"nommez le fichier de la clé « {role} »", f"name the file of the {role} key"
            )
            told = f"this is the key for {found[:40]}, not for {role}"
            raise Refused("keystore_malformed", told, file=str(path), hint=hint)
    raise Refused("keystore_malformed", f"this is not a key for {role}", file=str(path))


def write_transport_key(path: Path, key_pem: bytes, passphrase: str) -> None:
    """Seal the TLS key."""
    write_new_file(path, sealed_transport_key(key_pem, passphrase))


def sealed_transport_key(key_pem: bytes, passphrase: str) -> bytes:
    """The content of such a file."""
    return _sealed((TRANSPORT_FILE_KIND, 1, key_pem), passphrase)


def resealed(path: Path, passphrase: str, new_passphrase: str) -> bytes:
    """What a key's file becomes under another passphrase. Raises `Refused`: `passphrase_wrong`,
    `keystore_malformed`, `passphrase_empty`."""
    payload = _unseal(path, passphrase)
    sealed = _sealed(payload, new_passphrase)
    if unseal(sealed, new_passphrase) != payload:
        raise InvariantBroken("a key that was sealed again does not open")
    return sealed


def _sealed(payload: Value, passphrase: str) -> bytes:
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    return seal(payload, passphrase, salt=salt, nonce=nonce)


def read_transport_key(path: Path, passphrase: str) -> bytes:
    """Unseal the TLS key, PEM."""
    match _unseal(path, passphrase):
        case ("transport_key", 1, bytes(key_pem)):
            return key_pem
    raise Refused("keystore_malformed", "this is not a transport key", file=str(path))


def write_public_keys(path: Path, keys: dict[str, str]) -> None:
    """Write public keys (role to hex) into a new file."""
    write_new_file(path, public_keys_content(keys))


def public_keys_content(keys: dict[str, str]) -> bytes:
    """The content of that file."""
    content = {"kind": PUBLIC_FILE_KIND, "version": 1, "keys": keys}
    return (json.dumps(content, indent=1) + "\n").encode()


def read_public_keys(path: Path) -> dict[str, str]:
    """Read them again. Raises `Refused`: `data_malformed`, `data_of_newer_version`."""
    with path.open("rb") as stream:
        raw = stream.read(PUBLIC_FILE_BYTES_MAX)
    try:
        match json.loads(raw):
            case {"kind": "public_keys", "version": 1, "keys": dict(keys)}:
                return {str(role): str(key) for role, key in keys.items()}
            case {"kind": "public_keys", "version": int(version)} if version > 1:
                raise Refused("data_of_newer_version", f"version {version}", file=str(path))
    except (ValueError, RecursionError):
        pass
    raise Refused("data_malformed", "the public keys can't be read", file=str(path))


def _unseal(path: Path, passphrase: str) -> Value:
    with path.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
    try:
        payload = unseal(raw, passphrase)
        match payload:
            case ("key" | "transport_key", int(version), *_) if version > 1:
                raise Refused("version_unknown", f"a key of version {version}")
        return payload
    except Refused as refusal:
        if refusal.code == "version_unknown":
            told = refusal.detail
            raise Refused("data_of_newer_version", told, file=str(path)) from refusal
        refusal.file = refusal.file or str(path)
        raise
