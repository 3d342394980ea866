"""Which headers are final, decided from the genesis file and what follows from it.

Under the built-in engine the set of the first epoch stands in the genesis, and each later one is
believed because the set before it finalized the boundary that names it (`consensus.epoch_starts`).
Under CometBFT the sets follow by height (`wallet.light.validator_sets`). Which of the two it is
stands beside the genesis, or shows by the first header that holds; then the other is refused. What
a certificate says is checked once and remembered, so that thousands of proofs under one header cost
its signatures once.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from consensus.certificates import Certificate, verify_certificate
from consensus.cometbft.certified import SetChange
from consensus.cometbft.headers import Header as CometBftHeader
from consensus.epoch_starts import EpochStart, check_chain, next_members
from consensus.finality import check_finalizes
from consensus.header import Header
from consensus.members import Member, MemberSet
from ledger.founders import Territory
from ledger.genesis import Genesis
from ledger.network_objects import NetworkTerms
from ledger.rules import MS_PER_DAY, RULE_VERSION, Parameters, RuleSet, is_rule_version
from primitives import signatures
from primitives.errors import Refused
from wallet.light.bundles import COMETBFT, HeaderBundle
from wallet.light.validator_sets import ValidatorSets, certified_of

CERTIFICATES_KEPT = 256

AnyHeader: TypeAlias = Header | CometBftHeader
"""Both say height, time, digest, parent's digest, state root and rule version by these names."""


@dataclass(frozen=True, slots=True)
class FinalHeader:
    """A header that was verified to be final, and by how many territories.

    `vouched_by` counts the territories whose signatures stand in the certificate, of `members`.
    """

    header: AnyHeader
    vouched_by: int
    members: int

    @property
    def epoch(self) -> int:
        """Votes are in force from an epoch on: its number; in a CometBFT header, which has none,
        the day of its time, since terms are heard anew once a day there."""
        header = self.header
        return header.epoch if isinstance(header, Header) else header.time_ms // MS_PER_DAY

    @property
    def digest(self) -> bytes:
        """The header's digest."""
        return self.header.digest

    @property
    def height(self) -> int:
        """The block's height."""
        return self.header.height

    @property
    def time_ms(self) -> int:
        """The block's time."""
        return self.header.time_ms


@dataclass(frozen=True, slots=True)
class KnownTerms:
    """Terms that were proved against the final header at `height`; `FinalHeader.epoch`."""

    terms: NetworkTerms
    epoch: int
    height: int


@dataclass(frozen=True, slots=True)
class KnownEpoch:
    """An epoch after the first one, and why its set is believed."""

    start: EpochStart
    members: MemberSet

    def bundle(self) -> HeaderBundle:
        """The boundary with what finalized it."""
        start = self.start
        closing = tuple([header.encode() for header in start.closing])
        return HeaderBundle(start.boundary.encode(), start.certificate.encode(), closing)


class TrustedNetwork:
    """A network as its genesis describes it, and the epochs that were followed from there.

    `territories` begin as those of the genesis, also those that are no members of a successor.
    Clients add what was voted since, once it is proved: `learn_terms`, `learn_card`. `engine` where
    it stands beside the genesis.
    """

    def __init__(self, genesis: Genesis, engine: str | None = None) -> None:
        self.genesis = genesis
        self.engine = engine
        """What ordered its blocks; None until a header was verified."""
        self.network_id: bytes = genesis.network_id
        self.territories: tuple[Territory, ...] = genesis.known_territories
        """Those of the genesis and the later ones that are known, each where it is reached now."""
        self.cards: tuple[Territory, ...] = ()
        """The later ones, as they joined."""
        self.known_terms: KnownTerms | None = None
        self._rule_version = genesis.rule_version
        self.first_epoch = genesis.first_epoch
        self.epochs: list[KnownEpoch] = []
        """Those after the first, without a gap."""
        self._certificates_verified = 0
        self._first_members = MemberSet.of(
            Member(one.voting_key, one.recovery_key, one.prefix) for one in genesis.territories
        )
        self._verified: OrderedDict[tuple[bytes, bytes], int] = OrderedDict()
        self._sets: ValidatorSets | None = None
        self._newest_ms = genesis.time_ms

    # -- territories --------------------------------------------------------------------------

    @property
    def former(self) -> frozenset[str]:
        """Short names of territories that are no members, and whose nodes are not asked."""
        return self.genesis.former

    def territory(self, prefix: str) -> Territory:
        """A territory by its short name. Raises `Refused("address_of_other_network")`."""
        for territory in self.territories:
            if territory.prefix == prefix:
                return territory
        raise Refused("address_of_other_network", prefix)

    def knows(self, prefix: str) -> bool:
        """Whether the territory with this short name is known."""
        return any(territory.prefix == prefix for territory in self.territories)

    def learn_card(self, card: Territory) -> None:
        """A territory that joined after the genesis, proved."""
        if not self.knows(card.prefix):
            self.cards = (*self.cards, card)
            self._place()

    def learn_terms(self, known: "KnownTerms") -> None:
        """The terms as of a final header; older ones than those known change nothing."""
        if self.known_terms is None or known.height > self.known_terms.height:
            self.known_terms = known
            self._place()

    def _place(self) -> None:
        """Each territory is reached where the terms say; who left, where it was last known."""
        members = () if self.known_terms is None else self.known_terms.terms.members
        places = {member.prefix: (member.peer, member.http) for member in members}
        found: list[Territory] = []
        for territory in (*self.genesis.known_territories, *self.cards):
            peer, http = places.get(territory.prefix, (territory.peer, territory.http))
            if (peer, http) != (territory.peer, territory.http):
                territory = replace(territory, peer=peer, http=http)
            found.append(territory)
        # Who left is asked last: its node need not run any more.
        found.sort(key=lambda one: bool(places) and one.prefix not in places)
        self.territories = tuple(found)

    # -- figures and rules --------------------------------------------------------------------

    @property
    def parameters(self) -> Parameters:
        """The figures voted last, as far as they are known; at first the genesis's. A vote is in
        force a little later, from the next epoch on."""
        known = self.known_terms
        return self.genesis.parameters if known is None else known.terms.parameters

    @property
    def rules(self) -> RuleSet:
        """The rules of the newest final header that was verified here; at first the genesis's.
        Raises `Refused("rule_version_unknown")` for those that this program does not know."""
        check_rule_version(self._rule_version)
        return RuleSet(self._rule_version, self.parameters)

    @property
    def are_terms_old(self) -> bool:
        """Whether what was voted may have come into force since the terms were heard."""
        known = self.known_terms
        if self.engine == COMETBFT:
            first = self.genesis.time_ms // MS_PER_DAY
            return self._newest_ms // MS_PER_DAY > (first if known is None else known.epoch)
        return self.newest_epoch > (self.first_epoch if known is None else known.epoch)

    # -- epochs -------------------------------------------------------------------------------

    @property
    def newest_epoch(self) -> int:
        """The newest epoch whose set is known."""
        return self.first_epoch + len(self.epochs)

    @property
    def members(self) -> MemberSet:
        """The set of the newest known epoch."""
        return self.epochs[-1].members if self.epochs else self._first_members

    def members_of(self, epoch: int) -> MemberSet:
        """The set that votes in an epoch. Raises `Refused("epoch_unknown")` for one that was not
        followed to."""
        if epoch == self.first_epoch:
            return self._first_members
        if not self.first_epoch < epoch <= self.newest_epoch:
            raise Refused("epoch_unknown", f"epoch {epoch}")
        return self.epochs[epoch - self.first_epoch - 1].members

    @property
    def trusted_ms(self) -> int:
        """The time of the newest boundary or change of the set that is known, or of the genesis;
        Unix time."""
        if self._sets is not None and self._sets.changes:
            return self._sets.changes[-1].header.time_ms
        return self.epochs[-1].start.boundary.time_ms if self.epochs else self.genesis.time_ms

    @property
    def trust_ms_max(self) -> int:
        """For so long after a header was known to be final, its set's word suffices for the next
        (protocol, section 8): keys that are old may be anybody's."""
        return self.parameters.trust_days_max * MS_PER_DAY

    def follow(
        self, starts: Sequence[EpochStart], after: Sequence[KnownEpoch] = ()
    ) -> list[KnownEpoch]:
        """The epochs that `starts` prove, the first of them the one after the newest known, or
        after those that were followed before and not adopted yet.

        Nothing is believed yet: see `adopt`. Raises `Refused`: `certificate_invalid`,
        `node_of_other_network`.
        """
        return self._followed(starts, after, self._vouch)

    def adopt(self, followed: Sequence[KnownEpoch]) -> None:
        """Believe what `follow` gave."""
        for known in followed:
            if known.start.epoch == self.newest_epoch + 1:
                self.epochs.append(known)

    def led_on(
        self, starts: Sequence[EpochStart], changes: Sequence[SetChange] = ()
    ) -> "TrustedNetwork":
        """This network, and beyond what it knows the epochs that `starts` prove, or the changes of
        the set; this object learns nothing. Raises as `follow` and `ValidatorSets.follow`."""
        led = TrustedNetwork(self.genesis, self.engine)
        if changes or self._sets is not None:
            led._sets = self.sets.led_on(self.genesis, changes)
        led.territories, led.epochs = self.territories, list(self.epochs)
        led.cards, led.known_terms = self.cards, self.known_terms
        led.adopt(led.follow(starts[len(self.epochs) :]))
        return led

    def recall(self, starts: Sequence[EpochStart]) -> None:
        """Believe again what was followed once and kept; up to the first that does not fit."""
        for start in starts:
            try:
                self.adopt(self._followed((start,), (), lambda certificate, members: None))
            except Refused:
                return

    def _followed(
        self,
        starts: Sequence[EpochStart],
        after: Sequence[KnownEpoch],
        vouch: Callable[[Certificate, MemberSet], None],
    ) -> list[KnownEpoch]:
        last = after[-1] if after else self.epochs[-1] if self.epochs else None
        members = last.members if last else self._first_members
        before = last.start.boundary if last else None
        epoch = last.start.epoch if last else self.first_epoch
        followed: list[KnownEpoch] = []
        for start in starts:
            epoch += 1
            if start.epoch != epoch:
                raise Refused("certificate_invalid", f"epoch {start.epoch} instead of {epoch}")
            members = next_members(start, members, before, self.network_id, vouch)
            followed.append(KnownEpoch(start, members))
            before = start.boundary
        return followed

    # -- headers ------------------------------------------------------------------------------

    @property
    def certificates_verified(self) -> int:
        """How often signatures of a set were verified: certificates, and CometBFT's commits."""
        commits = 0 if self._sets is None else self._sets.commits_verified
        return self._certificates_verified + commits

    def check_engine(self, engine: str) -> None:
        """It may order this network's blocks. Raises `Refused("engine_differs")`."""
        if self.engine not in (None, engine):
            raise Refused("engine_differs", engine)

    @property
    def sets(self) -> ValidatorSets:
        """The validator sets, where CometBFT orders. Raises `Refused("engine_keys_missing")`."""
        if self._sets is None:
            self._sets = ValidatorSets(self.genesis)
        return self._sets

    def verify_final(self, bundle: HeaderBundle) -> FinalHeader:
        """The header of `bundle`, if it is final.

        Raises `Refused`: `certificate_invalid` when signatures or the chain of headers do not
        hold or the header stands outside its epoch, `node_of_other_network` when they are another
        network's, `epoch_unknown` for an epoch or a set that was not followed to yet,
        `engine_differs` and `engine_keys_missing` for one that does not order this network.
        """
        self.check_engine(bundle.engine)
        if bundle.engine == COMETBFT:
            final = FinalHeader(*self.sets.verify(bundle))
        else:
            final = self._verify_certified(bundle)
        self.engine = bundle.engine
        self._rule_version = max(self._rule_version, final.header.rule_version)
        self._newest_ms = max(self._newest_ms, final.time_ms)
        return final

    def _verify_certified(self, bundle: HeaderBundle) -> FinalHeader:
        chain = [decode_header(raw) for raw in (bundle.header, *bundle.headers)]
        check_chain(chain, self.network_id)
        self._check_place(chain[0])
        vouched_by = self._vouched_by(bundle.certificate, chain[-1])
        return FinalHeader(chain[0], vouched_by, len(self.members_of(chain[0].epoch).members))

    def _check_place(self, header: Header) -> None:
        """It stands between the boundaries that are known of its epoch. Whoever has the keys of a
        set that was replaced long ago can sign in its epoch still, and must make nothing of today.

        Raises `Refused("certificate_invalid")`.
        """
        # The first epoch known is the genesis's, which counts on where it takes another's place.
        place, at = header.epoch - self.first_epoch, (header.height, header.time_ms)
        if 1 <= place <= len(self.epochs):
            began = self.epochs[place - 1].start.boundary
            if header.height <= began.height or header.time_ms <= began.time_ms:
                raise Refused("certificate_invalid", f"{at} is before epoch {header.epoch} began")
        if 0 <= place < len(self.epochs):
            ended = self.epochs[place].start.boundary
            if header.height > ended.height or header.time_ms > ended.time_ms:
                raise Refused("certificate_invalid", f"{at} is after epoch {header.epoch} ended")

    def _vouched_by(self, raw: bytes, header: Header) -> int:
        """How many members signed the finalization of `header`; raises unless they suffice."""
        key = (raw, header.digest)
        known = self._verified.get(key)
        if known is not None:
            return known
        members = self.members_of(header.epoch)
        try:
            certificate = Certificate.decode(raw)
            check_finalizes(certificate, header)
        except Refused as refusal:
            raise Refused("certificate_invalid", refusal.detail or refusal.code) from None
        self._vouch(certificate, members)
        self._verified[key] = len(certificate.signatures)
        if len(self._verified) > CERTIFICATES_KEPT:
            self._verified.popitem(last=False)
        return len(certificate.signatures)

    def _vouch(self, certificate: Certificate, members: MemberSet) -> None:
        try:
            verify_certificate(certificate, members, self.network_id, signatures.verify)
        except Refused as refusal:
            raise Refused("certificate_invalid", refusal.detail or refusal.code) from None
        self._certificates_verified += 1


def check_rule_version(version: int) -> None:
    """This program knows these rules; else `Refused("rule_version_unknown")`: what it does not
    know it must not guess at."""
    if not is_rule_version(version):
        raise rule_version_unknown(version)


def rule_version_unknown(version: int) -> Refused:
    """The network lives by newer rules than this program knows."""
    return Refused("rule_version_unknown", f"version {version}, known up to {RULE_VERSION}")


def header_of(bundle: HeaderBundle) -> AnyHeader:
    """A bundle's header, not believed yet. Raises `Refused("certificate_invalid")`."""
    if bundle.engine == COMETBFT:
        return certified_of(bundle).header
    return decode_header(bundle.header)


def decode_header(raw: bytes) -> Header:
    """A header from anyone. Raises `Refused("certificate_invalid")`."""
    try:
        return Header.decode(raw)
    except Refused as refusal:
        raise Refused("certificate_invalid", str(refusal)) from None
