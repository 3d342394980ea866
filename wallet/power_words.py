"""How keys and requests are put into words for people."""

from ledger.key_changes import (
    AddKey,
    KeyChange,
    RemoveKey,
    ReplaceKey,
    SetLimit,
    UnblockKey,
)
from ledger.objects import BLOCKED_BY_HALL, Account, DeviceKey
from ledger.power_objects import RequestRecord, Standing
from ledger.roles import ROLE_NAMES
from terminal.languages import text
from wallet.light.trust import TrustedNetwork
from wallet.wording import amount_text, time_text

KEY_DIGITS = 16
"""A key is shown by so many of its first digits."""


def key_text(key: bytes) -> str:
    """A key's first digits."""
    return key.hex()[:KEY_DIGITS]


def roles_of(device: DeviceKey) -> list[str]:
    """The names of a key's roles."""
    return [name for role, name in ROLE_NAMES.items() if device.roles & role]


def device_text(network: TrustedNetwork, account: Account, device: DeviceKey, own: bytes) -> str:
    """One key of an account, as a line."""
    parts = [key_text(device.key), "+".join(roles_of(device))]
    if device.limit_minor is not None:
        parts.append("≤ " + amount_text(network, account.currency, device.limit_minor))
    if device.blocked:
        by_hall = device.blocked == BLOCKED_BY_HALL
        parts.append(
            text("bloquée par la mairie", "blocked by the town hall")
            if by_hall
            else text("bloquée", "blocked")
        )
    if device.key == own:
        parts.append(text("(cet appareil)", "(this device)"))
    return "  ".join(parts)


def device_value(device: DeviceKey) -> dict[str, object]:
    """One key of an account, as JSON."""
    return {
        "key": device.key.hex(),
        "roles": roles_of(device),
        "limit_minor": device.limit_minor,
        "blocked": ("no", "hall", "owner")[min(device.blocked, 2)],
    }


def maker_text(maker: bytes) -> str:
    """Who made a request."""
    if len(maker) == 20:
        return text("la mairie (hall)", "the town hall (hall)")
    return text(f"la clé {key_text(maker)}", f"key {key_text(maker)}")


def standing_text(record: RequestRecord) -> str:
    """Where a request stands."""
    due = time_text(record.due_ms)
    if record.standing is Standing.OPEN:
        return text(f"possible dès le {due}, sauf veto", f"possible from {due}, unless vetoed")
    if record.standing is Standing.VETOED:
        return text("arrêtée par un veto", "stopped by a veto")
    if record.standing is Standing.DISPUTED:
        return text("deux vetos : trois signatures décident", "two vetoes: three signatures decide")
    return text(f"approuvée, possible dès le {due}", f"agreed, possible from {due}")


def change_text(change: KeyChange) -> str:
    """What a change would do."""
    if isinstance(change, AddKey):
        roles = "+".join(name for role, name in ROLE_NAMES.items() if change.roles & role)
        key = key_text(change.key)
        return text(f"ajouter la clé {key} ({roles})", f"add key {key} ({roles})")
    if isinstance(change, RemoveKey):
        return text(f"retirer la clé {key_text(change.key)}", f"remove key {key_text(change.key)}")
    if isinstance(change, ReplaceKey):
        old, new = key_text(change.key), key_text(change.by)
        return text(f"remplacer la clé {old} par {new}", f"replace key {old} by {new}")
    if isinstance(change, UnblockKey):
        key = key_text(change.key)
        return text(f"débloquer la clé {key}", f"lift the block of key {key}")
    if isinstance(change, SetLimit):
        key = key_text(change.key)
        limit = change.limit_minor
        return text(f"plafond de {key} : {limit}", f"limit of {key}: {limit}")
    return text(f"seuil : {change.threshold}", f"threshold: {change.threshold}")


def request_text(record: RequestRecord) -> str:
    """One request, as a few words."""
    asked = " ; ".join(change_text(change) for change in record.changes)
    return f"{maker_text(record.maker)}: {asked} ({standing_text(record)})"


def request_value(record: RequestRecord) -> dict[str, object]:
    """One request, as JSON."""
    return {
        "maker": "hall" if len(record.maker) == 20 else record.maker.hex(),
        "changes": [change_text(change) for change in record.changes],
        "due_ms": record.due_ms,
        "vetoes": record.vetoes,
        "standing": record.standing.name.lower(),
    }
