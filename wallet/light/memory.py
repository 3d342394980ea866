"""What a wallet remembers of final headers, so that two histories cannot both be told to it.

The alarm of `docs/protocol.md`: two different final headers at one height, or one that does not
descend from another: a neighbour names another parent, the higher one is not the later one, or it
stands in an epoch that had ended by then. Either means that more than f territories are faulty, or
that a key was stolen; the two bundles are the evidence, and anyone can check them.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from dataclasses import dataclass

from consensus.header import Header
from primitives.errors import Refused
from wallet.light.bundles import HeaderBundle
from wallet.light.trust import AnyHeader, FinalHeader

HEADERS_KEPT = 1_024
BUNDLES_KEPT = 32


class HeaderConflict(Refused):
    """Two final headers that cannot both be: the network is broken. Carries the evidence."""

    def __init__(self, first: HeaderBundle, second: HeaderBundle, height: int) -> None:
        super().__init__("header_conflict", f"{height}")
        self.first = first
        self.second = second
        self.height = height

    def evidence(self) -> dict[str, object]:
        """The evidence as a file's content."""
        return {
            "kind": "header_conflict",
            "version": 1,
            "height": self.height,
            "first": self.first.to_json(),
            "second": self.second.to_json(),
        }


@dataclass(frozen=True, slots=True)
class _Seen:
    header: AnyHeader
    bundle: HeaderBundle


class HeaderMemory:
    """The newest verified final headers, by height."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, _Seen] = OrderedDict()
        self._heights: list[int] = []
        """The same heights, ascending."""
        self.newest: FinalHeader | None = None

    @property
    def newest_height(self) -> int:
        """The highest height that was seen final; 0 when none was."""
        return 0 if self.newest is None else self.newest.height

    def remember(self, final: FinalHeader, bundle: HeaderBundle) -> None:
        """Note a header that `TrustedNetwork.verify_final` returned for `bundle`.

        Raises `HeaderConflict` when it cannot stand beside one seen before.
        """
        height = final.height
        same = self._seen.get(height)
        if same is not None:
            if same.header.digest != final.digest:
                raise HeaderConflict(same.bundle, bundle, height)
            return
        place = bisect_left(self._heights, height)
        below = self._seen[self._heights[place - 1]] if place else None
        above = self._seen[self._heights[place]] if place < len(self._heights) else None
        if below is not None and not _may_descend(final.header, below.header):
            raise HeaderConflict(below.bundle, bundle, height)
        if above is not None and not _may_descend(above.header, final.header):
            raise HeaderConflict(above.bundle, bundle, height)
        self._seen[height] = _Seen(final.header, bundle)
        insort(self._heights, height)
        if len(self._seen) > HEADERS_KEPT:
            oldest, _ = self._seen.popitem(last=False)
            self._heights.remove(oldest)
        if self.newest is None or height > self.newest.height:
            self.newest = final

    def bundle_at(self, height: int) -> HeaderBundle | None:
        """What made a header final that was seen here."""
        seen = self._seen.get(height)
        return None if seen is None else seen.bundle

    def bundles(self) -> list[HeaderBundle]:
        """The newest bundles, at most `BUNDLES_KEPT`, ascending: what is kept on disk."""
        return [self._seen[height].bundle for height in self._heights[-BUNDLES_KEPT:]]


def _may_descend(header: AnyHeader, ancestor: AnyHeader) -> bool:
    """Whether one chain can hold both, `header` above. Of headers with others between, times and
    epochs tell: both rise along a chain, the epoch by the boundary that ends one. CometBFT's have
    no epoch; its neighbours name each other's set."""
    is_next = header.height == ancestor.height + 1
    if is_next and header.parent_digest != ancestor.digest:
        return False
    if isinstance(header, Header) and isinstance(ancestor, Header):
        needed = 0 if ancestor.next_set_hash is None else 1
        return header.time_ms > ancestor.time_ms and header.epoch - ancestor.epoch >= needed
    if isinstance(header, Header) or isinstance(ancestor, Header):
        return False
    if is_next and header.validators_hash != ancestor.next_validators_hash:
        return False
    return header.time_ns > ancestor.time_ns
