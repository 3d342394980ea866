"""A wallet's file: what is public about it in the clear, its key sealed with a passphrase.

The clear part lets `democite wallet address` answer without a passphrase. It is never trusted for
signing: when the key is unsealed, the clear part must follow from the sealed one.
"""

import json
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from primitives import addresses, keystore
from primitives.encoding import Value
from primitives.errors import Refused
from primitives.signatures import SigningKey
from wallet.atomic_files import write_file

FILE_KIND = "wallet"
FILE_VERSION = 1
FILE_BYTES_MAX = 64 * 1024
SEED_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 24


@dataclass(frozen=True)
class WalletIdentity:
    """What anyone may know of a wallet."""

    network_id: bytes
    prefix: str
    account_kind: str
    device_key: bytes
    joined: bytes | None = None
    """The id of the account that this key joins; nil where the account begins with it."""

    @property
    def account_id(self) -> bytes:
        """The account's id; known before the account is open."""
        if self.joined is not None:
            return self.joined
        return addresses.account_id(self.prefix, self.device_key)

    @property
    def address(self) -> str:
        """The account's address."""
        return addresses.format_address(self.prefix, self.account_id)


def create_wallet_file(
    path: Path, identity: WalletIdentity, signing_key: SigningKey, passphrase: str
) -> None:
    """Write a new wallet. Raises `FileExistsError`: a wallet is never overwritten."""
    write_file(path, _sealed(identity, signing_key, passphrase), replace=False)


def bind_wallet_file(path: Path, passphrase: str, network_id: bytes) -> None:
    """Have a wallet's key serve another network from now on. Raises what `unlock` raises."""
    identity, signing_key = unlock(path, passphrase)
    bound = replace(identity, network_id=network_id)
    write_file(path, _sealed(bound, signing_key, passphrase))


def _sealed(identity: WalletIdentity, signing_key: SigningKey, passphrase: str) -> bytes:
    """The file's content."""
    payload: list[Value] = [
        FILE_KIND,
        FILE_VERSION,
        identity.network_id,
        identity.prefix,
        signing_key.seed,
    ]
    if identity.joined is not None:
        payload.append(identity.joined)
    sealed = keystore.seal(
        payload,
        passphrase,
        salt=secrets.token_bytes(SALT_BYTES),
        nonce=secrets.token_bytes(NONCE_BYTES),
    )
    content = {
        "kind": FILE_KIND,
        "version": FILE_VERSION,
        "network_id": identity.network_id.hex(),
        "territory": identity.prefix,
        "account_kind": identity.account_kind,
        "device_key": identity.device_key.hex(),
        "address": identity.address,
        "keystore": json.loads(sealed),
    }
    if identity.joined is not None:
        content["joined"] = identity.joined.hex()
    return json.dumps(content, indent=2).encode() + b"\n"


def read_identity(path: Path) -> WalletIdentity:
    """The public part of a wallet's file. Raises `Refused`: `keystore_malformed`."""
    return _identity_of(path, _read(path))


def unlock(path: Path, passphrase: str) -> tuple[WalletIdentity, SigningKey]:
    """The wallet's key. Raises `Refused`: `passphrase_wrong`, `keystore_malformed`."""
    content = _read(path)
    identity = _identity_of(path, content)
    payload = keystore.unseal(json.dumps(content["keystore"]).encode(), passphrase)
    if (
        not isinstance(payload, tuple)
        or len(payload) not in (5, 6)
        or payload[:2] != (FILE_KIND, FILE_VERSION)
        or not isinstance(payload[4], bytes)
        or len(payload[4]) != SEED_BYTES
    ):
        raise Refused("keystore_malformed", file=str(path))
    signing_key = SigningKey.from_seed(payload[4])
    if (
        payload[2] != identity.network_id
        or payload[3] != identity.prefix
        or signing_key.public_key != identity.device_key
        or (payload[5] if len(payload) == 6 else None) != identity.joined
    ):
        raise Refused("keystore_malformed", "public part changed", file=str(path))
    return identity, signing_key


def change_passphrase(path: Path, passphrase: str, new_passphrase: str) -> None:
    """Seal the wallet's key under another passphrase; the file is the old or the new one at any
    moment. Raises as `unlock`, and `passphrase_empty`."""
    unlock(path, passphrase)
    content = _read(path)
    sealed = keystore.reseal(
        json.dumps(content["keystore"]).encode(),
        passphrase,
        new_passphrase,
        salt=secrets.token_bytes(SALT_BYTES),
        nonce=secrets.token_bytes(NONCE_BYTES),
    )
    content["keystore"] = json.loads(sealed)
    write_file(path, json.dumps(content, indent=2).encode() + b"\n")


def _read(path: Path) -> dict[str, object]:
    with path.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused("keystore_malformed", file=str(path)) from None
    if (
        len(raw) > FILE_BYTES_MAX
        or not isinstance(content, dict)
        or content.get("kind") != FILE_KIND
    ):
        raise Refused("keystore_malformed", file=str(path))
    version = content.get("version")
    if type(version) is not int or version != FILE_VERSION:
        raise Refused("version_unknown", file=str(path))
    if not isinstance(content.get("keystore"), dict):
        raise Refused("keystore_malformed", file=str(path))
    return content


def _identity_of(path: Path, content: dict[str, object]) -> WalletIdentity:
    try:
        identity = WalletIdentity(
            network_id=bytes.fromhex(str(content["network_id"])),
            prefix=str(content["territory"]),
            account_kind=str(content["account_kind"]),
            device_key=bytes.fromhex(str(content["device_key"])),
            joined=bytes.fromhex(str(content["joined"])) if "joined" in content else None,
        )
    except (KeyError, ValueError):
        raise Refused("keystore_malformed", file=str(path)) from None
    if (
        len(identity.network_id) != 32
        or len(identity.device_key) != 32
        or len(identity.account_id) != 20
        or not addresses.is_prefix(identity.prefix)
        or content.get("address") != identity.address
    ):
        raise Refused("keystore_malformed", file=str(path))
    return identity
