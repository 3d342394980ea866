"""`office keys`: the keys of the territory's own account, or of its issuer's."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from clients.office.signers import Signers, open_signers
from ledger.account_kinds import COMMONS, ISSUER, TERRITORY
from ledger.key_changes import (
    AddKey,
    KeyChange,
    RemoveKey,
    ReplaceKey,
    SetThreshold,
    UnblockKey,
)
from ledger.objects import Account
from ledger.power_objects import RequestRecord
from ledger.roles import ISSUE, MANAGE, PAPER, SPEND, STAFF
from primitives.errors import Refused
from terminal.languages import text
from terminal.results import Result
from wallet.desk import Desk
from wallet.light.trust import TrustedNetwork
from wallet.node_urls import node_urls_of
from wallet.payment_actions import outcome_result, tell_news
from wallet.power_words import device_text, device_value, request_text, request_value
from wallet.powers import (
    PowerIntent,
    block_intent,
    complete_intent,
    due_after,
    keys_intent,
    named_key,
    named_maker,
    veto_intent,
)
from wallet.wording import time_text

_ROLES = {TERRITORY: STAFF, ISSUER: ISSUE, COMMONS: SPEND | MANAGE}
"""What a key that joins may do, by kind of account."""

IntentOf = Callable[[Account, Signers, tuple[RequestRecord, ...]], PowerIntent]


class OwnKeys:
    """Staff or issuers who act on their own account, at a terminal."""

    def __init__(
        self,
        network: TrustedNetwork,
        urls: tuple[str, ...],
        keystores: list[Path],
        passphrase_files: list[Path] | None,
        *,
        kind: str,
    ) -> None:
        self.network = network
        self.kind = kind
        self.signers = asyncio.run(open_signers(network, urls, keystores, passphrase_files, kind))
        self.urls = urls or node_urls_of(network, self.signers.account.prefix)

    def desk(self) -> Desk:
        """Where they sign."""
        folder = self.signers.state_folder
        if self.kind == COMMONS:
            # The same key has another lane there.
            folder = folder / "commons"
        return Desk(self.network, self.signers.owner, self.urls, folder=folder)

    async def show(self) -> Result:
        """The account's keys, and what is asked about them."""
        async with self.desk() as desk:
            account = await desk.account()
            found = await desk.reader.requests(account, desk.owner.signing_key)
        own = desk.owner.signing_key.public_key
        lines = [device_text(self.network, account, one, own) for one in account.devices]
        return Result(
            {
                "address": desk.owner.address,
                "threshold": account.threshold,
                "devices": [device_value(one) for one in account.devices],
                "requests": [request_value(one) for one in found],
            },
            "\n".join([*lines, *[request_text(one) for one in found]]),
        )

    async def act(self, intent_of: IntentOf) -> Result:
        """Read the account, sign what `intent_of` makes of it, and send it."""
        async with self.desk() as desk:
            await tell_news(desk)
            account = await desk.account()
            await desk.parameters()
            found = await desk.reader.requests(account, desk.owner.signing_key)
            intent = intent_of(account, self.signers, tuple(found))
            entry = await desk.perform(intent, cosigners=self.signers.cosigners)
            return outcome_result(desk, entry)

    async def change(self, changes_of: Callable[[Account], Sequence[KeyChange]]) -> Result:
        """At once by the threshold (2 or more) or the paper key, else as a request that waits."""
        due: list[int] = []

        def intent_of(
            account: Account, signers: Signers, found: tuple[RequestRecord, ...]
        ) -> PowerIntent:
            first = account.device(signers.owner.signing_key.public_key)
            is_paper = first is not None and bool(first.roles & PAPER)
            if not is_paper and not 2 <= account.threshold <= len(signers.all_keys):
                delay_ms = self.network.parameters.recovery_delay_ms
                due.append(due_after(delay_ms, time.time_ns() // 1_000_000))
            return keys_intent(account, changes_of(account), due[0] if due else None)

        result = await self.act(intent_of)
        if not due:
            return result
        when = time_text(due[0])
        words = text(
            f"Demande faite ; possible dès le {when}, sauf veto : office keys complete",
            f"Request made; possible from {when}, unless vetoed: office keys complete",
        )
        data = {**result.data, "due_ms": due[0]}
        return Result(data, f"{result.text}\n{words}", shown=result.shown)

    async def add(self, public_key: str, *, recovery: bool = False) -> Result:
        """A new key of the staff, of the issuer or of the commons; or one more recovery key, for
        where the one there was is lost: it then removes that one."""
        role = PAPER if recovery else _ROLES[self.kind]
        key = _public_key(public_key)
        return await self.change(lambda _: [AddKey(key, role, None)])

    async def remove(self, word: str) -> Result:
        """A key leaves for ever."""
        return await self.change(lambda account: [RemoveKey(named_key(account, word).key)])

    async def replace(self, word: str, public_key: str) -> Result:
        """A new key takes the place and the roles of one that leaves: the recovery key's too."""
        key = _public_key(public_key)
        return await self.change(lambda account: [ReplaceKey(named_key(account, word).key, key)])

    async def set_threshold(self, threshold: int) -> Result:
        """So many keys must sign what the account does."""
        return await self.change(lambda _: [SetThreshold(threshold)])

    async def block(self, word: str) -> Result:
        """Block a key, at once."""
        return await self.act(
            lambda account, _, found: block_intent(account.id, named_key(account, word).key)
        )

    async def unblock(self, word: str) -> Result:
        """Lift a key's block."""
        return await self.change(lambda account: [UnblockKey(named_key(account, word).key)])

    async def settle(self, act: str, word: str | None) -> Result:
        """Veto a request, withdraw one's own, or complete it."""
        make = veto_intent if act == "veto" else complete_intent

        def intent_of(
            account: Account, signers: Signers, found: tuple[RequestRecord, ...]
        ) -> PowerIntent:
            maker = named_maker(account, word, b"")
            record = next(one for one in found if one.maker == maker)
            return make(account.id, maker, record.due_ms)

        return await self.act(intent_of)


def _public_key(word: str) -> bytes:
    """A public key as `office key` prints it. Raises `Refused("key_invalid")`."""
    try:
        key = bytes.fromhex(word.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Refused("key_invalid", word[:64])
    return key
