"""How amounts, times and outcomes are put into words for people."""

import sys
from datetime import UTC, datetime

from ledger.rules import RULE_VERSION
from primitives import amounts
from terminal.languages import current_language, text
from terminal.plain import plain
from wallet.light.receipts import VerifiedReceipt
from wallet.node_urls import Territories
from wallet.outbox_entry import Entry


def decimals_of(network: Territories, code: str) -> int:
    """The decimals of a currency; 0 for one that no known territory names."""
    for territory in network.territories:
        for currency in territory.currencies:
            if currency.code == code:
                return currency.decimals
    return 0


def amount_text(network: Territories, code: str, amount_minor: int, *, signed: bool = False) -> str:
    """An amount with its currency's code, as the current language writes it."""
    mark = "," if current_language() == "fr" else "."
    sign = "+" if signed and amount_minor > 0 else ""
    return f"{sign}{amounts.format_amount(amount_minor, decimals_of(network, code), mark)} {code}"


def time_text(time_ms: int) -> str:
    """A moment in the time zone of this machine."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone()
    return moment.strftime(
        "%d/%m/%Y %H:%M:%S" if current_language() == "fr" else "%Y-%m-%d %H:%M:%S"
    )


def notice(message: str) -> None:
    """Something to know that is not the command's result: on stderr."""
    print(plain(message), file=sys.stderr, flush=True)


def figures_text(epoch: int | None) -> str:
    """That figures may be old: those of an epoch, or, where there are none, those heard last."""
    if epoch is None:
        return text(
            "note : aucun nœud ne donne les paramètres en vigueur ; les derniers connus servent",
            "note: no node gives the figures in force; those known last are used",
        )
    return text(
        f"note : aucun nœud ne donne les paramètres en vigueur ; ceux de l'époque {epoch} servent",
        f"note: no node gives the figures in force; those of epoch {epoch} are used",
    )


def rules_text(version: int) -> str:
    """That rules were voted which this program does not know."""
    return text(
        f"ATTENTION, le réseau passe bientôt aux règles {version}, que cette version du programme "
        f"ne connaît pas (jusqu'à {RULE_VERSION}) : mettez-le à jour",
        f"WARNING, the network will soon live by rules {version}, which this version of the "
        f"program does not know (up to {RULE_VERSION}): update it",
    )


def unshown_text() -> str:
    """Why an account may not be shown to a key."""
    return text(
        "la mairie l'ouvre : democite office account open ; s'il était ouvert, une autre clé du "
        "compte a bloqué ou retiré cet appareil : servez-vous de celui-là, des douze mots (wallet "
        "recover), ou allez à la mairie",
        "the town hall opens it: democite office account open; if it was open, another key of the "
        "account blocked or removed this device: use that one, the twelve words (wallet recover), "
        "or go to the town hall",
    )


def vouched_text(vouched_by: int, members: int) -> str:
    """By how many territories something is vouched for."""
    return text(
        f"garanti par {vouched_by} territoires sur {members}",
        f"vouched for by {vouched_by} of {members} territories",
    )


def news_text(network: Territories, entry: Entry) -> str:
    """What became of an earlier transaction of unknown outcome."""
    code = str(entry.private.get("currency", ""))
    amount_minor = entry.private.get("amount_minor")
    amount = (
        amount_text(network, code, amount_minor) if isinstance(amount_minor, int) else entry.kind
    )
    payee = str(entry.private.get("counterparty", ""))
    what = f"{amount} → {payee}" if payee else amount
    when = time_text(entry.created_ms)
    if entry.state == "final":
        block = ""  # the nodes asked keep it no longer
        if entry.height is not None:
            block = text(f", au bloc {entry.height}", f", in block {entry.height}")
        return text(
            f"note : la transaction du {when} ({what}) est bien passée{block}",
            f"note: the transaction of {when} ({what}) went through{block}",
        )
    return text(
        f"note : la transaction du {when} ({what}) n'est pas passée [{entry.code}] ; "
        "rien n'a été payé",
        f"note: the transaction of {when} ({what}) did not go through [{entry.code}]; "
        "nothing was paid",
    )


def finality_text(verified: VerifiedReceipt) -> str:
    """Where, or up to where at the latest, what a receipt proves became final."""
    final = verified.final
    if verified.by_place_alone:
        return text(
            f"définitif avant le bloc {final.height}, {time_text(final.time_ms)}",
            f"final before block {final.height}, {time_text(final.time_ms)}",
        )
    return text(
        f"définitif au bloc {final.height}, {time_text(final.time_ms)}",
        f"final in block {final.height}, {time_text(final.time_ms)}",
    )


def cut_text(cut_ms: int) -> str:
    """That a history goes on before what the nodes asked keep."""
    return text(
        f"Ce qui précède le {time_text(cut_ms)} n'est plus sur ce nœud ; demandez-le à un nœud qui "
        "garde tout (--node URL).",
        f"What came before {time_text(cut_ms)} is no longer on this node; ask one that keeps "
        "everything (--node URL).",
    )
