"""How a transaction gets into the mempool: decoded, checked, verified, passed on, answered.

What comes within a turn of the loop is worked on together. Cheap checks come first, then the
state's own, then room, and only then signatures, some in each turn. What the state may yet accept
otherwise (money on its way to the payer) is judged on the newest state known here.

What the state refuses is told only to who signed: a forged payment from somebody's account would
else be answered with what that account holds. For that the device's signature is enough, whoever
else signed. That its lane is not there at all is told at once.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from ledger.envelope import open_envelope, signed_by_device_alone
from ledger.execution import check
from ledger.fields import ACCOUNT_OPEN, KIND_VERSIONS, NETWORK_PROPOSE, Payment
from ledger.roles import STAFF
from ledger.rules import RuleSet
from ledger.transaction import Transaction, decode_transaction
from ledger.view import View
from node.admission import Admission
from node.answers import Submission
from node.clock import now_ms
from node.mempool import Mempool
from node.verifier import Verifier, verified
from primitives.errors import Refused
from primitives.hashing import hash_bytes

VERIFYING_MAX = 8_192
"""Transactions in the hands of the verifier; above that, new ones are told to come again."""

READ_TOGETHER_MAX = 128
"""Transactions that are decoded before the first of them is judged: their payees are read together,
and no more than so many are held decoded, or count as waiting, before anything is known of them."""

LARGE_BYTES = 2_048
"""Above this, who signed is looked at before what it says, where many keys may be listed."""

OnDone = Callable[[Submission], None]
Arrived = tuple[bytes, OnDone | None]
Decoded = tuple[Transaction, OnDone | None]


class IntakeContext(Protocol):
    """What the intake asks of the engine."""

    def newest_view(self) -> View:
        """The newest state executed here."""

    def read_ahead(self, accounts: Sequence[bytes]) -> None:
        """The newest view is asked for these next. Raises Refused where the store can't be read."""

    def is_final(self, transaction_id: bytes) -> bool:
        """Whether it stands in a final block."""

    def is_current(self) -> bool:
        """Whether this node's state is the network's, as far as enough members say."""

    def transactions_judged(self, ids: Sequence[bytes], *, any_added: bool) -> None:
        """These are in the mempool now, or never will be."""

    def pass_on(self, transactions: Sequence[Transaction]) -> None:
        """Tell the other members of what came in here."""


class Intake:
    """See the module's docstring."""

    def __init__(
        self,
        network_id: bytes,
        rules: RuleSet,
        mempool: Mempool,
        verifier: Verifier,
        context: IntakeContext,
    ) -> None:
        self._network_id = network_id
        self._rules = rules
        self._mempool = mempool
        self._verifier = verifier
        self._context = context
        self._arrived: list[Arrived] = []
        self._verifying: dict[bytes, list[OnDone]] = {}
        self._of_older_rules: set[bytes] = set()
        """Those in `_verifying` that were decoded under the rules of the epoch before."""
        self._refusals: dict[bytes, Refused] = {}
        """Of those in `_verifying`, what the state refuses: told once the signatures verified."""
        self._own_verifying: set[bytes] = set()
        """Those in `_verifying` that our clients handed in."""
        self._admission = Admission()
        self.refused = 0
        self.accepted = 0

    def set_rules(self, rules: RuleSet) -> None:
        """From now on these are in force."""
        self._rules = rules
        self._of_older_rules = set(self._verifying)

    def submit(self, raw: bytes, on_done: OnDone | None) -> None:
        """Take a transaction in; without `on_done` it came from a member, and is not passed on."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._work)
        self._arrived.append((raw, on_done))

    def submit_all(self, raws: Sequence[bytes]) -> None:
        """What a member passed on."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._work)
        self._arrived.extend([(raw, None) for raw in raws])

    def close(self) -> None:
        """The node stops: whoever waits for an answer is told to ask again elsewhere."""
        stopping = Refused("mempool_full", "the node stops")
        for raw, on_done in self._arrived:
            if on_done is not None:
                on_done(_refused(hash_bytes("tx", raw), stopping))
        for transaction_id, waiting in self._verifying.items():
            for on_done in waiting:
                on_done(_refused(transaction_id, stopping))
        self._arrived.clear()
        self._verifying.clear()
        self._own_verifying.clear()
        self._refusals.clear()

    def is_coming(self, transaction_id: bytes) -> bool:
        """Whether its signatures are being verified now."""
        return transaction_id in self._verifying

    @property
    def waiting(self) -> int:
        """How many are not answered yet."""
        return len(self._arrived) + len(self._verifying)

    def became_final(self, time_ms: int, ids: Sequence[bytes]) -> None:
        """A block of these, dated so, is on disk: they wait no longer."""
        own_before = self._mempool.own_count
        self._mempool.remove(ids)
        own_count = own_before - self._mempool.own_count
        self._admission.became_final(time_ms, len(ids), own_count)

    def retry_after_ms(self) -> int:
        """When what is refused for want of room may come again."""
        return self._admission.retry_after_ms(self._waiting)

    @property
    def _waiting(self) -> int:
        """How many wait for a block, or to be verified."""
        return len(self._mempool) + len(self._verifying)

    def _work(self) -> None:
        arrived, self._arrived = self._arrived, []
        view = self._context.newest_view()
        time_ms = now_ms()
        to_verify: list[Transaction] = []
        for begin in range(0, len(arrived), READ_TOGETHER_MAX):
            decoded = self._decoded(arrived[begin : begin + READ_TOGETHER_MAX], view)
            self._read_ahead(decoded, view)
            for transaction, on_done in decoded:
                try:
                    answer = self._judge(transaction, view, time_ms, on_done, to_verify)
                except Refused as refusal:
                    self.refused += 1
                    answer = _refused(transaction.id, refusal)
                if answer is not None and on_done is not None:
                    on_done(answer)
        if to_verify:
            self._verifier.check(to_verify, self._verified)

    def _read_ahead(self, decoded: Sequence[Decoded], view: View) -> None:
        """Have the payees at hand, read together. Those whose payer isn't there are refused before
        anybody asks for their payee, so that nobody makes this node read for nothing."""
        # Where the store can't be read, whoever needs what stands there is told, and nobody else.
        with contextlib.suppress(Refused):
            payees = [
                fields.payee
                for transaction, _ in decoded
                if isinstance(fields := transaction.fields, Payment)
                and _has_lane(view, transaction)
            ]
            if payees:
                self._context.read_ahead(payees)

    def _decoded(self, arrived: Sequence[Arrived], view: View) -> list[Decoded]:
        """Those that there is room for and that can be read. The others are answered."""
        decoded: list[Decoded] = []
        own_count = 0
        for raw, on_done in arrived:
            has_room = self._has_room(len(decoded), own_count, is_own=on_done is not None)
            if not has_room and self._turn_away(raw, on_done):
                continue
            try:
                if len(raw) > LARGE_BYTES:
                    self._check_opener(raw, view)
                transaction = decode_transaction(raw, self._network_id, self._rules)
            except Refused as refusal:
                self.refused += 1
                if on_done is not None:
                    on_done(_refused(hash_bytes("tx", raw), refusal))
                continue
            decoded.append((transaction, on_done))
            own_count += on_done is not None
        return decoded

    def _has_room(self, coming: int, own_coming: int, *, is_own: bool) -> bool:
        """Whether another is taken, from a client or from a member, beside so many that are coming
        in just now."""
        if self._mempool.is_full:
            return False
        if not is_own:
            return True
        own_count = self._mempool.own_count + len(self._own_verifying) + own_coming
        return self._admission.has_room(self._waiting + coming, own_count)

    def _turn_away(self, raw: bytes, on_done: OnDone | None) -> bool:
        """There is no room: refuse before any work is spent. False for what is held already, or
        final: that shall be told."""
        transaction_id = hash_bytes("tx", raw)
        if (
            transaction_id in self._mempool
            or transaction_id in self._verifying
            or self._context.is_final(transaction_id)
        ):
            return False
        self.refused += 1
        if on_done is not None:
            on_done(_refused(transaction_id, Refused("mempool_full", "too many transactions wait")))
        return True

    def _check_opener(self, raw: bytes, view: View) -> None:
        """A large `account.open` or `network.propose` is read to its end only for staff who signed
        it: each key in it costs as much as a signature, and it comes from anyone. Raises Refused.
        """
        envelope, _ = open_envelope(
            raw,
            self._network_id,
            self._rules.parameters.transaction_bytes_max,
            KIND_VERSIONS[self._rules.version],
        )
        if envelope.kind not in (ACCOUNT_OPEN, NETWORK_PROPOSE):
            return
        account = view.account(envelope.account)
        if account is None:
            # Under no name of this frame: its trace holds the frame, which would be a circle.
            raise self._as_of_now(
                Refused("account_unknown", "the lane's account is not open", field="account")
            )
        device = account.device(envelope.device)
        if device is None:
            raise Refused("key_unknown", "the device is not on the account", field="device")
        if not device.roles & STAFF:
            raise Refused("role_missing", "the device is no staff's")
        if not verified(envelope):
            raise Refused("signature_invalid", "a signature does not verify")

    def _judge(
        self,
        transaction: Transaction,
        view: View,
        time_ms: int,
        on_done: OnDone | None,
        to_verify: list[Transaction],
    ) -> Submission | None:
        """The answer; None if it comes with the signatures' verification. Raises Refused."""
        transaction_id = transaction.id
        if transaction_id in self._mempool:
            return Submission(transaction_id, "known")
        waiting = self._verifying.get(transaction_id)
        if waiting is not None:
            if on_done is not None:
                waiting.append(on_done)
            return None
        refusal: Refused | None = None
        try:
            check(view, transaction, time_ms)
            self._mempool.check_room(transaction)
        except Refused as refused:
            if self._context.is_final(transaction_id):
                return Submission(transaction_id, "known")
            if (
                on_done is None
                or refused.code == "mempool_full"
                or not _has_lane(view, transaction)
            ):
                raise self._as_of_now(refused) from None
            refusal = self._as_of_now(refused).without_trace()
        if len(self._verifying) >= VERIFYING_MAX:
            raise Refused("mempool_full", "too many signatures wait to be verified")
        if refusal is not None:
            self._refusals[transaction_id] = refusal
        self._verifying[transaction_id] = [] if on_done is None else [on_done]
        if on_done is not None:
            self._own_verifying.add(transaction_id)
        to_verify.append(transaction if refusal is None else signed_by_device_alone(transaction))
        return None

    def _as_of_now(self, refusal: Refused) -> Refused:
        """What an old state refuses, the network's may accept: then nothing is refused for good."""
        if refusal.code == "mempool_full" or self._context.is_current():
            return refusal
        return Refused("node_not_ready", "this node is catching up")

    def _verified(self, group: Sequence[Transaction], sound: list[bool]) -> None:
        """The verifier's answer: into the mempool, on to the others, back to who asked."""
        added = 0
        own: list[Transaction] = []
        for transaction, is_sound in zip(group, sound, strict=True):
            waiting = self._verifying.pop(transaction.id)
            self._own_verifying.discard(transaction.id)
            refusal = self._refusals.pop(transaction.id, None)
            try:
                if not is_sound:
                    raise Refused("signature_invalid", "a signature does not verify")
                if refusal is not None:
                    raise refusal
                if transaction.id in self._of_older_rules:
                    self._of_older_rules.discard(transaction.id)
                    decode_transaction(transaction.raw, self._network_id, self._rules)
                if self._mempool.add(transaction, is_own=bool(waiting)):
                    added += 1
                    if waiting:
                        own.append(transaction)
                if not waiting:
                    continue
                answer = Submission(transaction.id, "accepted")
            except Refused as refusal:
                self.refused += 1
                answer = _refused(transaction.id, refusal)
            for on_done in waiting:
                on_done(answer)
        self.accepted += added
        if own:
            self._context.pass_on(own)
        self._context.transactions_judged([each.id for each in group], any_added=added > 0)


def _has_lane(view: View, transaction: Transaction) -> bool:
    """Whether the device stands on the account that the transaction names."""
    account = view.account(transaction.account)
    return account is not None and account.device(transaction.device) is not None


def _refused(transaction_id: bytes, refusal: Refused) -> Submission:
    busy = refusal.code in ("mempool_full", "node_not_ready")
    return Submission(transaction_id, "busy" if busy else "refused", refusal.without_trace())
