"""How many lines of wages four nodes pay, how fast, and at what cost.

    .venv/bin/python -m benchmarks.wages [--json FILE] [--seconds N] [--lines N]

One employer in each territory pays every resident there with each run, signed by its key and
countersigned by the node's. README.md says how to read the figures.
"""

import sys

from benchmarks.batches import Fields, Hall, Lines, Payer, run
from clients.demo.people import demo_secret
from ledger.account_kinds import EMPLOYER, TERRITORY
from ledger.accounts import open_fields
from ledger.fields import ACCOUNT_OPEN, WAGES_PAY, OpenedAccount, OpenedKey
from ledger.roles import SPEND
from ledger.wages import wages_gross_minor, wages_pay_fields
from primitives.signatures import SigningKey

TENTH = 10


async def prepare(hall: Hall) -> Payer:
    """Open the employer's account and give it money."""
    key = SigningKey.from_seed(demo_secret(1, "employer", hall.place.prefix))
    opened = OpenedKey(key.public_key, SPEND, None)
    account = OpenedAccount(EMPLOYER, hall.currency, bytes(16), 1, (opened,))
    staff = hall.officials[TERRITORY]
    lane = hall.session.account(
        hall.place.prefix, hall.staff[-1], account_id=hall.territory.account_id
    )
    await hall.settle(lane, ACCOUNT_OPEN, open_fields([account]), staff.cosigners)
    employer = hall.session.account(hall.place.prefix, key)
    await hall.issue(employer.account_id)
    decimals = hall.territory.currencies[0].decimals

    def fields(run_id: bytes, lines: Lines) -> Fields:
        gross_minor = sum(line[1] for line in lines) * TENTH
        return wages_pay_fields(run_id, wages_gross_minor(gross_minor, len(lines), decimals), lines)

    return Payer(hall, employer, WAGES_PAY, (hall.node_key,), fields)


if __name__ == "__main__":
    sys.exit(run(__doc__.splitlines()[0], prepare))
