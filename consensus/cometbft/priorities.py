"""Whose turn it is to propose: the validators' priorities, reckoned from the beginning of a chain.

No header commits to them, so a new node that was told them could be told wrong ones, and would then
expect other proposers than everybody else. They follow from the heights at which the set changed:
`types/validator_set.go` of CometBFT v0.38, for validators of power 1 each. The set of block x + 1
is that of block x with the changes told at x − 1 in it, one turn on.
"""

from collections.abc import Iterable

from consensus.cometbft.validators import MEMBER_POWER, ValidatorSet

WINDOW_FACTOR = 2
"""Priorities are at most so many times the total power apart."""

_CYCLES_MAX = 64
"""So many rounds of everybody's turn are played one by one; by then they repeat."""


class Turns:
    """The priorities for the block at `height`, by address; `advance` and `change` lead on."""

    def __init__(self, first: ValidatorSet, height: int) -> None:
        self.height = height
        self.priorities: dict[bytes, int] = {}
        self._merge(first)
        self._turn()

    def advance(self, height: int) -> None:
        """On to the block at this height, with the set as it is."""
        left = height - self.height
        count = len(self.priorities)
        for _ in range(_CYCLES_MAX):
            if left < count:
                break
            before = dict(self.priorities)
            for _ in range(count):
                self._turn()
            left -= count
            if before == self.priorities:
                left %= count
        for _ in range(left):
            self._turn()
        self.height = height

    def change(self, following: ValidatorSet) -> None:
        """On to the next block, which has this set."""
        self._merge(following)
        self._turn()
        self.height += 1

    def _merge(self, following: ValidatorSet) -> None:
        """`updateWithChangeSet`: who is new begins behind all others."""
        kept = self.priorities
        addresses = [one.address for one in following.validators]
        total = MEMBER_POWER * len({*kept, *addresses})
        newcomer = -(total + (total >> 3))
        self.priorities = {address: kept.get(address, newcomer) for address in sorted(addresses)}
        self._center()

    def _turn(self) -> None:
        """`IncrementProposerPriority(1)`."""
        self._center()
        for address in self.priorities:
            self.priorities[address] += MEMBER_POWER
        proposer = _first(self.priorities.items())
        self.priorities[proposer] -= MEMBER_POWER * len(self.priorities)

    def _center(self) -> None:
        """`RescalePriorities` and `shiftByAvgProposerPriority`."""
        values = self.priorities.values()
        window = WINDOW_FACTOR * MEMBER_POWER * len(values)
        apart = max(values) - min(values)
        if apart > window:
            ratio = -(-apart // window)
            # Go's division goes towards zero.
            self.priorities = {
                address: abs(one) // ratio * (1 if one > 0 else -1)
                for address, one in self.priorities.items()
            }
        # Go's `big.Int.Div` is Euclidean, which for a positive divisor rounds down, as here.
        average = sum(self.priorities.values()) // len(self.priorities)
        if average:
            for address in self.priorities:
                self.priorities[address] -= average


def _first(priorities: Iterable[tuple[bytes, int]]) -> bytes:
    """The greatest priority's; of several, the lowest address."""
    return min(priorities, key=lambda one: (-one[1], one[0]))[0]
