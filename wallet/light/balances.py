"""Accounts and currencies, proved under the state root of a final header.

A header carries the state root after its *parent*: what is proved is how things stood before that
header's own block.
"""

from ledger.objects import ACCOUNT, CURRENCY, Account, Currency, tree_key
from ledger.power_objects import RequestRecord
from ledger.proofs import AbsenceProof, StateProof
from primitives.errors import Refused
from wallet.light.decoding import decoded
from wallet.light.trust import FinalHeader


def verify_account(
    final: FinalHeader, account_id: bytes, raw: bytes | None, proof: bytes
) -> Account | None:
    """The account with this id, or None when it is proved that there is none.

    `raw` is the object's bytes as a node gave them. Raises `Refused("proof_invalid")`.
    """
    if raw is None:
        _verify_absence(final, tree_key(ACCOUNT, account_id), proof)
        return None
    account = decoded(Account.decode, raw)
    if account.id != account_id:
        raise Refused("proof_invalid", "another account")
    verify_presence(final, tree_key(ACCOUNT, account_id), raw, proof)
    return account


def verify_currency(final: FinalHeader, code: str, raw: bytes | None, proof: bytes) -> Currency:
    """A currency's totals. Raises `Refused`: `currency_unknown`, `proof_invalid`."""
    if raw is None:
        _verify_absence(final, tree_key(CURRENCY, code), proof)
        raise Refused("currency_unknown", code)
    currency = decoded(Currency.decode, raw)
    if currency.code != code:
        raise Refused("proof_invalid", "another currency")
    verify_presence(final, tree_key(CURRENCY, code), raw, proof)
    return currency


def verify_request(
    final: FinalHeader, account_id: bytes, raw: bytes | None, proof: bytes
) -> RequestRecord:
    """A request that is open for this account's keys. Raises `Refused("proof_invalid")`."""
    if raw is None:
        raise Refused("proof_invalid", "no request")
    record = decoded(RequestRecord.decode, raw)
    if record.account != account_id:
        raise Refused("proof_invalid", "another account")
    verify_presence(final, record.tree_key, raw, proof)
    return record


def verify_presence(final: FinalHeader, key: bytes, raw: bytes, proof: bytes) -> None:
    """An object of the state, by its tree key. Raises `Refused("proof_invalid")`."""
    if not decoded(StateProof.decode, proof).verify(final.header.state_root, key, raw):
        raise Refused("proof_invalid", "state")


def _verify_absence(final: FinalHeader, key: bytes, proof: bytes) -> None:
    if not decoded(AbsenceProof.decode, proof).verify(final.header.state_root, key):
        raise Refused("proof_invalid", "absence")
