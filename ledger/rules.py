"""The rules as values: parameters of a network and the version under which they apply.

Source: docs/protocol.md, section 2 ("Bounds", "Validity"), and the parameters a genesis
carries. Rules are passed as an argument, so that versions live side by side.
Knows nothing of state, transactions or blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value
from primitives.errors import Refused

RULE_VERSION = 2
"""The newest rule version that this program knows; it knows every one from 1 on. The version in
force stands in every header."""

MS_PER_DAY = 86_400_000
BLOCK_WORK_PER_SIGNATURE = 10
BLOCK_WORK_PER_OBJECT = 4
BLOCK_WORK_PER_KEY = 5
"""Registering a key costs a point check, about three quarters of a signature check."""

CREATED_AHEAD_MS_MAX = 120_000
"""No rule needs clocks better than this: a transaction may be dated that far ahead."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Figures of a network. All are whole numbers, 1 … 2^53 − 1, units in their names."""

    delta_ms: int = 500
    delta_max_ms: int = 30_000
    view_window: int = 64
    retry_ms: int = 1_000
    silent_ms: int = 10_000
    heartbeat_ms: int = 60_000
    candidates_max: int = 16
    transaction_bytes_max: int = 262_144
    lines_max: int = 2_000
    block_bytes_max: int = 2_097_152
    block_work_max: int = 40_000
    valid_for_ms_max: int = 86_400_000
    valid_for_cosigned_ms_max: int = 2_592_000_000
    clock_drift_ms_max: int = 10_000
    epoch_ms: int = 604_800_000
    trust_days_max: int = 90
    recovery_delay_ms: int = 172_800_000
    refund_days_max: int = 60
    accounts_opened_per_day_max: int = 10_000
    lines_per_day_max: int = 200_000
    transactions_per_day_max: int = 1_000

    def __post_init__(self) -> None:
        for name in PARAMETER_NAMES:
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= AMOUNT_MINOR_MAX:
                raise Refused("genesis_invalid", "a parameter is out of range", field=name)
        if self.transaction_bytes_max > self.block_bytes_max:
            raise Refused(
                "genesis_invalid",
                "a transaction could not fit into a block",
                field="transaction_bytes_max",
            )
        if self.block_work_max < BLOCK_WORK_FLOOR:
            raise Refused("genesis_invalid", "blocks would be too small", field="block_work_max")
        if self.block_bytes_max > BLOCK_BYTES_CEILING:
            raise Refused("genesis_invalid", "blocks would be too large", field="block_bytes_max")

    def value(self) -> Value:
        """The encoded form: `[[name, figure], …]` in the order of names."""
        return tuple((name, getattr(self, name)) for name in sorted(PARAMETER_NAMES))

    @classmethod
    def decode(cls, value: Value) -> Parameters:
        """Read what `value` gives. Raises `Refused("genesis_malformed")` or `genesis_invalid`."""
        if type(value) is not tuple or len(value) != len(PARAMETER_NAMES):
            raise Refused("genesis_malformed", "the list of parameters is not the known one")
        figures: dict[str, int] = {}
        for name, pair in zip(sorted(PARAMETER_NAMES), value, strict=True):
            if type(pair) is not tuple or len(pair) != 2 or pair[0] != name:
                raise Refused("genesis_malformed", "a parameter is missing", field=name)
            if type(pair[1]) is not int:
                raise Refused("genesis_malformed", "a parameter is no whole number", field=name)
            figures[name] = pair[1]
        return cls(**figures)


PARAMETER_NAMES: tuple[str, ...] = tuple(field.name for field in fields(Parameters))
BLOCK_WORK_FLOOR = 1_000
"""One transaction takes at most half a block: every kind must fit, with all its signers."""
BLOCK_BYTES_CEILING = 1 << 24
"""What any program must be able to hold of one block, whatever a genesis says: 16 MiB."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One version of the rules with the network's parameters.

    Raises `Refused("version_unknown")` for a version that this program does not know.
    """

    version: int = RULE_VERSION
    parameters: Parameters = Parameters()

    def __post_init__(self) -> None:
        if not is_rule_version(self.version):
            raise Refused("version_unknown", f"rule version {self.version}", field="rule_version")


def is_rule_version(version: int) -> bool:
    """Whether this program knows the rules of that version."""
    return 1 <= version <= RULE_VERSION


FIRST_RULES = RuleSet()
"""The newest rule version with the first values of every parameter."""
