"""The rules of money. Pure: no network, disk, clock, randomness or consensus.

    bytes ── transaction.decode_transaction ──> Transaction (checked as far as no state is needed)
    parent state + transactions + time ── execution.execute ──> Candidate, or BlockRefused
    Candidate ── commitment.Commitment.root_after ──> the state root for the next header
    Candidate ── State.commit ──> the committed state, after the node wrote it down

Each family (`accounts`, `reserve`, `payments`, `refunds`) has three verbs: `validate_` needs no
state, `check_` reads it and gives a plan, `apply_` writes it through `Candidate.write`, the one
door, where `invariants.conserve` compares the totals before anything changes. Every refusal is
`Refused` with a stable code, and changes nothing. State is a function of the ordered list of
accepted transactions alone; docs/protocol.md, sections 2 and 3, is the exact text.
"""
