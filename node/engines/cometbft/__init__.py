"""The second engine: CometBFT v0.38 in a process of its own, the ledger behind ABCI 2.0.

`requests`, `responses`, `messages` are typed dataclasses of what crosses ABCI; `application` has
the calls, with what CometBFT demands of each. `server` listens on a Unix socket and makes them.
`wire` and `parts` turn bytes into dataclasses and back, with CometBFT's own `descriptors`.

Source: CometBFT v0.38, `spec/abci` and `spec/core`.
"""
