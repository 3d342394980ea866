"""Successors of the wallet tests' network under CometBFT, as its town halls would make them."""

from collections.abc import Sequence
from dataclasses import replace

from ledger.genesis import PROVED_SUCCESSOR_VERSION, Genesis
from ledger.network_objects import NETWORK_TREE_KEY
from ledger.succession import ProvedNetwork, Succession, endorse
from primitives.encoding import encode
from primitives.signatures import SigningKey
from tests.wallet.cometbft_chain import CometBftChain
from tests.wallet.people import key_of

ENDORSERS = ("arden", "brume", "cassis")


def end_of(chain: CometBftChain, height: int = 0) -> Succession:
    """What is taken over of a chain from its newest block, or an earlier one, on. The state after
    that block is none of a wallet's business."""
    height = height or chain.height
    signed = chain.signed[height - 1]
    answer = chain.object_answer(NETWORK_TREE_KEY, height)
    raw, proof = (bytes.fromhex(str(answer[name])) for name in ("object", "proof"))
    below = [change for change in chain.changes if change.header.height < height]
    keys = [one.public_key for one in chain.first_keys]
    if below:
        keys = [one.public_key for one in below[-1].following.validators]
    proved = ProvedNetwork(tuple(sorted(keys)), raw, proof)
    return Succession(
        predecessor=chain.network_id,
        epoch=1,
        height=height,
        header=signed.header.encode(),
        between=(),
        certificate=signed.commit.encode(),
        state_root=bytes(32),
        members=proved.members,
        signers=None,
        former=(),
        proved=proved,
    )


def founded_on(
    chain: CometBftChain,
    end: Succession,
    *,
    keys: Sequence[SigningKey] | None = None,
    without: Sequence[str] = (),
) -> Genesis:
    """A genesis that goes on from this end; three recovery keys endorse it unless others do."""
    old = chain.genesis
    gone = tuple([one for one in old.territories if one.prefix in without])
    draft = Genesis(
        PROVED_SUCCESSOR_VERSION,
        chain.signed[end.height - 1].header.time_ms + 1,
        old.demo,
        old.parameters,
        tuple([one for one in old.territories if one.prefix not in without]),
        old.rule_version,
        replace(end, former=gone),
    )
    signing = keys or [key_of(f"{name} recovery") for name in ENDORSERS]
    content = encode(draft.value())
    made = tuple(sorted(endorse(key, draft.network_id, content) for key in signing))
    return replace(draft, endorsements=made)


def successor_at(chain: CometBftChain, height: int = 0) -> Genesis:
    """One that goes on from this height, else from the newest block."""
    return founded_on(chain, end_of(chain, height))
