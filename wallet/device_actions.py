"""`wallet devices`, `wallet requests`, `wallet veto`: the keys of one's account."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.key_changes import (
    AddKey,
    KeyChange,
    RemoveKey,
    ReplaceKey,
    SetLimit,
    SetThreshold,
    UnblockKey,
)
from ledger.objects import Account
from ledger.power_objects import RequestRecord
from ledger.roles import MANAGE, SPEND
from primitives import amounts
from primitives.errors import Refused
from terminal.errors import CommandError
from terminal.languages import text
from terminal.results import Result
from wallet.desk import Desk
from wallet.device_cards import parse_device_card
from wallet.payment_actions import outcome_result, tell_news
from wallet.power_words import (
    device_text,
    device_value,
    request_text,
    request_value,
)
from wallet.powers import (
    PowerIntent,
    block_intent,
    complete_intent,
    due_after,
    escalate_intent,
    is_lowering,
    keys_intent,
    named_key,
    named_maker,
    veto_intent,
)
from wallet.setup import OpenedWallet
from wallet.wording import decimals_of, time_text

_UNREAD = ("not_found", "account_unknown")
"""What a key that another of the account's keys blocked is told when it reads."""


def _desk(opened: OpenedWallet, passphrase_file: Path | None) -> Desk:
    owner = opened.owner(passphrase_file)
    return Desk(opened.network, owner, opened.urls, folder=opened.folder.folder)


async def listed(opened: OpenedWallet, passphrase_file: Path | None) -> Result:
    """The account's keys, and what is asked about them."""
    async with _desk(opened, passphrase_file) as desk:
        await tell_news(desk)
        account = await desk.account()
        found = await desk.reader.requests(account, desk.owner.signing_key)
        own = desk.owner.signing_key.public_key
    lines = [device_text(opened.network, account, one, own) for one in account.devices]
    lines += [request_text(record) for record in found]
    return Result(
        {
            "address": opened.identity.address,
            "threshold": account.threshold,
            "frozen_until_ms": account.frozen_until_ms,
            "devices": [device_value(one) for one in account.devices],
            "requests": [request_value(record) for record in found],
        },
        "\n".join(lines),
    )


async def requests(opened: OpenedWallet, passphrase_file: Path | None) -> Result:
    """What is asked about the account's keys."""
    async with _desk(opened, passphrase_file) as desk:
        await tell_news(desk)
        account = await desk.account()
        found = await desk.reader.requests(account, desk.owner.signing_key)
    return Result(
        {"address": opened.identity.address, "requests": [request_value(one) for one in found]},
        "\n".join(request_text(one) for one in found)
        or text("Aucune demande ouverte.", "No request is open."),
    )


async def block(opened: OpenedWallet, passphrase_file: Path | None, word: str) -> Result:
    """Block a key at once; from a key that may not read any more, by its whole name."""
    async with _desk(opened, passphrase_file) as desk:
        await tell_news(desk)
        try:
            key = named_key(await desk.account(), word).key
        except Refused as refusal:
            if refusal.code not in _UNREAD or len(word.strip()) != 64:
                raise
            key = bytes.fromhex(word.strip())
        entry = await desk.perform(block_intent(desk.owner.account_id, key), unread=True)
        return outcome_result(desk, entry)


ChangesOf = Callable[[Account], Sequence[KeyChange]]


async def change(
    opened: OpenedWallet, passphrase_file: Path | None, changes_of: ChangesOf
) -> Result:
    """Change keys: at once where power is only lost, else as a request that waits."""
    async with _desk(opened, passphrase_file) as desk:
        await tell_news(desk)
        account = await desk.account()
        changes = changes_of(account)
        at_once = all(is_lowering(account, one) for one in changes)
        due_ms = None
        if not at_once:
            delay_ms = (await desk.parameters()).recovery_delay_ms
            due_ms = due_after(delay_ms, time.time_ns() // 1_000_000)
        entry = await desk.perform(keys_intent(account, changes, due_ms))
        result = outcome_result(desk, entry)
    if due_ms is None:
        return result
    words = text(
        f"Demande faite ; possible dès le {time_text(due_ms)}, sauf veto : "
        "democite wallet complete",
        f"Request made; possible from {time_text(due_ms)}, unless vetoed: democite wallet complete",
    )
    return Result({**result.data, "due_ms": due_ms}, f"{result.text}\n{words}", shown=result.shown)


def unblocking(word: str) -> ChangesOf:
    """Lift a key's block."""
    return lambda account: [UnblockKey(named_key(account, word).key)]


def adding(line: str, *, manages: bool, limit: Callable[[], int | None]) -> ChangesOf:
    """Add the device of a card."""
    card = parse_device_card(line)
    roles = SPEND | MANAGE if manages else SPEND

    def changes(account: Account) -> Sequence[KeyChange]:
        _check_card(card.account_id, account)
        return [AddKey(card.device_key, roles, limit())]

    return changes


def setting_threshold(number: int) -> ChangesOf:
    """So many of the account's devices must sign what it pays."""
    return lambda account: [SetThreshold(number)]


def removing(word: str) -> ChangesOf:
    """Remove a key for ever."""
    return lambda account: [RemoveKey(named_key(account, word).key)]


def replacing(word: str, line: str) -> ChangesOf:
    """Put the device of a card in a key's place."""
    card = parse_device_card(line)

    def changes(account: Account) -> Sequence[KeyChange]:
        _check_card(card.account_id, account)
        return [ReplaceKey(named_key(account, word).key, card.device_key)]

    return changes


def limiting(opened: OpenedWallet, word: str, amount: str) -> ChangesOf:
    """Set the most that a key spends by itself at a time; `none` for no limit."""

    def changes(account: Account) -> Sequence[KeyChange]:
        return [
            SetLimit(named_key(account, word).key, limit_minor(opened, amount, account.currency))
        ]

    return changes


def limit_minor(opened: OpenedWallet, amount: str, currency: str) -> int | None:
    """A limit as people write it."""
    if amount == "none":
        return None
    return amounts.parse_amount(amount, decimals_of(opened.network, currency))


def _check_card(wanted: bytes, account: Account) -> None:
    if wanted != account.id:
        raise CommandError(
            "request_malformed",
            text("cette carte est pour un autre compte", "this card is for another account"),
        )


async def settle(
    opened: OpenedWallet, passphrase_file: Path | None, act: str, word: str | None
) -> Result:
    """Veto a request (or withdraw one's own), insist on it, or complete it."""
    async with _desk(opened, passphrase_file) as desk:
        await tell_news(desk)
        account = await desk.account()
        hall = opened.network.territory(account.prefix).account_id
        maker = named_maker(account, word, hall)
        found = await desk.reader.requests(account, desk.owner.signing_key)
        record = next(one for one in found if one.maker == maker)
        delay_ms = (await desk.parameters()).recovery_delay_ms if act == "insist" else 0
        entry = await desk.perform(settling(account, record, act, delay_ms))
        return outcome_result(desk, entry)


def settling(account: Account, record: RequestRecord, act: str, delay_ms: int) -> PowerIntent:
    """What is signed for one of these acts; who insists waits `delay_ms` again."""
    if act == "veto":
        return veto_intent(account.id, record.maker, record.due_ms)
    if act == "complete":
        return complete_intent(account.id, record.maker, record.due_ms)
    due_ms = due_after(delay_ms, time.time_ns() // 1_000_000)
    return escalate_intent(account.id, record.maker, due_ms)
