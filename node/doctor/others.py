"""The others: whether they can be reached, are who they should be, and what time they have."""

import email.utils
import http.client
import json
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from node.addresses import is_loopback, parse_host_port
from node.doctor.finding import BAD, GOOD, WARNING, Finding
from node.peers.certificates import issuer_of
from node.retention import Retention
from primitives.errors import Refused
from terminal.languages import text

TIMEOUT_SECONDS = 4.0
AT_ONCE = 16
ANSWER_BYTES_MAX = 8 << 20


class Reachable(Protocol):
    """A member, as far as it is looked at: who it is, and where."""

    @property
    def prefix(self) -> str: ...
    @property
    def voting_key(self) -> bytes: ...
    @property
    def peer(self) -> str: ...
    @property
    def http(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one other territory. `offset_seconds`: how far its clock is ahead;
    `network_id`, and whether every block since the genesis is kept there, as its HTTP says; None
    where it did not answer. `key_differs`: what listens has another voting key than was known."""

    prefix: str
    peer: str
    peer_problem: str
    offset_seconds: float | None = None
    network_id: str | None = None
    is_archive: bool | None = None
    key_differs: bool = False


def see_all(territories: Iterable[Reachable]) -> list[Seen]:
    """Look at every one, a few at a time."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(see, territories))


def see(territory: Reachable) -> Seen:
    """Dial its peer port, see whose certificate it shows, and ask its public address."""
    problem, key_differs = _peer_problem(territory)
    return Seen(territory.prefix, territory.peer, problem, *_ask(territory.http), key_differs)


def _peer_problem(territory: Reachable) -> tuple[str, bool]:
    """Empty where a node with this territory's authority listens; and whether one with another
    authority does."""
    # The certificate is judged by hand, below: this end shows none, so TLS is not completed.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        place = parse_host_port(territory.peer, "peer")
        with (
            socket.create_connection(place, TIMEOUT_SECONDS) as connection,
            context.wrap_socket(connection) as secured,
        ):
            shown = secured.getpeercert(binary_form=True)
    except ssl.SSLError as error:
        told = text(
            f"ce qui écoute là n'est pas un nœud ({error.reason})",
            f"what listens there is no node ({error.reason})",
        )
        return told, False
    except (OSError, ValueError, Refused) as error:  # ValueError: a host that is no name
        return str(error), False
    if shown is None or issuer_of(shown, frozenset({territory.voting_key})) is None:
        told = text(
            "le nœud qui écoute là est celui d'un autre territoire ou d'un autre réseau",
            "the node that listens there is another territory's or another network's",
        )
        return told, shown is not None
    return "", False


def _ask(place: str) -> tuple[float | None, str | None, bool | None]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        host = parse_host_port(place, "http")[0] if "://" not in place else ""
        url = place if "://" in place else f"{'http' if is_loopback(host) else 'https'}://{place}"
        with opener.open(f"{url}/v1/status", timeout=TIMEOUT_SECONDS) as answer:
            told_seconds = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
            content = json.loads(answer.read(ANSWER_BYTES_MAX))
            network_id = content["network_id"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None, None, None
    except (OverflowError, http.client.HTTPException, Refused):  # whatever listens there
        return None, None, None
    # `Date` has whole seconds: half of one is the best guess.
    offset_seconds = told_seconds + 0.5 - time.time()
    is_archive = content.get("keep_days") is None and content.get("first_height") == 1
    return offset_seconds, network_id if isinstance(network_id, str) else None, is_archive


def look_at_peers(seen: list[Seen], quorum: int, is_current: bool = True) -> list[Finding]:
    """A finding for each that is away, and whether enough are there.

    Unless what is known here `is_current`, whoever shows another key may have renewed it, and
    counts neither as there nor as away.
    """
    findings = [_away(one, is_current) for one in seen if one.peer_problem]
    there = sum([not one.peer_problem for one in seen])
    perhaps = sum([one.key_differs for one in seen]) if not is_current else 0
    told = text(
        f"{there} autres territoires sur {len(seen)} joignables",
        f"{there} of {len(seen)} other territories can be reached",
    )
    if there + 1 >= quorum:
        return [*findings, Finding("peers", GOOD, told)]
    if there + perhaps + 1 >= quorum:
        told = text(
            f"{told} ; de {perhaps} autres, on ne peut le savoir ici",
            f"{told}; of {perhaps} more this can't be known here",
        )
        return [*findings, Finding("peers", WARNING, told, _start_first())]
    hint = text(
        f"il en faut {quorum - 1} pour payer ; votre pare-feu laisse-t-il sortir ?",
        f"{quorum - 1} are needed for payments; does your firewall let connections out?",
    )
    return [*findings, Finding("peers", BAD, told, hint)]


def _away(one: Seen, is_current: bool) -> Finding:
    if one.key_differs and not is_current:
        told = text(
            f"{one.prefix} ({one.peer}) : une autre clé que celle connue ici ; renouvelée depuis, "
            "ou le nœud d'un autre territoire ou réseau",
            f"{one.prefix} ({one.peer}): another key than is known here; renewed since, or the "
            "node of another territory or network",
        )
        return Finding("peer", WARNING, told, _start_first())
    hint = text(
        f"appelez {one.prefix} ; d'ici : nc -vz {one.peer.replace(':', ' ')}",
        f"call {one.prefix}; from here: nc -vz {one.peer.replace(':', ' ')}",
    )
    return Finding("peer", WARNING, f"{one.prefix} ({one.peer}): {one.peer_problem}", hint)


def _start_first() -> str:
    return text(
        "démarrez le nœud, laissez-le rattraper, puis relancez cet examen",
        "start the node, let it catch up, then look again",
    )


def look_at_networks(seen: list[Seen], network_id: str) -> Finding:
    """Whether the others serve the network of this genesis."""
    strange = sorted([one.prefix for one in seen if one.network_id not in (None, network_id)])
    told = sum([one.network_id == network_id for one in seen])
    if strange:
        return Finding(
            "genesis",
            BAD,
            text(
                f"{', '.join(strange)} : ces nœuds servent un autre réseau que cette genèse",
                f"{', '.join(strange)}: these nodes serve another network than this genesis",
            ),
            text(
                "comparez de vive voix l'identifiant du réseau, et prenez la bonne genèse",
                "compare the network id by voice, and take the right genesis",
            ),
        )
    return Finding(
        "genesis",
        GOOD if told else WARNING,
        text(
            f"{told} autres nœuds servent ce réseau, {network_id[:16]}…",
            f"{told} other nodes serve this network, {network_id[:16]}…",
        ),
    )


def look_at_archives(retention: Retention, seen: Sequence[Seen]) -> Finding:
    """Whether anybody keeps every block, where this node does not."""
    try:
        days = retention.days()
    except (Refused, OSError) as error:
        return Finding(
            "blocks",
            WARNING,
            text(f"tous sont gardés : {error}", f"all are kept: {error}"),
            "democite node keep --days N|all --data DIR",
        )
    if days is None:
        return Finding("blocks", GOOD, text("tous sont gardés", "all are kept"))
    told = text(f"{days} jours sont gardés", f"{days} days are kept")
    archives = [one.prefix for one in seen if one.is_archive]
    if archives:
        names = ", ".join(archives)
        return Finding(
            "blocks", GOOD, text(f"{told} ; tous chez {names}", f"{told}; all at {names}")
        )
    return Finding(
        "blocks",
        WARNING,
        text(f"{told}, et personne ne dit tout garder", f"{told}, and nobody says to keep all"),
        text(
            "qu'un territoire garde tout : democite node keep --days all --data DIR",
            "let one territory keep all: democite node keep --days all --data DIR",
        ),
    )
