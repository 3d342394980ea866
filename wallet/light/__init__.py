"""The light client: what a wallet believes, and why.

It starts from the genesis file alone. A header is *final* when a FINALIZE certificate with the
signatures of q of n territories covers it, or covers a descendant and every header between is
there (docs/protocol.md, section 4); where CometBFT orders, when a commit of more than two thirds
does (section 6). Everything else follows by hashing: an account from a state proof under a final
header's state root, a transaction from its inclusion in a final header's block, an old receipt from
the receipt log.

Pure: no clock, no network, no disk. Time and bytes are arguments, so that every check can be
tested, and rewritten for another language, as it stands.

Not its business: asking nodes (`wallet.node_client`), keeping what was verified
(`wallet.header_store`), signing.
"""
