"""`wallet paper`, `wallet recover`: the twelve words, made and used."""

from collections.abc import Sequence
from pathlib import Path

from ledger.key_changes import AddKey, KeyChange, RemoveKey, SetThreshold, UnblockKey
from ledger.objects import Account
from ledger.roles import MANAGE, PAPER, SPEND
from primitives.errors import Refused
from terminal.languages import text
from terminal.results import Result
from wallet.desk import Desk
from wallet.device_actions import change
from wallet.lane_owner import LaneOwner
from wallet.paper import new_words, paper_key, read_words
from wallet.payment_actions import outcome_result, tell_news
from wallet.powers import keys_intent, named_maker, veto_intent
from wallet.setup import OpenedWallet


async def make(opened: OpenedWallet, passphrase_file: Path | None) -> Result:
    """Draw twelve words and ask that their key joins the account. They are shown this once."""
    words = new_words()
    key = paper_key(words).public_key
    result = await change(opened, passphrase_file, lambda _: [AddKey(key, PAPER, None)])
    return Result(
        {**result.data, "words": words, "key": key.hex()},
        text(
            f"{words}\n\nÉcrivez ces douze mots sur du papier : ils ne sont montrés qu'une fois, "
            f"et nulle part gardés. Qui les a, a le compte.\n{result.text}",
            f"{words}\n\nWrite these twelve words on paper: they are shown once and kept "
            f"nowhere. Who has them has the account.\n{result.text}",
        ),
        shown=result.shown,
    )


async def recover(opened: OpenedWallet, words_file: Path | None, *, alone: bool) -> Result:
    """With the words: this device joins the account at once; `alone`, all others leave it."""
    own = opened.identity.device_key

    def changes(account: Account) -> Sequence[KeyChange]:
        device = account.device(own)
        wanted: list[KeyChange] = []
        if device is None:
            wanted.append(AddKey(own, SPEND | MANAGE, None))
        elif device.blocked:
            wanted.append(UnblockKey(own))
        if alone:
            if account.threshold != 1:
                wanted.append(SetThreshold(1))
            wanted += [
                RemoveKey(other.key)
                for other in account.devices
                if other.key != own and not other.roles & PAPER
            ]
        if not wanted:
            raise Refused("key_exists")
        return wanted

    async with _paper_desk(opened, words_file) as desk:
        await tell_news(desk)
        account = await desk.account()
        entry = await desk.perform(keys_intent(account, changes(account), None))
        return outcome_result(desk, entry)


async def veto(opened: OpenedWallet, words_file: Path | None, word: str | None) -> Result:
    """With the words: a request ends, whatever was decided about it."""
    async with _paper_desk(opened, words_file) as desk:
        await tell_news(desk)
        account = await desk.account()
        maker = named_maker(account, word, opened.network.territory(account.prefix).account_id)
        found = await desk.reader.requests(account, desk.owner.signing_key)
        record = next(one for one in found if one.maker == maker)
        entry = await desk.perform(veto_intent(account.id, maker, record.due_ms))
        return outcome_result(desk, entry)


def _paper_desk(opened: OpenedWallet, words_file: Path | None) -> Desk:
    """A desk of the paper key's own: its lane is another than this device's."""
    key = paper_key(read_words(words_file))
    owner = LaneOwner(opened.identity.prefix, opened.identity.account_id, key)
    folder = opened.folder.folder / f"paper-{key.public_key.hex()[:8]}"
    return Desk(opened.network, owner, opened.urls, folder=folder)
