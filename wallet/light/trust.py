"""Which headers are final, decided from the genesis file alone.

One epoch: the member set of the genesis. What a certificate says is checked once and remembered,
so that thousands of proofs under one header cost its signatures once.
"""

import itertools
from collections import OrderedDict
from dataclasses import dataclass

from consensus.certificates import Certificate, verify_certificate
from consensus.header import Header
from consensus.members import Member, MemberSet
from consensus.votes import FINALIZE
from ledger.founders import Territory
from ledger.genesis import Genesis
from primitives import signatures
from primitives.errors import Refused
from wallet.light.bundles import HeaderBundle

CERTIFICATES_KEPT = 256
EPOCH = 0


@dataclass(frozen=True, slots=True)
class FinalHeader:
    """A header that was verified to be final, and by how many territories.

    `vouched_by` counts the territories whose signatures stand in the certificate, of `members`.
    """

    header: Header
    vouched_by: int
    members: int

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


class TrustedNetwork:
    """A network as its genesis describes it: the one thing a wallet trusts."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self.network_id: bytes = genesis.network_id
        self.members = MemberSet(
            tuple(
                Member(territory.voting_key, territory.recovery_key, territory.prefix)
                for territory in genesis.territories
            )
        )
        self.certificates_verified = 0
        self._verified: OrderedDict[tuple[bytes, bytes], int] = OrderedDict()

    def territory(self, prefix: str) -> Territory:
        """A territory by its short name. Raises `Refused("address_of_other_network")`."""
        for territory in self.genesis.territories:
            if territory.prefix == prefix:
                return territory
        raise Refused("address_of_other_network", prefix)

    def verify_final(self, bundle: HeaderBundle) -> FinalHeader:
        """The header of `bundle`, if it is final.

        Raises `Refused`: `certificate_invalid` when signatures or the chain of headers do not
        hold, `node_of_other_network` when they are another network's.
        """
        chain = [self._header(raw) for raw in (bundle.header, *bundle.headers)]
        for parent, child in itertools.pairwise(chain):
            if child.parent_digest != parent.digest or child.height != parent.height + 1:
                raise Refused("certificate_invalid", "the headers are no chain")
        vouched_by = self._vouched_by(bundle.certificate, chain[-1])
        return FinalHeader(chain[0], vouched_by, len(self.members.members))

    def _header(self, raw: bytes) -> Header:
        try:
            header = Header.decode(raw)
        except Refused as refusal:
            raise Refused("certificate_invalid", str(refusal)) from None
        if header.network_id != self.network_id:
            raise Refused("node_of_other_network")
        if header.epoch != EPOCH or header.closing:
            raise Refused("certificate_invalid", f"epoch {header.epoch}")
        return header

    def _vouched_by(self, raw: bytes, header: Header) -> int:
        """How many members signed the finalization of `header`; raises unless they suffice."""
        key = (raw, header.digest)
        known = self._verified.get(key)
        if known is not None:
            return known
        try:
            certificate = Certificate.decode(raw)
            if (
                certificate.kind != FINALIZE
                or certificate.digest != header.digest
                or certificate.epoch != header.epoch
                or certificate.view != header.view
            ):
                raise Refused("certificate_invalid", "it is for another header")
            verify_certificate(certificate, self.members, self.network_id, signatures.verify)
        except Refused as refusal:
            raise Refused("certificate_invalid", refusal.detail or refusal.code) from None
        self.certificates_verified += 1
        self._verified[key] = len(certificate.signatures)
        if len(self._verified) > CERTIFICATES_KEPT:
            self._verified.popitem(last=False)
        return len(certificate.signatures)
