"""CometBFT's header against our own record of that block, which nobody signed (decision 0024)."""

from consensus.cometbft.headers import Header
from consensus.cometbft.inclusion import data_hash
from node.chain import Chain


def is_ours(chain: Chain, header: Header) -> bool:
    """Whether this chain has the very block of the header: its time, its rules, the state before
    it and its transactions. Raises InvariantBroken where the chain lacks the body."""
    stored = chain.stored_header(header.height)
    if stored is None:
        return False
    ours = stored.header
    told = (header.time_ms, header.app_hash, header.version_app)
    known = (ours.time_ms, ours.state_root, ours.rule_version)
    return told == known and header.data_hash == data_hash(chain.raws(header.height))
