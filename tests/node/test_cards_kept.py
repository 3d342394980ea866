"""Which proposals the store names for a later territory's card."""

from collections.abc import Callable

from ledger.changes import AddMember, Change, RemoveMember
from ledger.network_objects import ENACTED, FELL, OPEN, PROPOSAL, ProposalRecord
from ledger.objects import tree_key
from node.cards_kept import card_entries, card_proposal
from node.chain_records import CARD
from tests.node.council import territory

JOINING = AddMember(territory(4, 4_000))


def proposal(number: int, change: Change = JOINING, decided: int = ENACTED) -> ProposalRecord:
    """A proposal; later numbers were made later."""
    id = bytes([255 - number]) * 16
    key = tree_key(PROPOSAL, id)
    return ProposalRecord(key, id, "town0", change, bytes(32), 1_000 + number, (), (), decided)


def kept_as(entries: dict[bytes, bytes]) -> Callable[[bytes], bytes | None]:
    """A store that holds these."""
    return lambda key: entries.get(key)


def named(*records: ProposalRecord, before: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
    """Short names, and which proposal has their card."""
    entries = dict(card_entries([one.encode() for one in records], kept_as(before or {})))
    names = [key.removeprefix(CARD) for key in entries]
    found = {name: card_proposal(kept_as(entries), name.decode()) for name in names}
    return {name: id for name, id in found.items() if id is not None}


def test_only_an_enacted_add_is_named() -> None:
    enacted = proposal(1)
    assert named(enacted) == {b"town4": enacted.id}
    assert named(proposal(1, decided=OPEN), proposal(2, decided=FELL)) == {}
    assert named(proposal(3, RemoveMember("town4"))) == {}
    assert dict(card_entries([b"", b"\x9a", b"\x9a\xa8proposa"], kept_as({}))) == {}


def test_of_two_the_earlier_counts_in_whichever_order_they_come() -> None:
    first, second = proposal(1), proposal(2)
    for order in ((first, second), (second, first)):
        assert named(*order) == {b"town4": first.id}
    kept = dict(card_entries([first.encode()], kept_as({})))
    assert named(second, before=kept) == {}
    late = dict(card_entries([second.encode()], kept_as({})))
    assert named(first, before=late) == {b"town4": first.id}
