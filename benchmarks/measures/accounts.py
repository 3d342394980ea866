"""What a payment costs where there are few accounts, and where there are many.

Payees are of the whole crowd, so that every payment touches a part of the tree that is cold.
"""

from benchmarks.crowd import crowd_account
from benchmarks.load import PayeeOf
from benchmarks.measures.form import Figures, Form
from benchmarks.payments import bench_of
from clients.demo.places import PLACES

STRIDE = 7_919
"""Prime: payees are far apart, and come again only when all of their territory had a turn."""


async def measure(form: Form) -> Figures:
    """At saturation, with either number of accounts."""
    return {
        "few": await _measure(form, form.accounts_few),
        "many": await _measure(form, form.accounts_many),
    }


async def _measure(form: Form, accounts: int) -> Figures:
    async with bench_of(crowd=accounts, payee_of=payees_in(accounts)) as bench:
        return {"accounts": accounts, **await bench.at_saturation(form.seconds)}


def payees_in(accounts: int) -> PayeeOf:
    """Who of a crowd is paid: somebody of the payer's territory."""
    homes = len(PLACES)

    def payee_of(payment: int) -> bytes:
        home = payment % homes
        turn = payment // homes * STRIDE % (accounts // homes)
        return crowd_account(PLACES[home].prefix, turn * homes + home)

    return payee_of
