"""Proposals as a town hall reads them before it signs: with their proof, never as a node says.

A vote names a proposal by its id alone. Whoever shows other words beside that id would have a yes
to something else.
"""

import asyncio
from functools import partial

from ledger.changes import (
    AddMember,
    Change,
    ChangeParameter,
    ChangeRules,
    ReplaceKeys,
    change_of,
)
from ledger.figures import check_figure
from ledger.network_objects import PROPOSAL, ProposalRecord
from ledger.rules import is_rule_version
from ledger.tree_keys import tree_key
from primitives.errors import Refused
from wallet.light.balances import verify_presence
from wallet.light.decoding import decoded
from wallet.light.trust import FinalHeader
from wallet.reader import Reader

PATIENCE_SECONDS = 5.0
"""A proposal can be proved one block after it was made."""
_STEP_SECONDS = 0.25


async def proved_proposal(reader: Reader, identity: bytes) -> ProposalRecord:
    """The proposal with this id. Raises `Refused`: `proposal_unknown`, what
    `Reader.public_object` raises."""
    path = f"/v1/proposals/{identity.hex()}"
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    while True:
        try:
            record, _ = await reader.public_object(path, partial(verify_proposal, identity))
            return record
        except Refused as refusal:
            if refusal.code not in ("proposal_unknown", "not_found") or loop.time() > deadline:
                raise
        await asyncio.sleep(_STEP_SECONDS)


def verify_proposal(
    identity: bytes, final: FinalHeader, raw: bytes | None, proof: bytes
) -> ProposalRecord:
    """The proposal with this id, as of a final header. Raises `Refused`: `proposal_unknown`,
    `proof_invalid`."""
    if raw is None:
        raise Refused("proposal_unknown", identity.hex())
    record = decoded(ProposalRecord.decode, raw)
    if record.id != identity:
        raise Refused("proof_invalid", "another proposal")
    verify_presence(final, tree_key(PROPOSAL, identity), raw, proof)
    return record


def check_known(change: Change) -> None:
    """Nobody says yes to rules that their own program can't follow: it is in force one block later,
    and every node that does not know it stops. Raises `Refused("rule_version_unknown")`."""
    if isinstance(change, ChangeRules) and not is_rule_version(change.version):
        raise Refused("rule_version_unknown", f"rule version {change.version}")


def check_sensible(change: Change) -> None:
    """What needs no state is said here, with its field: the answer of a node is a code alone.

    Raises `Refused`: `change_invalid`, `key_invalid`, ….
    """
    change_of(change.value())
    if isinstance(change, ChangeParameter):
        check_figure(change.name, change.figure)


def change_words(change: Change) -> str:
    """What a change says, on one line."""
    if isinstance(change, AddMember):
        territory = change.territory
        codes = ", ".join([currency.code for currency in territory.currencies])
        return (
            f"add {territory.prefix} ({territory.name}), {codes}, {territory.peer}, "
            f"{territory.voting_key.hex()}"
        )
    if isinstance(change, ReplaceKeys):  # the authority follows from the voting key
        named = (
            ("voting", change.voting_key),
            ("recovery", change.recovery_key),
            ("cometbft", change.cometbft_key),
        )
        keys = [f"{use} {key.hex()}" for use, key in named if key is not None]
        return " ".join(["keys", change.prefix, *keys])
    said = change.value()
    return " ".join([str(value) for value in said]) if isinstance(said, tuple) else ""
