"""Asking a running node, for operators."""

import http.client
import json
import urllib.request
from collections.abc import Sequence

from consensus.epoch_starts import EPOCHS_BYTES_MAX, EpochStart, read_epochs
from primitives.errors import Refused
from terminal.languages import text

ANSWER_BYTES_MAX = 65_536
EVIDENCE_BYTES_MAX = 4 << 20
NETWORK_BYTES_MAX = 16 << 20
"""The genesis stands in it, and any number of endorsements."""
EPOCH_BYTES_MAX = 4 << 20
TIMEOUT_SECONDS = 5.0
NAMES = frozenset(
    {
        "network_id",
        "height",
        "view",
        "state_root",
        "peers",
        "members",
        "peer_details",
        "mempool_transactions",
        "ready",
    }
)


def fetch_status(urls: Sequence[str]) -> dict[str, object]:
    """`GET /v1/status` of the first node that answers.

    Raises `Refused`: `node_unreachable`, `node_answer_malformed`.
    """
    return _fetch(urls, "/v1/status", NAMES, ANSWER_BYTES_MAX)


def fetch_evidence(urls: Sequence[str]) -> list[object]:
    """`GET /v1/evidence` of the first node that answers. Raises as `fetch_status`."""
    content = _fetch(urls, "/v1/evidence", frozenset({"items"}), EVIDENCE_BYTES_MAX)
    items = content["items"]
    if not isinstance(items, list):
        raise Refused("node_answer_malformed", "items")
    return items


def fetch_network(urls: Sequence[str]) -> dict[str, object]:
    """`GET /v1/network` of the first node that answers. Raises as `fetch_status`."""
    names = frozenset({"network_id", "epoch", "members", "genesis"})
    return _fetch(urls, "/v1/network", names, NETWORK_BYTES_MAX)


def fetch_epoch(urls: Sequence[str], number: int) -> dict[str, object]:
    """`GET /v1/epochs/{number}` of the first node that answers. Raises as `fetch_status`."""
    return _fetch(urls, f"/v1/epochs/{number}", frozenset({"members"}), EPOCH_BYTES_MAX)


def fetch_epoch_starts(urls: Sequence[str], first: int) -> tuple[EpochStart, ...]:
    """`GET /v1/epochs?from=N` of the first node that answers; nothing is believed yet. Raises as
    `fetch_status`."""
    refusal = Refused("node_unreachable", "no --node")
    for url in urls:
        try:
            return read_epochs(_read_from(url, f"/v1/epochs?from={first}", EPOCHS_BYTES_MAX + 1))
        except Refused as error:
            refusal = error
    raise refusal


def _fetch(
    urls: Sequence[str], path: str, names: frozenset[str], bytes_max: int
) -> dict[str, object]:
    refusal = Refused("node_unreachable", "no --node")
    for url in urls:
        try:
            return _fetch_from(url, path, names, bytes_max)
        except Refused as error:
            refusal = error
    raise refusal


def _fetch_from(url: str, path: str, names: frozenset[str], bytes_max: int) -> dict[str, object]:
    raw = _read_from(url, path, bytes_max)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not content.keys() >= names:
        raise Refused("node_answer_malformed", url)
    return content


def _read_from(url: str, path: str, bytes_max: int) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise Refused("node_unreachable", f"{url[:100]}: not an http URL")
    # As wallets do: no proxy is taken from the environment.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}{path}", timeout=TIMEOUT_SECONDS) as answer:
            raw: bytes = answer.read(bytes_max)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Refused("node_unreachable", f"{url}: {error}") from None
    return raw


def peer_lines(content: dict[str, object]) -> str:
    """The other members, a line each."""
    lines = [
        text(
            f"{content['peers']} connectés ; {content['members']} territoires en tout",
            f"{content['peers']} connected; {content['members']} territories in all",
        )
    ]
    details = content["peer_details"]
    for peer in details if isinstance(details, list) else []:
        if isinstance(peer, dict):
            state = text("connecté", "connected") if peer.get("connected") else "-"
            lines.append(f"{peer.get('prefix')}  {peer.get('address')}  {state}")
    return "\n".join(lines)


def status_lines(content: dict[str, object]) -> str:
    """The status, a line each."""
    names = {
        "network_id": text("réseau", "network"),
        "epoch": text("époque", "epoch"),
        "height": text("hauteur", "height"),
        "view": text("vue", "view"),
        "state_root": text("racine d'état", "state root"),
        "peers": text("pairs", "peers"),
        "mempool_transactions": text("transactions en attente", "waiting transactions"),
        "ready": text("prêt", "ready"),
        "observing": text("observe seulement", "observes only"),
        "first_height": text("blocs gardés à partir de", "blocks kept from"),
    }
    lines = [f"{label}: {content.get(name)}" for name, label in names.items()]
    if content.get("observing_reason"):
        lines.append(f"{text('raison', 'reason')}: {content['observing_reason']}")
    missing = content.get("missing_height")
    if missing:
        lines.append(
            text(
                f"ATTENTION : aucun nœud connecté ne garde le bloc {missing} ; il faut une "
                "archive, ou un départ sans --full-history",
                f"BEWARE: no node connected keeps block {missing}; it takes an archive, or a start "
                "without --full-history",
            )
        )
    unknown = content.get("rule_version_unknown")
    if unknown:
        lines.append(
            text(
                f"ATTENTION : les règles {unknown} sont proposées ou votées ; mettez ce programme "
                "à jour, sinon le nœud s'arrête quand elles entrent en vigueur",
                f"BEWARE: rules {unknown} are proposed or voted; update this program, else the "
                "node stops when they begin",
            )
        )
    return "\n".join(lines)
