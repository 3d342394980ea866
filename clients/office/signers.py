"""Who signs: keystores of staff or of an issuer, and the account that they sign for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.account_kinds import ISSUER
from ledger.founders import Territory
from ledger.founding import found
from ledger.objects import Account
from primitives.errors import Refused
from primitives.keystore import FILE_BYTES_MAX, unseal
from primitives.signatures import SEED_BYTES, SigningKey
from terminal.errors import CommandError
from terminal.languages import text
from terminal.passphrases import read_passphrase
from wallet.following import meet_all
from wallet.lane_owner import LaneOwner
from wallet.light.memory import HeaderConflict
from wallet.light.trust import TrustedNetwork
from wallet.network_store import NetworkStore
from wallet.node_urls import node_urls_of

JOINING = "joins "
"""How the label of a key begins that joins a territory after its founding."""


@dataclass(frozen=True)
class Signers:
    """The account that acts, its lane key first, and the others who sign with it."""

    account: Account
    owner: LaneOwner
    cosigners: tuple[SigningKey, ...]
    state_folder: Path

    @property
    def all_keys(self) -> tuple[SigningKey, ...]:
        """Every key at hand."""
        return (self.owner.signing_key, *self.cosigners)


async def open_signers(
    network: TrustedNetwork,
    urls: Sequence[str],
    keystores: list[Path],
    passphrase_files: list[Path] | None,
    account_kind: str,
    joined: Sequence[Territory] = (),
) -> Signers:
    """Unseal the keystores and find the account of this kind that their keys stand on.

    Passphrase files go with the keystores in order; the last one serves those that remain. Nodes
    are asked for the territories that joined after the genesis where none that is known has the
    keys; `joined` are cards at hand. Raises `CommandError`: `option_missing`; `Refused`:
    `key_unknown`, `keystore_twice`, `passphrase_wrong`, ….
    """
    if not keystores:
        raise CommandError(
            "option_missing", text("il manque --keystore FILE", "--keystore FILE is missing")
        )
    keys = [
        _read_key(file, _passphrase_file(passphrase_files, index))
        for index, file in enumerate(keystores)
    ]
    _check_different([key.public_key for key, _ in keys], keystores)
    first = keystores[0]
    folder = first.with_name(f"{first.name}.d")
    for card in joined:
        network.learn_card(card)
    NetworkStore(folder, network).load()
    try:
        account = _common_account(network, keys, account_kind)
    except Refused as unknown:
        try:
            await meet_all(network, urls or node_urls_of(network, ""), folder)
        except HeaderConflict:
            raise
        except Refused:
            raise unknown from None
        account = _common_account(network, keys, account_kind)
    owner = LaneOwner(account.prefix, account.id, keys[0][0])
    return Signers(account, owner, tuple([key for key, _ in keys[1:]]), folder)


def _check_different(public_keys: Sequence[bytes], keystores: Sequence[Path]) -> None:
    """Two signatures are two people's. The ledger would call the same one twice bad bytes."""
    for index, public_key in enumerate(public_keys):
        if public_key in public_keys[:index]:
            raise Refused("keystore_twice", file=str(keystores[index]))


def _common_account(
    network: TrustedNetwork, keys: Sequence[tuple[SigningKey, str]], account_kind: str
) -> Account:
    accounts = {_account_of(network, key, label, account_kind) for key, label in keys}
    if len({account.id for account in accounts}) != 1:
        raise Refused("key_unknown", "the keystores are of different accounts")
    return accounts.pop()


def _account_of(
    network: TrustedNetwork,
    key: SigningKey,
    label: str,
    account_kind: str,
) -> Account:
    """The account of this kind that a key stands on, as the genesis or a card names it; a key that
    came later names its territory by its label. Whether it counts, the ledger says."""
    public_key = key.public_key
    succession = network.genesis.succession
    for row in () if succession is None else succession.members:
        if row.recovery_key == public_key:
            label = row.prefix  # still the paper key of its territory's account
    for item in [account for each in network.territories for account in found(each).accounts]:
        if item.kind == account_kind and (
            item.device(public_key) is not None or item.prefix == label
        ):
            return item
    raise Refused("key_unknown", public_key.hex(), hint=_whose_key(account_kind))


def _whose_key(account_kind: str) -> str:
    if account_kind == ISSUER:
        return text(
            "l'émetteur signe avec sa propre clé (…-issuer.json), pas avec celle de la mairie",
            "the issuer signs with its own key (…-issuer.json), not with the town hall's",
        )
    return text(
        "la mairie signe avec la clé d'un de ses agents (…-staff-1.json)",
        "the town hall signs with the key of one of its staff (…-staff-1.json)",
    )


def _passphrase_file(files: list[Path] | None, index: int) -> Path | None:
    return files[min(index, len(files) - 1)] if files else None


def _read_key(file: Path, passphrase_file: Path | None) -> tuple[SigningKey, str]:
    """The key, and the territory that it joined later, if it did."""
    with file.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
    try:
        payload = unseal(raw, read_passphrase(passphrase_file, what=file.name))
    except Refused as refusal:
        refusal.file = refusal.file or str(file)
        raise
    match payload:
        case ("key", 1, str(role), bytes(seed)) if len(seed) == SEED_BYTES:
            label = role.removeprefix(JOINING) if role.startswith(JOINING) else ""
            return SigningKey.from_seed(seed), label
    raise Refused("keystore_malformed", "not a signing key", file=str(file))
