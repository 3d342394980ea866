"""Which of this node's voting keys signs for CometBFT, height by height, and whether any may.

Rules of this file:
- A key signs at the heights at which it is in the validator set, and only with the record of what
  it signed last (`signed_last`). Without the record it never signs again.
- CometBFT asks for the public key after each block, for the next height. It is told of the key that
  votes there; where none of ours may, of one that nobody knows, so that it asks for no votes.
- The sets are put here by the event loop, whole, before a block's commit is answered; requests are
  answered in another thread, and see one state or the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from node.comet_keys import CometKeys, signed_last_file
from node.data_folder import SIGNED_LAST_FILE
from node.engines.cometbft.descriptors import parse
from node.engines.cometbft.signed_last import SignedLast, SignedLastFile
from node.engines.cometbft.signer import Signer, validator_address
from primitives.errors import Refused
from primitives.signatures import SigningKey


@dataclass(frozen=True, slots=True)
class Voters:
    """Who signs: (from which height on, public keys), newest first; and the height that is next."""

    next_height: int
    sets: tuple[tuple[int, frozenset[bytes]], ...]

    def at(self, height: int) -> frozenset[bytes]:
        """The validator set of a height; nobody before the oldest that is known."""
        return next((keys for begin, keys in self.sets if begin <= height), frozenset())


class OwnSigner:
    """See the module's docstring. `open_record` gives the record of a key of ours, None where it is
    gone; of the key in use it raises `Refused` here for one that can't be believed."""

    def __init__(
        self,
        chain_id: str,
        keys: CometKeys,
        voters: Voters,
        open_record: Callable[[bytes], SignedLastFile | None],
        nobody: SigningKey,
    ) -> None:
        self._keys = keys
        self._open_record = open_record
        self._signers: dict[bytes, Signer | None] = {}
        # Signs nothing, and is in no set: it only has an answer to everything.
        record = SignedLastFile(Path(), SignedLast(chain_id, nobody.public_key), 0)
        self._nobody = Signer(nobody, record, lambda height: False)
        self._nobody_key = nobody.public_key
        self.voters = voters
        self.told = self._nobody_key
        """The public key that CometBFT was told of last."""
        self._remember(keys.current, open_record(keys.current.public_key))

    @property
    def withheld(self) -> int:
        """How many signatures were refused."""
        return sum(each.withheld for each in [self._nobody, *self._all()])

    def _all(self) -> list[Signer]:
        return [signer for signer in list(self._signers.values()) if signer is not None]

    def has_forgotten(self, public_key: bytes) -> bool:
        """Whether what this key of ours signed last is gone."""
        key = self._keys.among((public_key,))
        return key is not None and self._signer_of(key) is None

    def key_at(self, height: int) -> SigningKey | None:
        """The key of ours that votes at a height: it is in the set, and remembers."""
        key = self._keys.among(self.voters.at(height))
        return None if key is None or self._signer_of(key) is None else key

    def next_told(self) -> bytes:
        """The public key that CometBFT is to know for the next height."""
        key = self.key_at(self.voters.next_height)
        return self._nobody_key if key is None else key.public_key

    def answer(self, raw: bytes) -> bytes:
        """See `Signer.answer`."""
        request = parse("privval.Message", raw)
        name = request.WhichOneof("sum")
        match name:
            case "pub_key_request":
                self.told = self.next_told()
                return self._with_key(self.told).answer(raw)
            case "sign_vote_request":
                address = bytes(request.sign_vote_request.vote.validator_address)
                for key in self._keys.all():
                    if validator_address(key.public_key) == address:
                        return (self._signer_of(key) or self._nobody).answer(raw)
                return self._nobody.answer(raw)
            case "sign_proposal_request":
                proposer = self.key_at(int(request.sign_proposal_request.proposal.height))
                signer = self._nobody if proposer is None else self._with_key(proposer.public_key)
                return signer.answer(raw)
        return self._nobody.answer(raw)

    def _with_key(self, public_key: bytes) -> Signer:
        return self._signers.get(public_key) or self._nobody

    def _signer_of(self, key: SigningKey) -> Signer | None:
        if key.public_key not in self._signers:
            try:
                record = self._open_record(key.public_key)
            except Refused as refusal:
                structlog.get_logger("signer").error("signer_state_unusable", reason=str(refusal))
                record = None
            self._remember(key, record)
        return self._signers[key.public_key]

    def _remember(self, key: SigningKey, record: SignedLastFile | None) -> None:
        public_key = key.public_key
        if record is None:
            structlog.get_logger("signer").warning("signs_nothing", key=public_key.hex()[:16])
            self._signers[public_key] = None
            return
        self._signers[public_key] = Signer(key, record, self._may_sign(public_key))

    def _may_sign(self, public_key: bytes) -> Callable[[int], bool]:
        return lambda height: public_key in self.voters.at(height)


def record_opener(
    root: Path, network_id: bytes, chain_id: str
) -> Callable[[bytes], SignedLastFile | None]:
    """Opens records below a node's data folder; see `OwnSigner`."""

    def opened(public_key: bytes) -> SignedLastFile | None:
        own = signed_last_file(root, network_id, public_key)
        path = own if own.exists() else root / SIGNED_LAST_FILE
        try:
            return SignedLastFile.read(path, chain_id, public_key)
        except Refused as refusal:
            if refusal.code != "signer_state_missing":
                raise
            return None

    return opened
