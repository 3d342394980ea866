"""TLS 1.3 between members: both ends show a certificate under a member's own authority.

No names are checked: the authority that verified is the peer's identity
(`node.peers.certificates.issuer_of`). No session is resumed, so every connection shows its
certificate.
"""

import os
import ssl
import tempfile

from node.peers.certificates import authorities_pem
from primitives.errors import Refused


def server_context(
    key_pem: bytes, certificate_pem: bytes, authorities_der: list[bytes]
) -> ssl.SSLContext:
    """For connections that others open to us. Refuses `keystore_malformed`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0
    return _secured(context, key_pem, certificate_pem, authorities_der)


def client_context(
    key_pem: bytes, certificate_pem: bytes, authorities_der: list[bytes]
) -> ssl.SSLContext:
    """For connections that we open."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return _secured(context, key_pem, certificate_pem, authorities_der)


def _secured(
    context: ssl.SSLContext, key_pem: bytes, certificate_pem: bytes, authorities_der: list[bytes]
) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authorities_pem(authorities_der))
    # `ssl` reads keys from files only; this one is readable by us alone and gone at once.
    descriptor, path = tempfile.mkstemp(prefix="democite-transport-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key_pem + b"\n" + certificate_pem)
        context.load_cert_chain(path)
    except ssl.SSLError as error:
        raise Refused(
            "keystore_malformed", f"the transport key and its certificate can't be used: {error}"
        ) from error
    finally:
        os.unlink(path)
    return context
