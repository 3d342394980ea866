"""The bytes everyone agrees on: encoding, hashing, signatures, addresses, Merkle trees.

Pure: no clock, no randomness, no disk, no network, and nothing of the packages above. Wallets,
nodes and other programs compute the same bytes from the same values, and `docs/protocol.md` is
the text they follow; `tests/vectors/` pins them.
"""
