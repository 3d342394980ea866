"""Simplex consensus: territories that do not trust each other's machines agree on one order.

The protocol is Simplex (B. Chan and R. Pass, "Simplex Consensus", ePrint 2023/463). In prose:

Time is cut into *views*. Each view has a leader, in turn. The leader proposes one block on the
newest certified one. A member that finds the proposal sound votes NOTARIZE; q NOTARIZE votes make
N(v), and everybody who sees it enters the next view. If nothing good comes in time, members vote
NULLIFY; q of these make U(v), and the view is skipped. A member that sees N(v) and has not
nullified v votes FINALIZE; q FINALIZE votes make F(v): that block, with all before it, is final.

n members bear f = ⌊(n − 1)/3⌋ that crash or lie; q = n − f.

Why two final blocks cannot contradict: N(v) and N'(v) of different blocks share an honest voter,
who votes NOTARIZE once a view. A later block skips v only with U(v); F(v) and U(v) share an
honest voter who would have signed FINALIZE and NULLIFY of one view, which none does.

Why it goes on: once messages arrive within Δ, certificates reach everybody, so views align; an
honest leader's block is notarized before anybody's timer runs out. Timers double with every f + 1
views without a final block, so a real network slower than Δ is met sooner or later.

What makes a crash harmless: a vote is journaled and synced before it is sent, a NOTARIZE with its
block. After a restart a member knows what it promised, counts its own votes again, and sends them
again. F(v) is journaled before the chain commits v.

Where things are:

- `header`, `votes`, `certificates`, `members`: what is signed, and by whom;
- `events`, `effects`, `messages`: the boundary of the pure core;
- `replica` hears events, `rules` says what follows, `standing` holds state and acts;
- `tally` counts, `knowledge` holds, `timers` waits, `dissemination` passes on, asks and answers;
- `journal_records` and `turn`: what is written before anything is said;
- `simulation`: whole networks in virtual time, and members that lie.

This package knows no money, clock, disk or network. Bodies of blocks are opaque bytes.
"""
