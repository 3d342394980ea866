"""Asking a running node, for operators."""

import http.client
import json
import urllib.request
from collections.abc import Sequence

from primitives.errors import Refused
from terminal.languages import text

ANSWER_BYTES_MAX = 65_536
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
    refusal = Refused("node_unreachable", "no --node")
    for url in urls:
        try:
            return _fetch_from(url)
        except Refused as error:
            refusal = error
    raise refusal


def _fetch_from(url: str) -> dict[str, object]:
    if not url.startswith(("http://", "https://")):
        raise Refused("node_unreachable", f"{url[:100]}: not an http URL")
    # As wallets do: no proxy is taken from the environment.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/v1/status", timeout=TIMEOUT_SECONDS) as answer:
            raw = answer.read(ANSWER_BYTES_MAX)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Refused("node_unreachable", f"{url}: {error}") from None
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not content.keys() >= NAMES:
        raise Refused("node_answer_malformed", url)
    return content


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
        "height": text("hauteur", "height"),
        "view": text("vue", "view"),
        "state_root": text("racine d'état", "state root"),
        "peers": text("pairs", "peers"),
        "mempool_transactions": text("transactions en attente", "waiting transactions"),
        "ready": text("prêt", "ready"),
        "observing": text("observe seulement", "observes only"),
    }
    return "\n".join(f"{label}: {content.get(name)}" for name, label in names.items())
