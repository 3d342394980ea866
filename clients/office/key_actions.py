"""`office key`: a member of staff makes a key of their own, and hands over its public half only."""

import secrets
from pathlib import Path

from clients.office.signers import JOINING
from primitives.errors import Refused
from primitives.keystore import (
    FILE_BYTES_MAX,
    NONCE_BYTES,
    SALT_BYTES,
    reseal,
    seal,
    unseal,
)
from primitives.signatures import SEED_BYTES, SigningKey
from terminal.languages import text
from terminal.passphrases import read_new_passphrase, read_passphrase
from terminal.results import Result
from wallet.atomic_files import write_file

KEY_ROLE = "staff"


def make_key(out: Path, passphrase_file: Path | None, territory: str | None = None) -> Result:
    """Make a sealed key. Raises `FileExistsError`: a key is never overwritten."""
    if out.exists():
        raise FileExistsError(17, "exists", str(out))
    passphrase = read_passphrase(passphrase_file, confirm=True, what=out.name)
    signing_key = SigningKey.from_seed(secrets.token_bytes(SEED_BYTES))
    sealed = seal(
        ("key", 1, KEY_ROLE if territory is None else f"{JOINING}{territory}", signing_key.seed),
        passphrase,
        salt=secrets.token_bytes(SALT_BYTES),
        nonce=secrets.token_bytes(NONCE_BYTES),
    )
    write_file(out, sealed, replace=False)
    public = signing_key.public_key.hex()
    return Result(
        {"keystore": str(out), "public_key": public},
        text(
            f"{public}\nClé écrite dans {out}. Remettez la ligne ci-dessus, et elle seule, à qui "
            "prépare le nœud : democite node init --staff-key …",
            f"{public}\nKey written to {out}. Hand the line above, and nothing else, to whoever "
            "prepares the node: democite node init --staff-key …",
        ),
    )


def change_passphrase(
    files: list[Path], passphrase_file: Path | None, new_passphrase_file: Path | None
) -> Result:
    """Seal keystores of staff, an issuer or a recovery key under another passphrase: each file is
    the old or the new one at any moment; none is changed unless the passphrase opens them all."""
    raws = [_read(file) for file in files]
    old = read_passphrase(passphrase_file, what=files[0].name)
    for file, raw in zip(files, raws, strict=True):
        try:
            unseal(raw, old)
        except Refused as refusal:
            refusal.file = refusal.file or str(file)
            raise
    new = read_new_passphrase(new_passphrase_file)
    for file, raw in zip(files, raws, strict=True):
        salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
        write_file(file, reseal(raw, old, new, salt=salt, nonce=nonce))
    told = text(
        f"{len(files)} clé(s) sous la nouvelle phrase secrète, et elle seule.",
        f"{len(files)} key(s) under the new passphrase, and it alone.",
    )
    return Result({"files": [str(file) for file in files]}, told)


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(FILE_BYTES_MAX + 1)
