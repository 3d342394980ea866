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
again. F(v) is journaled before the chain commits v. A member that finds out that it does not know
what it signed, because its journal ends below its chain or because it meets a vote of its own that
it never wrote down, signs nothing any more, and writes that down.

How members change: an *epoch* has one member set and one set of rules, and a replica lives in one
epoch. The ledger says which block is its last, the *boundary*: the first one whose time reaches the
epoch's end, or whose parent's state names other members. Its header commits to the next set. Above
it leaders propose only *closing* blocks, empty ones that join no chain, in views of their own; F of
the boundary, or of a closing block above it, makes the boundary final, and it is view 0 of the next
epoch. Who holds such an F signs nothing more in the old epoch, and nothing in the new one before
the boundary is on its disk. What is of another epoch is dropped: votes, proposals, certificates.
Who speaks of an old epoch is told its end (`EpochEnd`), which is the driver's part. A journal holds
several epochs, in the order that `position` gives them. A member that lost its journal signs
nothing until two whole epochs after the newest that a quorum of others can prove.

When it is quiet: timers run and leaders propose only while there is work. Transactions wait; or a
block is notarized and not final; or results stand in no final header yet, so one more, empty, block
carries them; or a heartbeat is due; or a proposal or f + 1 votes of the view came. An empty block
that only waits for its F follows another one after Δ at the earliest, and so does any block once
`candidates_max` are notarized and not final: nothing piles up at the network's pace.

How views heal: certificates are passed on, to some at once and to the rest after Δ/2. While there
is work and nothing becomes final, everybody says every `retry_ms` where it stands, newest first.
What a rule lacks is asked for, one peer after another. Who speaks of a view long past is told the
newest certificate. Who is too far behind catches up by height, which is the driver's part.

What others can make a member do is bounded: votes are held for views in (floor, view + W], one
proposal a view and `candidates_max` of later views, blocks only where they are proposed, voted for
or asked for, and answers have a budget for each peer.

Where things are:

- `header`, `votes`, `certificates`, `members`, `finality`: what is signed, and by whom;
- `events`, `effects`, `messages`, `config`: the boundary of the pure core;
- `replica` hears events, `rules` says what follows, `standing` holds state and acts;
- `tally` counts, `knowledge` holds, `timers` waits, by `clock`;
- `dissemination` passes on and tells, `fetching` asks, `answering` answers;
- `journal_records` and `turn`: what is written before anything is said;
- `simulation`: whole networks in virtual time, and members that lie;
- `cometbft`: the bytes and the light verification of the other engine, which orders elsewhere.

This package knows no money, clock, disk or network. Bodies of blocks are opaque bytes.
"""
