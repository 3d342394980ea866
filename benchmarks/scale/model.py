"""The arithmetic: what a network of so many members and residents asks of each node.

Nothing here measures or guesses: costs were measured (`costs.json`), sizes follow from the code
(`sizes.py`), and what people and lines do is assumed, in the open (`Assumptions`).
"""

import math
from dataclasses import dataclass, field

from benchmarks.scale import sizes
from benchmarks.scale.costs import Costs
from ledger.payments import PAY_OBJECTS
from ledger.rules import BLOCK_WORK_PER_OBJECT, BLOCK_WORK_PER_SIGNATURE, Parameters

MS = 1_000
SECONDS_PER_HOUR = 3_600
DAYS = 365
HOURS = 24
MONTHS = 12
WEEKS = 52
BITS = 8
TRANSACTION_ID_BYTES = 32
VOTES_PER_BLOCK = 2
"""NOTARIZE and FINALIZE; a view that is skipped costs a NULLIFY in their place."""
HOPS_TO_FINALITY = 4
"""The payment to the leader, the proposal, NOTARIZE votes, FINALIZE votes."""
SYNCS_TO_FINALITY = 5
"""The proposal, each of the two votes before it leaves, what was learnt before the commit, and the
block itself: nobody is told before it is on disk."""
HOPS_TO_THE_NEXT_BLOCK = 2
"""A proposal goes out and NOTARIZE votes come in; FINALIZE votes travel beside the next block."""
ACCOUNTS_FEW = 10_000
"""With so many, a payment was measured to cost `payment_ms`."""
STORED_BLOCK_BYTES = 100
"""Keys and indexes of a block, beside its header, certificate and payments."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What nobody measured: how people pay, and the lines and disks between town halls."""

    payments_per_day: float = 1.0
    peak_hour_share: float = 0.15
    open_hours: int = 12
    """Hours a day in which people pay; the peak hour is one of them, the others are alike."""
    lines_per_month: float = 0.5
    """Lines of wages and bulletins, for each resident."""
    hop_ms: float = 30.0
    sync_ms: float = 5.0
    line_bits_per_second: float = 100e6
    key_changes_per_week: float = 1 / 400
    """For each member: as in `benchmarks.life wallet`, one of 40 every tenth week."""
    kept_days: int = 90
    """What a node keeps that removes old blocks."""


@dataclass(frozen=True, slots=True)
class Network:
    """One network: members that vote, residents of all of them together."""

    members: int
    residents: int
    costs: Costs
    assumed: Assumptions = Assumptions()
    parameters: Parameters = field(default_factory=Parameters)

    def _cost(self, name: str) -> float:
        return self.costs[name].value

    # -- payments -------------------------------------------------------------------------------

    @property
    def payments_a_day(self) -> float:
        """All residents'."""
        return self.residents * self.assumed.payments_per_day

    @property
    def payments_per_second_at_peak(self) -> float:
        """In the peak hour, on average."""
        return self.payments_a_day * self.assumed.peak_hour_share / SECONDS_PER_HOUR

    @property
    def payments_per_second_else(self) -> float:
        """In the other open hours."""
        others = (self.assumed.open_hours - 1) * SECONDS_PER_HOUR
        return self.payments_a_day * (1 - self.assumed.peak_hour_share) / others

    @property
    def lines_a_month(self) -> float:
        """Of wages and bulletins."""
        return self.residents * self.assumed.lines_per_month

    @property
    def payment_ms(self) -> float:
        """Processor time per payment and node. More accounts make the tree deeper and leave fewer
        of them in memory: measured with 10 thousand and with a million, continued in between and
        beyond by the logarithm."""
        tenfolds = math.log10(max(1.0, self.residents / ACCOUNTS_FEW))
        return self._cost("payment_ms") + tenfolds * self._cost("payment_tenfold_ms")

    @property
    def payment_processors_at_peak(self) -> float:
        """Processors per node for payments alone."""
        return self.payments_per_second_at_peak * self.payment_ms / MS

    @property
    def batch_seconds_a_month(self) -> float:
        """Processor time per node for wages and bulletins."""
        return self.lines_a_month * self._cost("batch_line_ms") / MS

    # -- blocks ---------------------------------------------------------------------------------

    @property
    def votes_received(self) -> int:
        """Per block and node; as many are sent."""
        return VOTES_PER_BLOCK * (self.members - 1)

    @property
    def certificates_sent(self) -> float:
        """Per block and node; as many are received."""
        if self.members == 1:
            return 0.0
        return self._cost("certificates_per_member") * self.members

    @property
    def votes_ms(self) -> float:
        """Processor time per block and node to take in and check the members' votes."""
        return self.votes_received * (self._cost("signature_check_ms") + self._cost("message_ms"))

    @property
    def certificates_ms(self) -> float:
        """Processor time per block and node to write and read the certificates passed on. Their
        signatures came as votes, and are not checked again."""
        each = self._cost("certificate_signature_ms") * sizes.quorum(self.members)
        return self.certificates_sent * (self._cost("certificate_ms") + each)

    @property
    def block_ms(self) -> float:
        """Processor time per block and node, without its payments."""
        return self._cost("block_ms") + self.votes_ms + self.certificates_ms

    @property
    def block_bytes_sent(self) -> float:
        """Per block and node, without payments; as many come in."""
        votes = self.votes_received * sizes.vote_frame_bytes()
        return votes + self.certificates_sent * sizes.certificate_frame_bytes(self.members)

    @property
    def line_ms(self) -> float:
        """How long a node's line takes for its votes and certificates of one block."""
        return BITS * self.block_bytes_sent / self.assumed.line_bits_per_second * MS

    @property
    def serial_ms(self) -> float:
        """From one empty block to the next where lines carry anything."""
        hops = HOPS_TO_THE_NEXT_BLOCK * self.assumed.hop_ms
        return hops + self.assumed.sync_ms + self.block_ms

    @property
    def is_bound_by_line(self) -> bool:
        """Whether blocks would follow each other faster on a faster line."""
        return self.line_ms > self.serial_ms

    @property
    def payments_per_second_max(self) -> float:
        """With full blocks, and one processor for payments and blocks: a block of K payments
        takes what one takes alone, and K times what a payment takes."""
        full = self.payments_per_block_max
        return full / ((self.block_interval_ms(0) + full * self.payment_ms) / MS)

    def block_interval_ms(self, payments_per_second: float) -> float:
        """From one block to the next while payments wait: what is done one after the other. The
        payments of a block take their time too, and the longer it takes the more there are; at
        the rate that fills a processor there is no end to it (infinite)."""
        # A node's loop and its checks overlap where there are two processors; here they don't.
        busy = payments_per_second * self.payment_ms / MS
        alone = max(self.serial_ms, self.line_ms)
        return alone / (1 - busy) if busy < 1 else float("inf")

    def blocks_per_second(self, payments_per_second: float) -> float:
        """At most: as fast as they follow each other, and two for each payment (the second one
        carries the results), since there are none without work."""
        fastest = MS / self.block_interval_ms(payments_per_second)
        return min(fastest, 2 * payments_per_second)

    @property
    def blocks_a_day(self) -> float:
        """Heartbeats come where nothing else does."""
        open_hours = self.assumed.open_hours
        peak = self.blocks_per_second(self.payments_per_second_at_peak) * SECONDS_PER_HOUR
        other = self.blocks_per_second(self.payments_per_second_else) * SECONDS_PER_HOUR
        beats = SECONDS_PER_HOUR * MS / self.parameters.heartbeat_ms
        open_blocks = max(peak, beats) + (open_hours - 1) * max(other, beats)
        return open_blocks + (HOURS - open_hours) * beats

    @property
    def payments_per_block_max(self) -> int:
        """By `block_work_max`."""
        each = BLOCK_WORK_PER_SIGNATURE + BLOCK_WORK_PER_OBJECT * PAY_OBJECTS
        by_bytes = self.parameters.block_bytes_max // int(self._cost("payment_bytes"))
        return min(self.parameters.block_work_max // each, by_bytes)

    # -- a node's machine ------------------------------------------------------------------------

    @property
    def processors_at_peak(self) -> float:
        """Processors per node in the peak hour."""
        rate = self.payments_per_second_at_peak
        return self.payment_processors_at_peak + self.blocks_per_second(rate) * self.block_ms / MS

    @property
    def payment_bytes_sent(self) -> float:
        """Per payment and node, averaged over the nodes: it is passed on to all by the one that
        it was given to, and named to all by a leader."""
        each = self._cost("payment_bytes") + TRANSACTION_ID_BYTES
        return each * (self.members - 1) / self.members

    @property
    def bits_per_second_at_peak(self) -> float:
        """Sent to other nodes in the peak hour; as much comes in."""
        rate = self.payments_per_second_at_peak
        blocks = self.blocks_per_second(rate) * self.block_bytes_sent
        return BITS * (rate * self.payment_bytes_sent + blocks)

    @property
    def bytes_sent_a_day(self) -> float:
        """Sent to other nodes; as much comes in."""
        return (
            self.payments_a_day * self.payment_bytes_sent
            + self.blocks_a_day * self.block_bytes_sent
        )

    @property
    def blocks_disk_bytes_a_year(self) -> float:
        """Headers and certificates of all blocks."""
        each = sizes.certificate_bytes(self.members) + sizes.header_bytes() + STORED_BLOCK_BYTES
        return DAYS * self.blocks_a_day * each

    @property
    def disk_bytes_a_year(self) -> float:
        """What a node that keeps everything grows by."""
        payments = DAYS * self.payments_a_day * self._cost("payment_disk_bytes")
        lines = MONTHS * self.lines_a_month * self._cost("batch_line_disk_bytes")
        return payments + lines + self.blocks_disk_bytes_a_year

    @property
    def pruned_disk_bytes(self) -> float:
        """What a node has after a year that removes old blocks: what stays of all payments, and
        the newest blocks whole."""
        stays = DAYS * self.payments_a_day * self._cost("payment_pruned_bytes")
        newest = (self.disk_bytes_a_year - stays) * self.assumed.kept_days / DAYS
        return stays + newest

    @property
    def accounts_disk_bytes(self) -> float:
        """The accounts themselves, in store, image and snapshots."""
        return self.residents * self._cost("account_disk_bytes")

    @property
    def memory_bytes(self) -> float:
        """Of a node: every node has every account."""
        return self._cost("node_memory_bytes") + self.residents * self._cost("account_memory_bytes")

    # -- finality --------------------------------------------------------------------------------

    @property
    def payments_per_block_at_peak(self) -> float:
        """In the peak hour."""
        rate = self.payments_per_second_at_peak
        return rate / self.blocks_per_second(rate)

    def finality_parts_ms(self) -> dict[str, float]:
        """What a payment waits for in the peak hour, one after the other: without the reserve
        that a real line has, and without a leader that is away."""
        rate, assumed = self.payments_per_second_at_peak, self.assumed
        payments = self.payments_per_block_at_peak
        interval = self.block_interval_ms(rate)
        # Somebody who pays while nothing goes on waits for no other block.
        is_busy = min(1.0, rate * interval / MS)
        others = self.members - 1
        proposal_bits = BITS * payments * TRANSACTION_ID_BYTES * others
        checks = self._cost("signature_check_ms")
        return {
            "turn": is_busy * interval / 2,
            "hops": HOPS_TO_FINALITY * assumed.hop_ms,
            "proposal": proposal_bits / assumed.line_bits_per_second * MS,
            "payments": payments * (self.payment_ms - checks) + checks,
            "votes": self.votes_ms,
            "line": self.line_ms,
            "certificates": self.certificates_ms,
            "rest": self._cost("block_ms") + SYNCS_TO_FINALITY * assumed.sync_ms,
        }

    # -- wallets ---------------------------------------------------------------------------------

    @property
    def wallet_year_bytes(self) -> float:
        """What a wallet reads that was a year away: how 52 epochs began, their sets where they
        changed."""
        changes = min(WEEKS, WEEKS * self.members * self.assumed.key_changes_per_week)
        same = sizes.epoch_bytes(self.members, with_members=False)
        other = sizes.epoch_bytes(self.members, with_members=True)
        return (WEEKS - changes) * same + changes * other

    @property
    def wallet_check_ms(self) -> float:
        """Checking one certificate, on the machine of the figures; a phone takes longer."""
        return sizes.quorum(self.members) * self._cost("signature_check_ms")
