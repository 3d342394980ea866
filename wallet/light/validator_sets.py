"""Which CometBFT headers are final: the validator set at each height, followed from the genesis.

The first set are the genesis's members, by the keys that it names for this engine. Each later one
is believed because a header that the set before it signed names it as the next
(docs/protocol.md, section 6). The changes stand in a strict chain by height. What a commit says is
checked once and remembered.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence

from consensus.cometbft import chain_id
from consensus.cometbft.certified import CertifiedHeader, SetChange, verify_certified
from consensus.cometbft.headers import Header
from consensus.cometbft.validators import ValidatorSet
from ledger.genesis import Genesis
from primitives import signatures
from primitives.errors import Refused
from primitives.hashing import HASH_BYTES
from wallet.light.bundles import COMETBFT, HeaderBundle

COMMITS_KEPT = 256


def certified_of(bundle: HeaderBundle) -> CertifiedHeader:
    """A bundle's CometBFT header, decoded. Raises `Refused("certificate_invalid")`."""
    try:
        found = CertifiedHeader.of_bytes(bundle.header, bundle.certificate, bundle.headers)
    except Refused as refusal:
        raise Refused("certificate_invalid", str(refusal)) from None
    if len(found.header.app_hash) != HASH_BYTES:
        raise Refused("certificate_invalid", "a state root has 32 bytes")
    return found


def bundle_of(change: SetChange) -> HeaderBundle:
    """A change's header with its commit, as any other final header."""
    return HeaderBundle(change.header.encode(), change.commit.encode(), (), COMETBFT)


class ValidatorSets:
    """The sets of one network, as far as they were followed.

    Raises `Refused("engine_keys_missing")` where a member of the genesis has no key for CometBFT.
    """

    def __init__(self, genesis: Genesis) -> None:
        keys = [one.cometbft_key for one in genesis.territories]
        named = [key for key in keys if key is not None]
        if len(named) != len(keys):
            raise Refused("engine_keys_missing", COMETBFT)
        self.chain_id = chain_id(genesis.network_id)
        self.first_height = genesis.height
        self.first = ValidatorSet.of_members(named)
        self.changes: tuple[SetChange, ...] = ()
        """By height, each vouched for by the set that the one before names."""
        self.commits_verified = 0
        self._verified: OrderedDict[tuple[HeaderBundle, bytes], int] = OrderedDict()

    @property
    def newest(self) -> ValidatorSet:
        """The set after the newest known change."""
        return self.changes[-1].following if self.changes else self.first

    def at(self, height: int) -> ValidatorSet:
        """The set that signs at this height, as far as is known."""
        place = self._place(height)
        return self.changes[place - 1].following if place else self.first

    def known_below(self, height: int) -> int:
        """The height of the newest known change below this one; the genesis's if there is none."""
        place = self._place(height)
        return self.changes[place - 1].header.height if place else self.first_height

    def is_known(self, certified: CertifiedHeader) -> bool:
        """Whether the set that this header names is the one known at its height."""
        header = certified.certified
        return header.validators_hash == self.at(header.height).hash

    # -- headers ------------------------------------------------------------------------------

    def verify(self, bundle: HeaderBundle) -> tuple[Header, int, int]:
        """The header of `bundle`, if it is final; how many validators signed, of how many.

        Raises `Refused`: `certificate_invalid`, `node_of_other_network`, `epoch_unknown` where the
        set at its height was not followed to yet.
        """
        certified = certified_of(bundle)
        if certified.header.chain_id != self.chain_id:
            raise Refused("node_of_other_network")
        self._check_place(certified.header)
        if not self.is_known(certified):
            raise Refused("epoch_unknown", f"the set at height {certified.certified.height}")
        validators = self.at(certified.certified.height)
        signed = self._vouched_by(bundle, certified, validators)
        return certified.header, signed, len(validators.validators)

    def _check_place(self, header: Header) -> None:
        """Its time fits the known changes below and above it: whoever has the keys of a set that
        was replaced long ago must make nothing of today.

        Raises `Refused("certificate_invalid")`.
        """
        place = self._place(header.height)
        if header.height <= self.first_height:
            raise Refused("certificate_invalid", f"height {header.height} is before the genesis")
        if place and header.time_ns <= self.changes[place - 1].header.time_ns:
            raise Refused("certificate_invalid", f"height {header.height} is before its set began")
        if place < len(self.changes):
            ended = self.changes[place].header
            if header.height < ended.height and header.time_ns >= ended.time_ns:
                raise Refused("certificate_invalid", f"height {header.height} is after its set")

    def _vouched_by(
        self, bundle: HeaderBundle, certified: CertifiedHeader, validators: ValidatorSet
    ) -> int:
        key = (bundle, validators.hash)
        known = self._verified.get(key)
        if known is None:
            known = verify_certified(certified, validators, signatures.verify)
            self.commits_verified += 1
            self._verified[key] = known
            if len(self._verified) > COMMITS_KEPT:
                self._verified.popitem(last=False)
        return known

    def _place(self, height: int) -> int:
        return bisect_left(self.changes, height, key=lambda change: change.header.height)

    # -- sets ---------------------------------------------------------------------------------

    def follow(self, changes: Sequence[SetChange]) -> None:
        """Believe these changes, each in its place among those known; all of them, or none.

        Raises `Refused`: `certificate_invalid` where one does not follow from those before, or what
        is known would not follow from it, `node_of_other_network`.
        """
        self.changes = self._joined(changes, is_verified=False)

    def adopt(self, led: ValidatorSets) -> None:
        """Believe what `led_on` was led to."""
        self.changes = led.changes
        self.commits_verified += led.commits_verified

    def recall(self, changes: Sequence[SetChange]) -> None:
        """Believe again what was followed once and kept; nothing of it where it does not fit."""
        try:
            self.changes = self._joined(changes, is_verified=True)
        except Refused:
            return

    def led_on(self, genesis: Genesis, changes: Sequence[SetChange]) -> ValidatorSets:
        """These sets, and those that `changes` prove beside them; this object learns nothing."""
        led = ValidatorSets(genesis)
        led.changes = self.changes
        led.follow(changes)
        return led

    def _joined(self, changes: Sequence[SetChange], *, is_verified: bool) -> tuple[SetChange, ...]:
        known = {change.header.hash for change in self.changes}
        found = {change.header.height: change for change in self.changes}
        for change in changes:
            other = found.setdefault(change.header.height, change)
            if other.header.hash != change.header.hash:
                raise Refused("certificate_invalid", f"two changes at {change.header.height}")
        joined = tuple([found[height] for height in sorted(found)])
        validators, height, time_ns = self.first, self.first_height, None
        for change in joined:
            header = change.header
            if header.chain_id != self.chain_id:
                raise Refused("node_of_other_network")
            if header.height <= height or (time_ns is not None and header.time_ns <= time_ns):
                raise Refused("certificate_invalid", "a change is older than the one before")
            if header.validators_hash != validators.hash:
                raise Refused("certificate_invalid", f"the change at {header.height} does not fit")
            if not is_verified and header.hash not in known:
                certified = CertifiedHeader(header, change.commit)
                self._vouched_by(bundle_of(change), certified, validators)
            validators, height, time_ns = change.following, header.height, header.time_ns
        return joined
