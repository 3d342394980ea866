"""Which certificate this node shows, and which authorities it trusts: the contexts of its TLS."""

import ssl
from collections.abc import Iterable

from node.peers.tls import client_context, server_context


class Identity:
    """`contexts` are for connections that others open, and for ours; None while nobody is trusted.

    Both methods refuse `keystore_malformed` for a key and certificate that do not fit."""

    def __init__(self, voting_key: bytes, key_pem: bytes, certificate_pem: bytes) -> None:
        self.voting_key = voting_key
        """The voting key that vouches for the certificate."""
        self.contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None = None
        self._shown = (key_pem, certificate_pem)
        self._trusted: frozenset[bytes] = frozenset()

    def show(self, voting_key: bytes, key_pem: bytes, certificate_pem: bytes) -> None:
        """Show this certificate from now on."""
        self.voting_key, self._shown = voting_key, (key_pem, certificate_pem)
        self._make()

    def trust(self, authorities_der: Iterable[bytes]) -> None:
        """Trust exactly these from now on."""
        authorities = frozenset(authorities_der)
        if authorities != self._trusted:
            self._trusted = authorities
            self._make()

    def _make(self) -> None:
        trusted = sorted(self._trusted)
        self.contexts = (
            (server_context(*self._shown, trusted), client_context(*self._shown, trusted))
            if trusted
            else None
        )
