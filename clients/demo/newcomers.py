"""Accounts whose keys the demonstration does not have: found in what the town hall signed.

Programmes have no keys at all, and visitors had accounts opened for keys of their own. The audit
must count every account; it reads these as staff, who say why.
"""

from collections.abc import Collection

from clients.demo.audit import Owner
from clients.demo.opening import Official
from ledger.fields import Opening, ProgrammeOpening
from ledger.transaction import decode_transaction
from primitives.addresses import account_id
from primitives.errors import Refused
from wallet.lane_history import history_page
from wallet.lane_owner import LaneOwner
from wallet.reader import Reader

REASON = "audit of the demonstration"
PAGE = 50


async def find_newcomers(reader: Reader, staff: Official, known: Collection[bytes]) -> list[Owner]:
    """Accounts of the territory besides the known ones.

    Nothing here has to be believed: the currency's totals object says how many there are.
    """
    prefix = staff.account.prefix
    owner = LaneOwner(prefix, staff.account.id, staff.lane_key)
    network_id = reader.network.network_id
    found: dict[bytes, Owner] = {}
    before: int | None = None
    while True:
        page = await history_page(reader, owner, before=before, limit=PAGE)
        for item in page.items:
            try:
                fields = decode_transaction(item.raw, network_id).fields
            except Refused:
                continue
            for first_key in _first_keys(fields):
                id = account_id(prefix, first_key)
                if id not in known:
                    found[id] = Owner(prefix, id, staff.lane_key, REASON)
        before = page.following
        if before is None:
            return list(found.values())


def _first_keys(fields: object) -> list[bytes]:
    """What the ids of the accounts opened here are made of."""
    if isinstance(fields, Opening):
        return [opened.keys[0].key for opened in fields.accounts]
    return [fields.seed] if isinstance(fields, ProgrammeOpening) else []
