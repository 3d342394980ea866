"""How many bulletins four nodes credit, how fast, and at what cost.

    .venv/bin/python -m benchmarks.bulletins [--json FILE] [--seconds N] [--lines N]

One programme in each territory credits every resident there with each batch, signed by the node and
two of the staff. README.md says how to read the figures.
"""

import sys

from benchmarks.batches import START_MINOR, Fields, Hall, Lines, Payer, run
from clients.demo.people import demo_secret
from ledger.bulletins import bulletin_credit_fields
from ledger.fields import BULLETIN_CREDIT, PROGRAMME_OPEN
from ledger.programmes import programme_open_fields
from primitives.addresses import account_id


async def prepare(hall: Hall) -> Payer:
    """Open the programme with a budget out of the commons."""
    await hall.issue(hall.commons_id)
    seed = demo_secret(1, "programme", hall.place.prefix)
    lane, staff = hall.node_lane(), hall.staff[:2]
    opened = programme_open_fields(seed, bytes(16), hall.currency, START_MINOR, bytes(32))
    await hall.settle(lane, PROGRAMME_OPEN, opened, staff)
    programme = account_id(hall.place.prefix, seed)

    def fields(run_id: bytes, lines: Lines) -> Fields:
        return bulletin_credit_fields(programme, run_id, lines)

    return Payer(hall, lane, BULLETIN_CREDIT, staff, fields)


if __name__ == "__main__":
    sys.exit(run(__doc__.splitlines()[0], prepare))
