"""The headers that CometBFT would make of a driver's blocks, signed by the town's validators."""

from consensus.cometbft.block_ids import BlockId
from consensus.cometbft.headers import Header
from consensus.cometbft.light import SignedHeader
from consensus.cometbft.validators import ValidatorSet
from node.engines.cometbft.epoch_proofs import SIGNS_AFTER, EpochProof, ProvedEpochs, set_of
from node.engines.cometbft.network_terms import chain_id_of, consensus_hash
from tests.consensus.cometbft_blocks import header_at, signed_by
from tests.node.cometbft.driver import Driver
from tests.node.town import key_of


class SignedChain:
    """See the module's docstring."""

    def __init__(self, driver: Driver, validators: int = 8) -> None:
        ledger = driver.ledger
        self.genesis = driver.town.genesis
        self.keys = [key_of(f"town{index} cometbft") for index in range(validators)]
        self.epochs = [
            ledger.epochs.epoch(number) for number in range(ledger.epochs.current.number + 1)
        ]
        self.headers: dict[int, Header] = {}
        below = BlockId()
        for height in range(1, ledger.chain.height + 1):
            stored = ledger.chain.stored_header(height)
            assert stored is not None
            own, epoch = stored.header, self.epochs[stored.header.epoch]
            header = header_at(
                height,
                self.set_at(height),
                self.set_at(height + 1),
                chain_id=chain_id_of(self.genesis.network_id),
                version_app=epoch.terms.rule_version,
                time_ns=own.time_ms * 1_000_000,
                last_block_id=below,
                consensus_hash=consensus_hash(epoch.terms, epoch.number),
                app_hash=own.state_root,
            )
            self.headers[height] = header
            below = BlockId(header.hash, 1, bytes([9]) * 32)

    def set_at(self, height: int) -> ValidatorSet:
        """Who signs the block at this height."""
        begun = [each for each in self.epochs[1:] if each.height + SIGNS_AFTER <= height]
        return set_of((begun or self.epochs[:1])[-1].terms)

    def signed(self, height: int) -> SignedHeader:
        """The header with a commit of all."""
        return signed_by(self.headers[height], self.set_at(height), self.keys)

    def proof(self, number: int) -> EpochProof:
        """What proves how an epoch began."""
        epoch = self.epochs[number]
        assert epoch.record is not None and epoch.record.proved is not None
        above = self.signed(epoch.height + 1)
        return EpochProof(
            self.headers[epoch.height], above.header, above.commit, epoch.record.proved
        )

    def proved(self) -> ProvedEpochs:
        """All of them, followed."""
        found = ProvedEpochs(self.genesis)
        found.take([self.proof(number) for number in range(1, len(self.epochs))])
        return found
