"""CometBFT's bytes and its light verification, for whoever reads a chain that it ordered.

A network may run under CometBFT (v0.38) instead of the built-in Simplex. Then its blocks, votes
and commits are CometBFT's own, in protobuf, and a wallet or a receipt checks them with what is
here. Names are those of CometBFT's specification (`spec/core/data_structures.md`,
`spec/light-client/verification` in its repository); what they are called under the built-in engine
stands beside them in `headers`.

In prose: a *header* names the hash of the validators that sign it (`validators_hash`) and of those
that sign the next one (`next_validators_hash`). A *commit* is one signature place for each
validator of that set, in the set's order: absent, for the block, or for nil. A header is final when
more than two thirds of the set's power signed its hash. Who trusts one header knows by its
`next_validators_hash` the set of the next; who trusts a set may also skip heights, as long as
enough of it signed (`light`).

What a header h says of the ledger: `app_hash` is the state root after block h − 1, as in a header
of the built-in engine; `data_hash` the RFC 6962 root over the SHA-256 of each transaction's bytes;
`version.app` the rule version; `time` is BFT time, in nanoseconds.

- `wire`: protobuf, written by hand and read strictly: one value has one form;
- `timestamps`, `block_ids`, `headers`, `votes`, `commits`, `validators`: what is hashed and signed;
- `merkle`: the RFC 6962 tree under all of them;
- `light`: which header follows from which;
- `certified`, `inclusion`: what nodes serve of it, wallets check and receipts keep;
- `rpc_json`: the forms in which CometBFT's RPC tells the same.

Pure: no clock, no disk, no network. Time, trusting period and drift are arguments.
"""

CHAIN_ID_PREFIX = "democite-"


def chain_id(network_id: bytes) -> str:
    """CometBFT's name for a network: `democite-` and 40 hex digits of its id (at most 50
    characters are allowed). InitChain holds the genesis against the whole id."""
    return CHAIN_ID_PREFIX + network_id[:20].hex()
