"""Proved changes of CometBFT's validator set, as a store keeps them for wallets.

They stay for ever, and go over to a successor's store whatever its engine is: a wallet of the old
network follows them to the set that signed its last header.
"""

from collections.abc import Iterator

from consensus.cometbft.certified import (
    SET_CHANGES_AT_ONCE,
    SET_CHANGES_BYTES_MAX,
    SetChange,
)
from node.chain_records import SET_CHANGE, number_key
from node.store import Store, after_prefix
from primitives.encoding import decode

_ANSWER_BYTES = SET_CHANGES_BYTES_MAX // 2


def kept_changes(store: Store, above: int) -> Iterator[SetChange]:
    """All of them above a height, ascending."""
    for _, raw in stored_changes(store, above):
        yield SetChange.from_value(decode(raw, bytes_max=SET_CHANGES_BYTES_MAX))


def stored_changes(store: Store, above: int) -> Iterator[tuple[bytes, bytes]]:
    """The same as the store has them: key and content."""
    yield from store.iterate(number_key(SET_CHANGE, above + 1), after_prefix(SET_CHANGE))


def one_answer(store: Store, above: int) -> list[SetChange]:
    """Those above a height, ascending, at most as many as go into one answer."""
    found: list[SetChange] = []
    size = 0
    for _, raw in stored_changes(store, above):
        size += len(raw)
        if len(found) >= SET_CHANGES_AT_ONCE or (found and size > _ANSWER_BYTES):
            break
        found.append(SetChange.from_value(decode(raw, bytes_max=SET_CHANGES_BYTES_MAX)))
    return found
