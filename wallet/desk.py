"""A place to sign at: one key, its lane, its outbox, and nodes to send to.

A person's wallet is one, a territory's staff another, an issuer a third: all number what they sign
and must not sign it twice, so they share this.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ledger.envelope import Cosignature
from ledger.genesis import founding_accounts
from ledger.objects import Account, DeviceKey
from ledger.rules import Parameters, is_rule_version
from primitives.errors import Refused
from primitives.signatures import SigningKey
from wallet.atomic_files import make_private_folder
from wallet.checkpoint import read_checkpoint
from wallet.courier import WAIT_MS, Courier
from wallet.folder import CHECKPOINT_FILE
from wallet.following import keep_up
from wallet.header_store import HeaderStore
from wallet.lane_owner import LaneOwner
from wallet.light.bundles import COMETBFT
from wallet.light.lanes import is_number_used
from wallet.light.memory import HeaderConflict, HeaderMemory
from wallet.light.trust import FinalHeader, TrustedNetwork
from wallet.node_client import NodeClient
from wallet.outbox import LANE_WINDOW, Outbox
from wallet.outbox_entry import Entry, Reported, idempotency_hash
from wallet.payments import Intent, make_entry
from wallet.reader import Reader
from wallet.wording import figures_text, notice, rules_text, unshown_text

# How long after a payment could last have been accepted the same command counts as its retry.
RETRY_WITHIN_MS = 3_600_000


class Desk:
    """See the module's docstring. Use as `async with`; verified headers are kept on leaving."""

    def __init__(
        self,
        network: TrustedNetwork,
        owner: LaneOwner,
        urls: Sequence[str],
        *,
        folder: Path,
    ) -> None:
        make_private_folder(folder)
        self.network = network
        self.owner = owner
        self._folder = folder
        self.memory = HeaderMemory()
        self.store = HeaderStore(folder / "headers.json", network)
        self.client = NodeClient(urls, network.network_id)
        self.reader = Reader(self.client, network, self.memory)
        self.outbox = Outbox(folder / "outbox")
        self.courier = Courier(self.reader, self.outbox, owner)
        self.seen: Account | None = None
        """The account as it was read last."""
        self._kept_up = False

    async def __aenter__(self) -> Self:
        self.store.load(self.memory)
        self.reader.epochs.checkpoint = read_checkpoint(self._folder / CHECKPOINT_FILE)
        await self.client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                await keep_up(self.reader)
        except HeaderConflict as conflict:
            conflict.file = str(self.store.keep_evidence(conflict))
            raise
        finally:
            await self.client.__aexit__(kind, error, trace)
        if isinstance(error, HeaderConflict):
            # What contradicts itself is not remembered, it is kept as evidence.
            error.file = str(self.store.keep_evidence(error))
            return
        known = self.network.known_terms
        if known is not None and not is_rule_version(known.terms.rule_version):
            notice(rules_text(known.terms.rule_version))
        if self.memory.newest is not None:
            try:
                self.store.save(self.memory)
            except HeaderConflict as conflict:
                conflict.file = str(self.store.keep_evidence(conflict))
                raise

    async def keep_up(self) -> None:
        """Learn what the network voted since, where that is due; once a desk."""
        if not self._kept_up:
            self._kept_up = True
            await keep_up(self.reader)

    async def parameters(self) -> Parameters:
        """The figures voted last. Where no node gives them now, those known last, and says so."""
        await self.keep_up()
        if self.network.are_terms_old:
            known = self.network.known_terms
            epoch = self.network.first_epoch if known is None else known.epoch
            notice(figures_text(None if self.network.engine == COMETBFT else epoch))
        return self.network.parameters

    async def account(self) -> Account:
        """The desk's own account, proved. Raises `Refused("account_unknown")`."""
        return (await self.lane())[0]

    async def lane(self) -> tuple[Account, int]:
        """The desk's account and the highest number used on its lane, proved.

        Raises `Refused`: `account_unknown`, `key_unknown`.
        """
        owner = self.owner
        try:
            account = (await self.proved())[0]
        except Refused as refusal:
            # Before the first block there is no header that anything could be proved against.
            founding = self._founding_account() if refusal.code == "account_unknown" else None
            if founding is None:
                raise
            account = founding
        device = account.device(owner.signing_key.public_key)
        if device is None:
            raise Refused("key_unknown", owner.address)
        return account, device.high

    async def proved(self) -> tuple[Account, FinalHeader]:
        """The desk's own account, and the header that proves it. Raises
        `Refused("account_unknown")`, also where it is there and not shown to this key."""
        owner = self.owner
        try:
            proved = await self.reader.account(owner.prefix, owner.account_id, owner.signing_key)
        except Refused as refusal:
            if refusal.code not in ("not_found", "version_not_kept"):
                raise
            # That an account is not open is proved to the key that it would begin with.
            hint = unshown_text() if refusal.code == "not_found" else ""
            raise Refused("account_unknown", owner.address, hint=hint) from None
        if proved.account is None:
            raise Refused("account_unknown", owner.address)
        self.seen = proved.account
        return proved.account, proved.final

    def _founding_account(self) -> Account | None:
        """The desk's account as the genesis has it: all there is before the first block.

        A node that only pretends to have no block yet gains nothing: a lane number that is used
        already is used, whatever it says.
        """
        genesis = self.network.genesis
        if self.memory.newest is not None or genesis.succession is not None:
            return None
        for account in founding_accounts(genesis):
            if account.id == self.owner.account_id:
                return account
        return None

    async def resolve_earlier(self) -> list[Entry]:
        """Find out what became of transactions whose outcome is still unknown.

        Gives those about which there is news. What was proved gone leaves the outbox; what turned
        out final stays for the retry of the command that made it, for an hour.
        """
        news: list[Entry] = []
        now_ms = time.time_ns() // 1_000_000
        for entry in self.outbox.orphans():
            before = entry.state
            if entry.state == "pending":
                entry = await self._resolve(entry)
            if entry.state != before:
                news.append(entry)
            if entry.state in ("refused", "absent"):
                self.tell(entry, "refused")
            elif entry.state == "final" and (
                entry.reported == "pending" or entry.valid_until_ms + RETRY_WITHIN_MS < now_ms
            ):
                self.tell(entry, "final")
        return news

    async def _resolve(self, entry: Entry) -> Entry:
        try:
            return await self.courier.resolve(entry)
        except HeaderConflict:
            raise
        except Refused:
            # No node can tell today. The command goes on: its own number is another one.
            return entry

    async def perform(
        self,
        intent: Intent,
        *,
        wait: bool = True,
        wait_ms: int = WAIT_MS,
        idempotency_key: str = "",
        cosigners: Sequence[SigningKey | Cosignature] = (),
        unread: bool = False,
    ) -> Entry:
        """Sign, write down and send; or take up what an earlier call left of the same intent.

        `unread`: also with a key that may not read its account any more; its lane then goes on
        from what the outbox holds.
        """
        entry = await self.prepare(
            intent,
            idempotency_key=idempotency_key,
            cosigners=cosigners,
            complete=True,
            unread=unread,
        )
        if entry.state != "pending":
            return entry
        return await self.courier.send(entry, wait=wait, wait_ms=wait_ms)

    async def prepare(
        self,
        intent: Intent,
        *,
        idempotency_key: str = "",
        cosigners: Sequence[SigningKey | Cosignature] = (),
        complete: bool,
        unread: bool = False,
    ) -> Entry:
        """Sign and write down only. `complete` is false while others have to sign too."""
        device: DeviceKey | None = None
        try:
            account, high = await self.lane()
            device = account.device(self.owner.signing_key.public_key)
        except Refused as refusal:
            if not unread or refusal.code not in ("not_found", "account_unknown"):
                raise
            high = max([entry.number for entry in self.outbox.all()], default=0)

        await self.keep_up()
        figures = self.network.parameters
        is_alone = complete and not cosigners
        valid_for_ms = min(
            intent.valid_for_ms,
            figures.valid_for_ms_max if is_alone else figures.valid_for_cosigned_ms_max,
        )

        def is_used(number: int) -> bool:
            return device is not None and is_number_used(device, number) is not False

        await self._doubt_refusals(high, is_used)

        def build(number: int) -> Entry:
            return make_entry(
                intent,
                self.owner,
                self.network.network_id,
                number,
                created_ms=time.time_ns() // 1_000_000,
                valid_for_ms=valid_for_ms,
                idempotency_key=idempotency_key,
                cosigners=cosigners,
                complete=complete,
            )

        entry, _ = self.outbox.prepare(
            idempotency=idempotency_hash(idempotency_key),
            intent=intent.key(),
            lane_high=high,
            is_used=is_used,
            build=build,
            unanswered_since_ms=time.time_ns() // 1_000_000 - RETRY_WITHIN_MS,
        )
        return entry

    async def _doubt_refusals(self, high: int, is_used: Callable[[int], bool]) -> None:
        """Find out whether a node lied when it said that something was refused.

        Its number is proved used now. If it is the refused transaction that holds it, or while
        nobody shows what does, the same wish asked again is a retry and not a second payment.
        """

        def is_doubtful(number: int) -> bool:
            return high - number <= LANE_WINDOW and is_used(number)

        for entry in self.outbox.refused_but_used(is_doubtful):
            resolved = await self.courier.resolve(self.outbox.reopen(entry))
            if resolved.state == "refused":
                self.tell(resolved, "refused")

    def tell(self, entry: Entry, reported: Reported) -> None:
        """Note what the user was told about a transaction."""
        self.outbox.save(entry.changed(reported=reported))
        self.outbox.let_go(entry)
