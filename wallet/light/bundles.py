"""A header with what makes it final, as nodes serve it and receipts keep it.

The engine that ordered the block says in which form the bytes are (docs/protocol.md, sections 4 and
6); the word for it is a node's, and only what the bytes prove is believed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consensus.cometbft.commits import COMMIT_BYTES_MAX
from primitives.errors import Refused

SIMPLEX: Final = "simplex"
COMETBFT: Final = "cometbft"
ENGINES = (SIMPLEX, COMETBFT)

# Above this a node is not answering but flooding: views between two finalizations are few.
HEADERS_MAX = 1_024
HEADER_BYTES_MAX = 4_096
CERTIFICATE_BYTES_MAX = {SIMPLEX: 64 * 1_024, COMETBFT: COMMIT_BYTES_MAX}


@dataclass(frozen=True, slots=True)
class HeaderBundle:
    """The bytes of a header, of a certificate, and of the headers from one to the other.

    `headers` are those after `header`, ascending; the last is the certified one. Empty when the
    certificate is for `header` itself.
    """

    header: bytes
    certificate: bytes
    headers: tuple[bytes, ...] = ()
    engine: str = SIMPLEX

    def to_json(self) -> dict[str, object]:
        """The form of `GET /v1/headers/{height}`, without the height."""
        named = {} if self.engine == SIMPLEX else {"engine": self.engine}
        return {
            **named,
            "header": self.header.hex(),
            "certificate": self.certificate.hex(),
            "headers": [raw.hex() for raw in self.headers],
        }


def bundle_from_json(content: Mapping[str, object]) -> HeaderBundle:
    """Read a bundle from a node's answer or a file. Raises `Refused("node_answer_malformed")`."""
    between = content.get("headers", [])
    if not isinstance(between, list) or len(between) > HEADERS_MAX:
        raise Refused("node_answer_malformed", field="headers")
    engine = content.get("engine", SIMPLEX)
    if not isinstance(engine, str) or engine not in ENGINES:
        raise Refused("node_answer_malformed", field="engine")
    return HeaderBundle(
        engine=engine,
        header=hex_field(content, "header", HEADER_BYTES_MAX),
        certificate=hex_field(content, "certificate", CERTIFICATE_BYTES_MAX[engine]),
        headers=tuple(
            hex_field({"headers": word}, "headers", HEADER_BYTES_MAX) for word in between
        ),
    )


def hex_field(content: Mapping[str, object], name: str, bytes_max: int) -> bytes:
    """Bytes written as lower-case hex. Raises `Refused("node_answer_malformed")`."""
    word = content.get(name)
    if not isinstance(word, str) or len(word) > 2 * bytes_max:
        raise Refused("node_answer_malformed", field=name)
    try:
        return bytes.fromhex(word)
    except ValueError:
        raise Refused("node_answer_malformed", field=name) from None
