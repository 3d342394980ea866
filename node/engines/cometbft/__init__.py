"""The second engine: CometBFT v0.38 in a process of its own, the ledger behind ABCI 2.0.

Two processes, three Unix sockets in a private folder:

    cometbft ── ABCI, four connections ──> server ── requests, responses ──> an Application
    cometbft <── privval, one connection ── signer   (the voting key stays sealed on our disk)
    cometbft <── JSON-RPC ── rpc

- `requests`, `responses`, `messages` are typed dataclasses of what crosses ABCI; `application` has
  the calls, with what CometBFT demands of each. `wire` and `parts` turn bytes into dataclasses and
  back, with CometBFT's own `descriptors`; nothing generated is imported.
- `signer` signs at most one message at each height, round and step (`signed_last`).
- `configuration` and `comet_genesis` write CometBFT's files from ours; `program` finds the binary;
  `supervisor` starts it, watches it, and never leaves it behind. `running` is all of it.
- `light_door` is where a new node's CometBFT asks other nodes for headers, before a snapshot.

Source: CometBFT v0.38, `spec/abci` and `spec/core`.
"""
