"""The seeded simulator: whole networks of real replicas in virtual time.

One seed is one run: the same seed gives the same events in the same order and the same final hash.
What is real: the replica, its journal records, the messages' bytes. What is simulated: time, the
network, disks, crashes, and a toy ledger. Signatures are keyed hashes behind the signature port
(some seeds use Ed25519). `docs/consensus.md` says what is injected and what must hold.
"""
