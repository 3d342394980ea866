"""What an owner must see without asking: who wants their keys, what is blocked, what is frozen.

The delay before a change of keys protects only who learns of it in time (docs/protocol.md, section
3: delay, notice, veto). So every command that reads the account says on stderr what it found.
"""

from ledger.key_requests import REQUEST_LIFE_MS
from ledger.objects import BLOCKED_BY_HALL, Account
from ledger.power_fields import FREEZE_REASONS
from primitives.errors import Refused
from terminal.languages import text
from wallet.desk import Desk
from wallet.light.memory import HeaderConflict
from wallet.power_words import key_text, request_text
from wallet.wording import notice, time_text


async def warn(desk: Desk, account: Account | None = None) -> None:
    """Say what is asked about the account's keys, blocked or frozen; the account is the one that
    the desk read last, unless given. Where no node shows a request that the account lists, that
    there is one. Raises `HeaderConflict`."""
    account = account or desk.seen
    newest = desk.memory.newest
    if account is None or newest is None:
        return
    own = desk.owner.signing_key.public_key
    known = desk.network.known_terms
    if known is not None and known.terms.member(account.prefix) is None:
        notice(left_text(desk.network.territory(account.prefix).name))
    if account.frozen_until_ms > newest.time_ms:
        notice(frozen_text(account))
    for device in account.devices:
        if device.blocked == BLOCKED_BY_HALL:
            notice(blocked_text(device.key, is_own=device.key == own))
    try:
        found = await desk.reader.requests(account, desk.owner.signing_key)
    except HeaderConflict:
        raise
    except Refused:
        if any(maker != own for maker in account.requests):
            notice(unseen_text())
        return
    for record in found:
        if record.maker != own and record.due_ms + REQUEST_LIFE_MS >= newest.time_ms:
            notice(
                text(
                    f"ATTENTION, une demande est ouverte sur ce compte : {request_text(record)} ; "
                    "si elle n'est pas de vous : democite wallet veto",
                    f"WARNING, a request is open for this account: {request_text(record)}; "
                    "if it is not yours: democite wallet veto",
                )
            )


def left_text(name: str) -> str:
    """That the account's territory is no member any more."""
    return text(
        f"note : le territoire « {name} » n'est plus membre du réseau ; ses comptes et leur "
        "argent continuent, par les nœuds des autres",
        f"note: the territory '{name}' is no member of the network any more; its accounts and "
        "their money go on, through the others' nodes",
    )


def frozen_text(account: Account) -> str:
    """That an account is frozen, for how long and why."""
    until = time_text(account.frozen_until_ms)
    reason = FREEZE_REASONS.get(account.freeze_reason, str(account.freeze_reason))
    return text(
        f"ATTENTION, la mairie a gelé ce compte jusqu'au {until} ({reason}) : il reçoit, et ne "
        "paie pas",
        f"WARNING, the town hall froze this account until {until} ({reason}): it receives, and "
        "does not pay",
    )


def blocked_text(key: bytes, *, is_own: bool) -> str:
    """That the town hall blocked a key."""
    if is_own:
        return text(
            "ATTENTION, la mairie a bloqué cet appareil : il ne paie plus ; il peut encore bloquer "
            "et opposer son veto",
            "WARNING, the town hall blocked this device: it pays no more; it can still block and "
            "veto",
        )
    return text(
        f"ATTENTION, la mairie a bloqué la clé {key_text(key)} de ce compte",
        f"WARNING, the town hall blocked the key {key_text(key)} of this account",
    )


def unseen_text() -> str:
    """That a request is open which no node shows."""
    return text(
        "ATTENTION, une demande est ouverte sur ce compte, et aucun nœud ne la montre : demandez à "
        "un autre nœud (--node), ou à la mairie",
        "WARNING, a request is open for this account, and no node shows it: ask another node "
        "(--node), or the town hall",
    )
