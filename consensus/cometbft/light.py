"""Light verification: which header is final, given one that is trusted.

As CometBFT's `light/verifier.go` and `types/validation.go`, and the specification
`spec/light-client/verification`. Stricter in what it reads: a commit has one place for each
validator of the header's set, in the set's order, with that validator's address, also where a
signature is not needed. A signature counts if our strict equation holds (`primitives.signatures`).
CometBFT's own (ZIP 215) accepts more, so a faulty validator can sign for its peers and not for us:
such a signature is left uncounted and does not spoil the commit, or one of n could hide a block
from every wallet.

Nothing here knows what time it is: `now_ns` and the rest of `Trusting` are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.cometbft.commits import ABSENT, FOR_BLOCK, Commit
from consensus.cometbft.headers import BLOCK_PROTOCOL, Header
from consensus.cometbft.validators import ValidatorSet
from consensus.votes import Verifier
from primitives.errors import Refused


@dataclass(frozen=True, slots=True)
class SignedHeader:
    """A header and the commit for it (`tendermint.types.SignedHeader`)."""

    header: Header
    commit: Commit


@dataclass(frozen=True, slots=True)
class Trusted:
    """What is believed: a header, and the set that its `next_validators_hash` names."""

    header: Header
    next_validators: ValidatorSet

    def __post_init__(self) -> None:
        if self.next_validators.hash != self.header.next_validators_hash:
            raise Refused(
                "certificate_invalid", "the next set is not the one that the header names"
            )


@dataclass(frozen=True, slots=True)
class Trusting:
    """How long and how far trust goes.

    `period_ns` after a trusted header's time its set may sign anything; a header may be
    `clock_drift_ns` ahead of `now_ns`. `level`, numerator and denominator, is the share of the
    trusted set that must be exceeded to skip heights: from 1/3, CometBFT's default, to 1.
    """

    now_ns: int
    period_ns: int
    clock_drift_ns: int = 0
    level: tuple[int, int] = (1, 3)

    def __post_init__(self) -> None:
        numerator, denominator = self.level
        if not 0 < denominator <= 3 * numerator <= 3 * denominator:
            raise Refused("trust_level_invalid", f"{numerator}/{denominator}")


def verify(
    trusted: Trusted,
    signed: SignedHeader,
    validators: ValidatorSet,
    trusting: Trusting,
    verifier: Verifier,
) -> int:
    """That a higher header is final; how many validators signed it, of `validators`, its own set.

    Raises `Refused`: `certificate_invalid` where it does not hold, `trust_expired` where the
    trusted header is too old to lead on, `trust_insufficient` where too little of the trusted set
    signed and a header between is needed, `header_time_ahead`.
    """
    header, old = signed.header, trusted.header
    if old.time_ns + trusting.period_ns <= trusting.now_ns:
        raise Refused("trust_expired", f"height {old.height}")
    if header.chain_id != old.chain_id or header.height <= old.height:
        raise _invalid("of another chain, or not above the trusted header")
    if header.time_ns <= old.time_ns:
        raise _invalid("not later than the trusted header")
    if header.time_ns >= trusting.now_ns + trusting.clock_drift_ns:
        raise Refused("header_time_ahead", f"height {header.height}")
    if header.height == old.height + 1:
        if header.validators_hash != old.next_validators_hash:
            raise _invalid("not the set that the header below names")
    else:
        check_commit_for(signed, validators)
        power = trusted_power(signed, trusted.next_validators, verifier)
        numerator, denominator = trusting.level
        if power * denominator <= trusted.next_validators.total_power * numerator:
            raise Refused("trust_insufficient", f"height {header.height}")
    return verify_commit(signed, validators, verifier)


def verify_commit(signed: SignedHeader, validators: ValidatorSet, verifier: Verifier) -> int:
    """That more than two thirds of the header's own set signed it; how many validators did.

    Raises `Refused("certificate_invalid")`.
    """
    check_commit_for(signed, validators)
    power = count = 0
    for place, validator in enumerate(validators.validators):
        one = signed.commit.signatures[place]
        if one.flag == FOR_BLOCK:
            message = signed.commit.sign_bytes(signed.header.chain_id, place)
            if verifier(validator.public_key, message, one.signature):
                power, count = power + validator.power, count + 1
    if not validators.is_quorum(power):
        raise _invalid(f"{power} of {validators.total_power} signed")
    return count


def check_commit_for(signed: SignedHeader, validators: ValidatorSet) -> None:
    """The commit names this header, and has the places of the set that the header names.

    Raises `Refused("certificate_invalid")`.
    """
    header, commit = signed.header, signed.commit
    if header.version_block != BLOCK_PROTOCOL:
        raise _invalid(f"block protocol {header.version_block}")
    if header.validators_hash != validators.hash:
        raise _invalid("not the set that the header names")
    if not commit.block_id.is_complete:
        raise _invalid("the commit is for no block")
    if commit.height != header.height or commit.block_id.hash != header.hash:
        raise _invalid("the commit is for another block")
    if len(commit.signatures) != len(validators.validators):
        raise _invalid("not one place for each validator")
    for one, validator in zip(commit.signatures, validators.validators, strict=True):
        if not one.is_well_formed or (one.flag != ABSENT and one.address != validator.address):
            raise _invalid("a place is not its validator's")


def trusted_power(signed: SignedHeader, known: ValidatorSet, verifier: Verifier) -> int:
    """The power of those of a known set who signed the header, whatever set it is of. Addresses
    stand once in a commit that `check_commit_for` accepted."""
    power = 0
    for place, one in enumerate(signed.commit.signatures):
        validator = known.by_address.get(one.address) if one.flag == FOR_BLOCK else None
        if validator is not None:
            message = signed.commit.sign_bytes(signed.header.chain_id, place)
            if verifier(validator.public_key, message, one.signature):
                power += validator.power
    return power


def _invalid(detail: str) -> Refused:
    return Refused("certificate_invalid", detail)
