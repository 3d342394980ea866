"""The validator set: keys with their voting power, in CometBFT's order, and its hash.

`types/validator_set.go`: by power, the greatest first, then by address. The hash is the RFC 6962
root over each `SimpleValidator` (key and power), in that order. Ed25519 keys alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from consensus.cometbft import merkle
from consensus.cometbft.wire import bytes_field, message_field, number_field
from primitives.errors import Refused

KEY_BYTES = 32
VALIDATORS_MAX = 1_024
"""As many as a network has members; CometBFT itself takes 10,000."""
TOTAL_POWER_MAX = (2**63 - 1) // 8
"""As CometBFT's `MaxTotalVotingPower`."""
MEMBER_POWER = 1
"""The voting power of every member of a network: one territory, one vote. More than two thirds of
n are then n − ⌊(n − 1)/3⌋, the built-in engine's q."""


@dataclass(frozen=True, slots=True)
class Validator:
    """An Ed25519 key and its voting power."""

    public_key: bytes
    power: int
    address: bytes = field(init=False)

    def __post_init__(self) -> None:
        if len(self.public_key) != KEY_BYTES or not 0 < self.power <= TOTAL_POWER_MAX:
            raise Refused("members_malformed", "a validator has a key of 32 bytes and power")
        object.__setattr__(self, "address", sha256(self.public_key).digest()[:20])

    def encode(self) -> bytes:
        """The content of a `SimpleValidator`, which the set's hash is over."""
        return message_field(1, bytes_field(1, self.public_key)) + number_field(2, self.power)


@dataclass(frozen=True)
class ValidatorSet:
    """Validators in CometBFT's order, whatever order they are given in.

    Raises `Refused("members_malformed")` for none, too many, one twice, or too much power.
    """

    validators: tuple[Validator, ...]
    total_power: int = field(init=False, compare=False)
    by_address: dict[bytes, Validator] = field(init=False, repr=False, compare=False)
    hash: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.validators, key=lambda one: (-one.power, one.address)))
        by_address = {one.address: one for one in ordered}
        total = sum([one.power for one in ordered])
        if not 1 <= len(by_address) == len(ordered) <= VALIDATORS_MAX:
            raise Refused("members_malformed", "a set has 1 to 1,024 validators, each once")
        if total > TOTAL_POWER_MAX:
            raise Refused("members_malformed", "too much voting power")
        object.__setattr__(self, "validators", ordered)
        object.__setattr__(self, "by_address", by_address)
        object.__setattr__(self, "total_power", total)
        object.__setattr__(self, "hash", merkle.root([one.encode() for one in ordered]))

    @staticmethod
    def of_members(public_keys: Iterable[bytes]) -> ValidatorSet:
        """The set of a network whose members have these keys."""
        return ValidatorSet(tuple([Validator(key, MEMBER_POWER) for key in public_keys]))

    def is_quorum(self, power: int) -> bool:
        """Whether this much is more than two thirds."""
        return power * 3 > self.total_power * 2
