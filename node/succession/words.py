"""What a succession says, for people who are asked to agree to it and for programs."""

from datetime import UTC, datetime
from typing import NamedTuple

from ledger.genesis import Genesis
from ledger.succession import Succession
from node.succession.drafting import header_of
from primitives.errors import Refused
from terminal.languages import text


class Changed(NamedTuple):
    """Short names: who stays, who has other keys, who joins anew, who is no member any more."""

    kept: list[str]
    renewed: list[str]
    returned: list[str]
    gone: list[str]


def changed_members(genesis: Genesis) -> Changed:
    """The new members against the old network's last set."""
    before = {row.prefix: row for row in named(genesis).members}
    members = {territory.prefix: territory for territory in genesis.territories}
    staying = sorted(members.keys() & before.keys())
    kept = [
        prefix
        for prefix in staying
        if (members[prefix].voting_key, members[prefix].recovery_key)
        == (before[prefix].voting_key, before[prefix].recovery_key)
    ]
    return Changed(
        kept,
        [prefix for prefix in staying if prefix not in kept],
        sorted(members.keys() - before.keys()),
        sorted(before.keys() - members.keys()),
    )


def named(genesis: Genesis) -> Succession:
    """What it takes over. Raises `Refused("succession_none")`."""
    if genesis.succession is None:
        raise Refused("succession_none")
    return genesis.succession


def succession_data(genesis: Genesis) -> dict[str, object]:
    """For programs."""
    succession, header = named(genesis), header_of(genesis)
    changed = changed_members(genesis)
    return {
        "network_id": genesis.network_id.hex(),
        "predecessor": succession.predecessor.hex(),
        "height": succession.height,
        "header_digest": header.digest.hex(),
        "header_time_ms": header.time_ms,
        "state_root": succession.state_root.hex(),
        "members": [territory.prefix for territory in genesis.territories],
        "places": {
            one.prefix: {
                "peer": one.peer,
                "http": one.http,
                "voting_key": one.voting_key.hex(),
                "recovery_key": one.recovery_key.hex(),
            }
            for one in genesis.territories
        },
        "faults_tolerated": (len(genesis.territories) - 1) // 3,
        **changed._asdict(),
        "may_endorse": [row.prefix for row in succession.members],
        "endorsements_needed": succession.endorsements_needed,
    }


def state_line(held: bool | None) -> str:
    """What an own node said of the state that the draft names; None where none was asked."""
    if held:
        return text(
            "Votre nœud a le même état après ce bloc.",
            "Your node holds the same state after this block.",
        )
    if held is None:
        return text(
            "L'état n'a été comparé avec aucun nœud (--data DIR --predecessor GENESIS).",
            "The state was compared with no node (--data DIR --predecessor GENESIS).",
        )
    return text(
        "Votre nœud n'a pas ce bloc et ne peut rien dire de l'état : qu'un autre qui l'a compare.",
        "Your node lacks this block and can't say anything of the state: let another compare it.",
    )


def succession_lines(genesis: Genesis) -> str:
    """For people: what they would agree to."""
    succession, header = named(genesis), header_of(genesis)
    changed, count = changed_members(genesis), len(genesis.territories)
    when = datetime.fromtimestamp(header.time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    faults = (count - 1) // 3
    french = [
        f"Nouveau réseau : {genesis.network_id.hex()}",
        f"Prend la place de : {succession.predecessor.hex()}",
        f"Repart du bloc {succession.height} ({when}) ; tout ce qui est définitif jusque-là reste.",
        f"Gardent leurs clés : {_listed(changed.kept)}",
        f"Nouvelles clés : {_listed([*changed.renewed, *changed.returned])}",
        *_placed(genesis, [*changed.renewed, *changed.returned]),
        f"Ne sont plus membres : {_listed(changed.gone)}",
        f"{count} membres ; le réseau supporte que {faults} tombent ou mentent.",
        f"Il faut l'accord de {succession.endorsements_needed} clés de récupération sur "
        f"{len(succession.members)} : {_listed([row.prefix for row in succession.members])}",
    ]
    english = [
        f"New network: {genesis.network_id.hex()}",
        f"Takes the place of: {succession.predecessor.hex()}",
        f"Goes on from block {succession.height} ({when}); all that is final up to there stays.",
        f"Keep their keys: {_listed(changed.kept)}",
        f"New keys: {_listed([*changed.renewed, *changed.returned])}",
        *_placed(genesis, [*changed.renewed, *changed.returned]),
        f"No members any more: {_listed(changed.gone)}",
        f"{count} members; the network bears {faults} of them failing or lying.",
        f"{succession.endorsements_needed} of {len(succession.members)} recovery keys must "
        f"endorse it: {_listed([row.prefix for row in succession.members])}",
    ]
    return text("\n".join(french), "\n".join(english))


def _placed(genesis: Genesis, other: list[str]) -> list[str]:
    """Where each member is reached, and the keys of those that have other ones: whoever drafts
    could put a node of their own in another's place."""
    lines: list[str] = []
    for one in genesis.territories:
        lines.append(f"  {one.prefix}: {one.peer}, {one.http}")
        if one.prefix in other:
            lines.append(f"    voting {one.voting_key.hex()}")
            lines.append(f"    recovery {one.recovery_key.hex()}")
    return lines


def _listed(prefixes: list[str]) -> str:
    return ", ".join(prefixes) or "–"
