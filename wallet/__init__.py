"""The wallet: keys, signing, payments that cannot happen twice, and a light client.

It trusts one thing, the genesis file. Nodes are only asked: whatever they answer is checked
against certificates of the territories and proofs under them (`wallet.light`, which is pure).

How a payment is made, and why retrying cannot pay twice:

1. The wallet takes a lane number under a lock and writes the signed bytes to its outbox, synced,
   before anything is sent.
2. It sends those bytes, and only those, to one node after another.
3. A payment is done when its inclusion is proved under a final header. A node's word that it was
   refused is shown to the user, but the next payment takes the *same* lane number, so that at
   most one of the two can ever be accepted, even if the node lied.
4. Without an answer the outcome is unknown. The next command resolves it: final if inclusion is
   proved, gone if the lane is proved unused in a state that no block still able to accept the
   payment can follow.
"""
