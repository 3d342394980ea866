"""A small network with people in it: four territories, residents of the first with money."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any, TypeVar

from ledger import roles
from ledger.accounts import open_fields
from ledger.envelope import Transaction, build_body, sign_transaction
from ledger.fields import ACCOUNT_OPEN, PAYMENT_PAY, RESERVE_ISSUE, OpenedAccount, OpenedKey
from ledger.genesis import Genesis
from ledger.payments import pay_fields
from ledger.reserve import issue_fields
from ledger.transaction import decode_transaction
from primitives import addresses
from primitives.encoding import Value
from primitives.signatures import SigningKey
from tests.wallet.chain import Chain
from tests.wallet.founding import found
from wallet.light.commitments import commitment

C = TypeVar("C", bound=Chain)
OPENING_MINOR = 100_000
VALID_MS = 300_000


def key_of(name: str) -> SigningKey:
    """The key of whoever has this name, the same every time."""
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


@dataclass(frozen=True)
class Person:
    """Someone with a key and an account in the first territory."""

    name: str
    prefix: str
    key: SigningKey

    @classmethod
    def named(cls, name: str) -> "Person":
        """The person with this name."""
        return cls(name, "arden", key_of(f"person {name}"))

    @property
    def account_id(self) -> bytes:
        """Their account's id."""
        return addresses.account_id(self.prefix, self.key.public_key)

    @property
    def address(self) -> str:
        """Their account's address."""
        return addresses.format_address(self.prefix, self.account_id)


PEOPLE = tuple(Person.named(name) for name in ("alice", "baker", "carol"))
STAFF_KEY = key_of("arden staff")
ISSUER_KEYS = (key_of("arden issuer 0"), key_of("arden issuer 1"))


def genesis(salt: str = "", **changes: Any) -> Genesis:
    """Four territories; the first's issuer needs two signatures."""
    return found(key_of, salt, **changes)


def empty_chain(salt: str = "", **changes: Any) -> Chain:
    """The network before anything happened."""
    names = ("arden", "brume", "cassis", "dune")
    return Chain(genesis(salt, **changes), [key_of(f"{name} voting{salt}") for name in names])


def chain_with_people(salt: str = "") -> Chain:
    """Three residents, each with 1,000.00, and an empty block at the end."""
    return peopled(empty_chain(salt))


def peopled(chain: C) -> C:
    """The same in a chain in which nothing happened yet."""
    opened = tuple(
        OpenedAccount(
            "service" if person.name == "baker" else "resident",
            "ARD",
            secrets.token_bytes(16),
            1,
            (OpenedKey(person.key.public_key, roles.ROLES_OPENED, None),),
        )
        for person in PEOPLE
    )
    staff_id = addresses.account_id("arden", STAFF_KEY.public_key)
    chain.seal([signed(chain, ACCOUNT_OPEN, open_fields(opened), staff_id, STAFF_KEY, 1)])
    issuer_id = addresses.account_id("arden", ISSUER_KEYS[0].public_key)
    lines = [(person.account_id, OPENING_MINOR, bytes(32)) for person in PEOPLE]
    chain.seal(
        [
            signed(
                chain, RESERVE_ISSUE, issue_fields("ARD", lines), issuer_id, ISSUER_KEYS[0], 1,
                ISSUER_KEYS[1],
            )
        ]
    )  # fmt: skip
    chain.seal()
    return chain


def other_chain() -> Chain:
    """Another network with the same people."""
    return chain_with_people(" of another network")


def signed(
    chain: Chain,
    kind: str,
    body_fields: tuple[Value, ...],
    account: bytes,
    key: SigningKey,
    number: int,
    *cosigners: SigningKey,
) -> Transaction:
    """A signed transaction, decoded."""
    now_ms = time.time_ns() // 1_000_000
    body = build_body(
        kind,
        chain.network_id,
        created_ms=now_ms,
        valid_until_ms=now_ms + VALID_MS,
        account=account,
        device=key.public_key,
        number=number,
        fields=body_fields,
    )
    return decode_transaction(
        sign_transaction(body, chain.network_id, key, cosigners), chain.network_id
    )


def paid(
    chain: Chain, payer: Person, payee: Person, amount_minor: int, *, note: str = ""
) -> Transaction:
    """A payment in a block of its own; the note's salt is all zeros."""
    account = chain.state.account(payer.account_id)
    if account is None:
        raise LookupError(payer.name)
    digest = commitment("note", bytes(32), note) if note else None
    transaction = signed(
        chain,
        PAYMENT_PAY,
        pay_fields(payee.account_id, "ARD", amount_minor, digest),
        payer.account_id,
        payer.key,
        account.devices[0].high + 1,
    )
    chain.seal([transaction])
    return transaction
