"""Asking a running node, for operators."""

import json
import urllib.error
import urllib.request

from primitives.errors import Refused
from terminal.languages import text

ANSWER_BYTES_MAX = 65_536
TIMEOUT_SECONDS = 5.0


def fetch_status(url: str) -> dict[str, object]:
    """`GET /v1/status`. Raises `Refused`: `node_unreachable`, `node_answer_malformed`."""
    if not url.startswith(("http://", "https://")):
        raise Refused("node_unreachable", f"{url[:100]}: not an http URL")
    try:
        with urllib.request.urlopen(f"{url}/v1/status", timeout=TIMEOUT_SECONDS) as answer:
            raw = answer.read(ANSWER_BYTES_MAX)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Refused("node_unreachable", f"{url}: {error}") from None
    try:
        content = json.loads(raw)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Refused("node_answer_malformed", url)
    return content


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
