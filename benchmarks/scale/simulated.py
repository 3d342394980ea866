"""How soon a payment is final in networks that nobody has yet, in the consensus simulator:

    .venv/bin/python -m benchmarks.scale.simulated [--members 4,10,40,100] [--write]

Real replicas in virtual time, honest all: messages and disks take as long as docs/scale.md assumes,
processors and lines take no time at all. So this is the part of finality that no machine shortens,
and what `benchmarks.scale` computes must not be below it. Drawn from a seed: the same everywhere.
`--write` puts the figures where `benchmarks.scale` finds them.
"""

import argparse
import json
import sys
from dataclasses import replace
from functools import partial

from benchmarks import figures_file
from benchmarks.arguments import counts
from benchmarks.figures_file import Figures
from benchmarks.scale.costs import SIMULATED_FILE
from benchmarks.scale.model import Assumptions
from clients.demo.summary import percentile
from consensus.messages import Message, encode_message
from consensus.simulation.checkers import Checkers
from consensus.simulation.host import Host
from consensus.simulation.machine import NETWORK_ID, Identity
from consensus.simulation.roll import Roll
from consensus.simulation.scenario import Scenario
from consensus.simulation.signing import make_keys
from consensus.simulation.world import World

MEMBERS = (4, 10, 40, 100)
MEMBERS_MAX = 100
"""Beyond that a block is some millions of messages."""

PAYMENTS = 24
EVERY_MS = 211
"""Prime, so that payments meet the network at all moments of a view."""
FIRST_MS = 1_000
END_MS = FIRST_MS + PAYMENTS * EVERY_MS + 8_000


class Distance(World):
    """A network with the hops and disks of `Assumptions`, which counts what is sent."""

    def __init__(self, scenario: Scenario, sync_ms: int) -> None:
        super().__init__(scenario)
        self._sync_ms = sync_ms
        self.messages = 0
        self.bytes = 0

    def disk_ms(self) -> int:
        """Every sync takes as long."""
        return self._sync_ms

    def transmit(self, sender: bytes, receiver: bytes, message: Message) -> None:
        """Count and carry it."""
        self.messages += 1
        self.bytes += len(encode_message(message))
        super().transmit(sender, receiver, message)


class Town(Host):
    """A member that notes when a payment that was made here is final, and on its disk."""

    def note_from(self, made_ms: dict[int, int], final_ms: dict[int, int]) -> None:
        """Of these payments, when each was made, and where to put when it was final."""
        self._made_ms, self._final_ms = made_ms, final_ms

    def _write_chain(self) -> None:
        super()._write_chain()
        paid = self.ledger.paid(self.chain.tip.digest)
        # After `super` planned that it is written, so that it is by then.
        written_ms = self.world.now_ms + self.world.disk_ms()
        self.world.at(written_ms, lambda: self._note_final(paid, written_ms))

    def _note_final(self, paid: frozenset[int], written_ms: int) -> None:
        """Nobody is told before it is on disk."""
        for number in paid & self._made_ms.keys():
            self._final_ms.setdefault(number, written_ms - self._made_ms[number])


def simulate(members: int, *, one_is_away: bool) -> dict[str, float]:
    """One network, with and without one of its leaders."""
    assumed = Assumptions()
    hop_ms = int(assumed.hop_ms)
    world = Distance(_calm(members, hop_ms), int(assumed.sync_ms))
    signers, verify = make_keys(members, real=False)
    keys = sorted(signers)
    roll = Roll(tuple((key, key) for key in keys), signers, ((0, True),) * members)
    everybody = roll.members(roll.first)
    checkers = Checkers(NETWORK_ID, everybody, frozenset(keys), verify, PAYMENTS, roll.is_change)
    hosts: dict[bytes, Host] = {}
    towns = {
        key: Town(Identity(key, everybody, signers[key], verify, roll), world, checkers, hosts)
        for key in keys
    }
    hosts.update(towns)
    world.endpoints.update(towns)
    final_ms: dict[int, int] = {}
    there = keys[1:] if one_is_away else keys
    made_ms: dict[bytes, dict[int, int]] = {key: {} for key in keys}
    for number in range(PAYMENTS):
        payer, when_ms = there[number * 7 % len(there)], FIRST_MS + number * EVERY_MS
        made_ms[payer][number] = when_ms
        for key in there:
            world.at(when_ms + (0 if key == payer else hop_ms), partial(towns[key].pay, number))
    for key in there:
        towns[key].note_from(made_ms[key], final_ms)
        world.at(0, towns[key].start)
    world.run(END_MS)
    if len(final_ms) < PAYMENTS:
        raise ValueError(f"of {PAYMENTS} payments {len(final_ms)} became final with {members}")
    return _figures(world, len(towns[there[0]].chain), len(there), [*final_ms.values()])


def _calm(members: int, hop_ms: int) -> Scenario:
    """Nothing goes wrong; every message takes as long."""
    calm = Scenario.from_seed(0, members)
    return replace(
        calm,
        actors=(), loss=0, duplication=0, delay_ms_min=hop_ms, delay_ms_max=hop_ms,
        slow_ms=END_MS, crash=0, partitions=0, all_restart=False, outage_ms=0, lost_finalize=False,
        night_ms=0, clock_skew_ms_max=0, clock_jumps=0, disk_ms_max=0, full_disks=0, work_ms_max=0,
        set_back=False, payments=PAYMENTS, real_signatures=False, changes=0, epoch_ms=0,
        restored=False, aimed=False,
    )  # fmt: skip


def _figures(world: Distance, blocks: int, senders: int, final_ms: list[int]) -> dict[str, float]:
    per_block = 1 / blocks / senders
    return {
        "blocks": blocks,
        "final_ms_p50": percentile([*map(float, final_ms)], 0.5),
        "final_ms_max": max(final_ms),
        "messages_per_block_and_node": round(world.messages * per_block, 1),
        "bytes_per_block_and_node": round(world.bytes * per_block),
    }


def measure(members: int) -> Figures:
    """A network of that size, complete, and with one member away."""
    return {
        "members": members,
        "complete": simulate(members, one_is_away=False),
        "one_away": simulate(members, one_is_away=True),
    }


def main() -> int:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.scale.simulated", description=__doc__.splitlines()[0].rstrip(":")
    )
    parser.add_argument("--members", metavar="N,M", type=counts(4, MEMBERS_MAX), default=[*MEMBERS])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.write and tuple(options.members) != MEMBERS:
        parser.error("--write: of all sizes at once, please")
    networks = [measure(members) for members in options.members]
    print(json.dumps(networks, indent=1))
    if options.write:
        figures_file.write(SIMULATED_FILE, {"networks": networks})
    return 0


if __name__ == "__main__":
    sys.exit(main())
