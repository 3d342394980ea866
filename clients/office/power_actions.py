"""What the town hall does about an account: block, recover, freeze; two of its staff sign."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.office.act_drafts import ActDraft, act_text, read_draft
from clients.office.signers import Signers, open_signers
from ledger.account_kinds import TERRITORY
from ledger.key_changes import AddKey, KeyChange, RemoveKey, ReplaceKey, SetThreshold, UnblockKey
from ledger.objects import Account
from ledger.power_fields import FREEZE_REASONS
from ledger.power_objects import RequestRecord
from ledger.roles import MANAGE, SPEND
from ledger.rules import MS_PER_DAY
from primitives.errors import Refused
from primitives.signatures import SigningKey
from terminal.errors import CommandError
from terminal.languages import text
from terminal.results import Result
from wallet.asking import ask_to_sign
from wallet.desk import Desk
from wallet.device_cards import parse_device_card
from wallet.light.trust import TrustedNetwork
from wallet.node_urls import node_urls_of
from wallet.payment_actions import outcome_result, tell_news
from wallet.power_words import device_text, device_value, request_text, request_value
from wallet.powers import (
    PowerIntent,
    block_intent,
    complete_intent,
    decide_intent,
    due_after,
    escalate_intent,
    freeze_intent,
    keys_intent,
    named_key,
    named_maker,
    unfreeze_intent,
    veto_intent,
)
from wallet.setup import parse_address_of
from wallet.submitting import submit
from wallet.transaction_ids import transaction_id
from wallet.wording import time_text

FREEZE_MARGIN_MS = 60_000
"""Clocks differ: a freeze of 30 days is asked a little shorter."""


@dataclass(frozen=True)
class Hall:
    """Staff at a terminal: their keys, and the reason that the audit log gets."""

    network: TrustedNetwork
    urls: tuple[str, ...]
    keystores: list[Path]
    passphrase_files: list[Path] | None
    reason: str
    out: Path | None = None
    """Where the act goes, signed so far, if others have to sign it too."""


@dataclass(frozen=True)
class Case:
    """An account as it stands, proved, and what is asked about its keys."""

    account: Account
    requests: tuple[RequestRecord, ...]
    hall: bytes
    delay_ms: int
    now_ms: int

    @property
    def due_ms(self) -> int:
        """The date of a request that is made now."""
        return due_after(self.delay_ms, self.now_ms)

    def request(self, maker: str | None) -> RequestRecord:
        """The open request that is meant."""
        wanted = named_maker(self.account, maker, self.hall)
        return next(one for one in self.requests if one.maker == wanted)


IntentOf = Callable[[Case], PowerIntent]


async def act(
    hall: Hall, address: str, intent_of: IntentOf, others: Sequence[SigningKey] = ()
) -> Result:
    """Read the account, sign what `intent_of` makes of it, and send it."""
    signers = await _signers(hall)
    urls = hall.urls or node_urls_of(hall.network, signers.account.prefix)
    async with Desk(hall.network, signers.owner, urls, folder=signers.state_folder) as desk:
        await tell_news(desk)
        case = await _case(desk, address, hall.reason)
        intent = intent_of(case)
        if hall.out is not None:
            return await _draft(desk, intent, (*signers.cosigners, *others), hall.out)
        entry = await desk.perform(intent, cosigners=(*signers.cosigners, *others))
        return outcome_result(desk, entry)


async def _signers(hall: Hall) -> Signers:
    return await open_signers(
        hall.network, hall.urls, hall.keystores, hall.passphrase_files, TERRITORY
    )


async def _draft(
    desk: Desk, intent: PowerIntent, others: tuple[SigningKey, ...], out: Path
) -> Result:
    """Write the act to a file, for others to sign."""
    if out.exists():
        raise FileExistsError(17, "exists", str(out))
    entry = await desk.prepare(intent, complete=False)
    if entry.state != "pending":
        return outcome_result(desk, entry)
    draft = ActDraft.of(entry, desk.network.network_id, desk.owner.signing_key, others)
    draft.write(out)
    return Result(
        {"draft": str(out), "signatures": 1 + len(others), "status": "incomplete"},
        text(
            f"Écrit dans {out} ; un collègue le signe : office account sign {out}",
            f"Written to {out}; a colleague signs it: office account sign {out}",
        ),
        shown=lambda: desk.tell(entry, "pending"),
    )


async def sign(hall: Hall, file: Path, *, yes: bool) -> Result:
    """Add signatures to a colleague's draft, and send it (or write it on, with `--out`)."""
    signers = await _signers(hall)
    draft = read_draft(file)
    transaction = draft.read(hall.network)
    prefix = signers.account.prefix
    said = act_text(hall.network, prefix, transaction)
    ask_to_sign(said, yes=yes)
    for key in signers.all_keys:
        draft = draft.cosigned(hall.network.network_id, key)
    if hall.out is not None:
        draft.write(hall.out)
        return Result({"draft": str(hall.out), "act": said, "status": "incomplete"}, said)
    raw = draft.raw()
    found = await submit(hall.network, hall.urls or node_urls_of(hall.network, prefix), raw)
    block = text(f"définitif au bloc {found.final.height}", f"final in block {found.final.height}")
    identity = transaction_id(raw).hex()
    return Result(
        {"id": identity, "act": said, "status": "final", "height": found.final.height},
        f"{said}\n{block}\n{identity}",
    )


async def _case(desk: Desk, address: str, reason: str) -> Case:
    network, owner = desk.network, desk.owner
    parsed = parse_address_of(network, address)
    if parsed.prefix != owner.prefix:
        raise CommandError(
            "address_of_other_network",
            text("ce compte est d'un autre territoire", "this account is another territory's"),
        )
    key = owner.signing_key
    proved = await desk.reader.account(parsed.prefix, parsed.account_id, key, reason=reason)
    if proved.account is None:
        raise Refused("account_unknown", address)
    found = await desk.reader.requests(proved.account, key, reason=reason)
    return Case(
        proved.account,
        tuple(found),
        owner.account_id,
        (await desk.parameters()).recovery_delay_ms,
        time.time_ns() // 1_000_000,
    )


async def show(hall: Hall, address: str) -> Result:
    """An account's keys and requests, for staff with a reason."""
    signers = await _signers(hall)
    urls = hall.urls or node_urls_of(hall.network, signers.account.prefix)
    async with Desk(hall.network, signers.owner, urls, folder=signers.state_folder) as desk:
        case = await _case(desk, address, hall.reason)
    account = case.account
    lines = [device_text(hall.network, account, one, b"") for one in account.devices]
    if account.frozen_until_ms > case.now_ms:
        until = time_text(account.frozen_until_ms)
        why = FREEZE_REASONS.get(account.freeze_reason, "?")
        lines.append(text(f"gelé jusqu'au {until} ({why})", f"frozen until {until} ({why})"))
    lines += [request_text(one) for one in case.requests]
    return Result(
        {
            "address": address,
            "frozen_until_ms": account.frozen_until_ms,
            "freeze_reason": FREEZE_REASONS.get(account.freeze_reason),
            "devices": [device_value(one) for one in account.devices],
            "requests": [request_value(one) for one in case.requests],
        },
        "\n".join(lines),
    )


async def recover(
    hall: Hall, line: str, replaced: str | None, removed: Sequence[str], threshold: int | None
) -> Result:
    """Ask that the device of a card joins its account, in another's place or beside."""
    card = parse_device_card(line)
    address = card.address

    def intent_of(case: Case) -> PowerIntent:
        account = case.account
        changes: list[KeyChange] = [AddKey(card.device_key, SPEND | MANAGE, None)]
        if replaced is not None:
            changes = [ReplaceKey(named_key(account, replaced).key, card.device_key)]
        changes += [RemoveKey(named_key(account, word).key) for word in removed]
        if threshold is not None:
            changes.append(SetThreshold(threshold))
        return keys_intent(account, changes, case.due_ms)

    return await _ask(hall, address, intent_of)


async def unblock(hall: Hall, address: str, word: str) -> Result:
    """Ask that a key's block is lifted: a phone was found again."""
    return await _ask(
        hall,
        address,
        lambda case: keys_intent(
            case.account, [UnblockKey(named_key(case.account, word).key)], case.due_ms
        ),
    )


async def _ask(hall: Hall, address: str, intent_of: IntentOf) -> Result:
    """Make a request that waits, and say so."""
    result = await act(hall, address, intent_of)
    words = text(
        "Demande faite : le titulaire en est averti et peut y opposer son veto jusqu'à l'échéance.",
        "Request made: the owner sees it and may veto it until it is due.",
    )
    return Result(
        {**result.data, "address": address}, f"{result.text}\n{words}", shown=result.shown
    )


def blocking(word: str) -> IntentOf:
    """Block a key at once."""
    return lambda case: block_intent(case.account.id, named_key(case.account, word).key)


def freezing(reason: str, days: int) -> IntentOf:
    """Freeze for so many days, or renew. Raises `CommandError("usage")` for another reason."""
    codes = {name: code for code, name in FREEZE_REASONS.items()}
    if reason not in codes:
        raise CommandError("usage", f"--because {reason}: {' | '.join(codes)}")

    def intent_of(case: Case) -> PowerIntent:
        until_ms = case.now_ms + days * MS_PER_DAY - FREEZE_MARGIN_MS
        return freeze_intent(case.account.id, codes[reason], until_ms, days)

    return intent_of


def unfreezing() -> IntentOf:
    """Lift a freeze."""
    return lambda case: unfreeze_intent(case.account.id)


def completing(maker: str | None) -> IntentOf:
    """Complete a request that is due."""

    def intent_of(case: Case) -> PowerIntent:
        record = case.request(maker)
        return complete_intent(case.account.id, record.maker, record.due_ms)

    return intent_of


def withdrawing() -> IntentOf:
    """Withdraw the town hall's own request."""

    def intent_of(case: Case) -> PowerIntent:
        record = case.request("hall")
        return veto_intent(case.account.id, record.maker, record.due_ms)

    return intent_of


def insisting() -> IntentOf:
    """Insist on the town hall's own request after a first veto."""
    return lambda case: escalate_intent(case.account.id, case.request("hall").maker, case.due_ms)


async def decide(
    hall: Hall, address: str, maker: str | None, other_keystores: list[Path], *, agree: bool
) -> Result:
    """Three signatures about a request that was vetoed twice, one of another territory."""
    files = _later(hall.passphrase_files, hall.keystores)
    other = await open_signers(hall.network, hall.urls, other_keystores, files, TERRITORY)
    prefix = other.account.prefix

    def intent_of(case: Case) -> PowerIntent:
        record = case.request(maker)
        return decide_intent(case.account.id, record.maker, prefix, agree, record.changes)

    return await act(hall, address, intent_of, other.all_keys)


def _later(files: list[Path] | None, before: Sequence[Path]) -> list[Path] | None:
    """Passphrase files go with keystores in order; the other territory's come last."""
    return None if files is None else (files[len(before) :] or files[-1:])
