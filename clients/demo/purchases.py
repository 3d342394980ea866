"""The month's purchases, as their file lists them: what can be read, and what cannot."""

from collections import Counter
from dataclasses import dataclass

from clients.demo.example_files import ExampleFolder
from clients.demo.places import DECIMALS, Place
from clients.tables import read_table

COLUMNS = ("when", "payer", "payee", "amount", "label")
FILE = "purchases.csv"


@dataclass(frozen=True)
class ListedPurchase:
    """A line: who pays whom how much, by the registers' codes."""

    payer: str
    payee: str
    amount_minor: int


@dataclass(frozen=True)
class PurchaseList:
    """A territory's purchases in the file's order; `refusals` counts its unreadable lines."""

    purchases: tuple[ListedPurchase, ...]
    refusals: Counter[str]


def read_purchases(place: Place) -> PurchaseList:
    """Read a territory's file. Each purchase is for itself: a line that cannot be read keeps no
    other from being paid."""
    found: list[ListedPurchase] = []
    refusals: Counter[str] = Counter()
    for row in read_table(ExampleFolder(place).first(FILE), COLUMNS).rows:
        row.date("when")
        row.text("label", may_be_empty=True)
        purchase = ListedPurchase(
            row.code("payer"), row.code("payee"), row.amount("amount", DECIMALS)
        )
        refusals.update(fault.code for fault in row.faults)
        if not row.faults:
            found.append(purchase)
    return PurchaseList(tuple(found), refusals)
