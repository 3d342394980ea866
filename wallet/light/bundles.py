"""A header with what makes it final, as nodes serve it and receipts keep it."""

from collections.abc import Mapping
from dataclasses import dataclass

from primitives.errors import Refused

# Above this a node is not answering but flooding: views between two finalizations are few.
HEADERS_MAX = 1_024
HEADER_BYTES_MAX = 4_096
CERTIFICATE_BYTES_MAX = 64 * 1_024


@dataclass(frozen=True, slots=True)
class HeaderBundle:
    """The bytes of a header, of a certificate, and of the headers from one to the other.

    `headers` are those after `header`, ascending; the last is the certified one. Empty when the
    certificate is for `header` itself.
    """

    header: bytes
    certificate: bytes
    headers: tuple[bytes, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The form of `GET /v1/headers/{height}`, without the height."""
        return {
            "header": self.header.hex(),
            "certificate": self.certificate.hex(),
            "headers": [raw.hex() for raw in self.headers],
        }


def bundle_from_json(content: Mapping[str, object]) -> HeaderBundle:
    """Read a bundle from a node's answer or a file. Raises `Refused("node_answer_malformed")`."""
    between = content.get("headers", [])
    if not isinstance(between, list) or len(between) > HEADERS_MAX:
        raise Refused("node_answer_malformed", field="headers")
    return HeaderBundle(
        header=hex_field(content, "header", HEADER_BYTES_MAX),
        certificate=hex_field(content, "certificate", CERTIFICATE_BYTES_MAX),
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
