"""What a wallet remembers of final headers, so that two histories cannot both be told to it.

The alarm of `docs/protocol.md`: two different final headers at one height, or one that does not
descend from another. Either means that more than f territories are faulty, or that a
key was stolen; the two bundles are the evidence, and anyone can check them.
"""

from collections import OrderedDict
from dataclasses import dataclass

from primitives.errors import Refused
from wallet.light.bundles import HeaderBundle
from wallet.light.trust import FinalHeader

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
    digest: bytes
    parent_digest: bytes
    bundle: HeaderBundle


class HeaderMemory:
    """The newest verified final headers, by height."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, _Seen] = OrderedDict()
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
            if same.digest != final.digest:
                raise HeaderConflict(same.bundle, bundle, height)
            return
        parent = self._seen.get(height - 1)
        if parent is not None and final.header.parent_digest != parent.digest:
            raise HeaderConflict(parent.bundle, bundle, height)
        child = self._seen.get(height + 1)
        if child is not None and child.parent_digest != final.digest:
            raise HeaderConflict(child.bundle, bundle, height)
        self._seen[height] = _Seen(final.digest, final.header.parent_digest, bundle)
        if len(self._seen) > HEADERS_KEPT:
            self._seen.popitem(last=False)
        if self.newest is None or height > self.newest.height:
            self.newest = final

    def bundles(self) -> list[HeaderBundle]:
        """The newest bundles, at most `BUNDLES_KEPT`, ascending: what is kept on disk."""
        heights = sorted(self._seen)[-BUNDLES_KEPT:]
        return [self._seen[height].bundle for height in heights]
