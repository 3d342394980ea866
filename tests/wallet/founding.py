"""The genesis of the wallet's tests."""

import time
from collections.abc import Callable, Sequence

from ledger.founders import GenesisCurrency, Territory
from ledger.genesis import Genesis
from ledger.rules import Parameters
from primitives.signatures import SigningKey

GENESIS_TIME_MS = time.time_ns() // 1_000_000 - 3_600_000
"""An hour ago: a wallet that begins with an older genesis wants more proof."""


def found(
    key_of: Callable[[str], SigningKey],
    salt: str,
    *,
    time_ms: int = GENESIS_TIME_MS,
    http: Sequence[str] = (),
) -> Genesis:
    """Four territories with one euro currency each; issuers of two keys, both needed."""

    def public(name: str) -> bytes:
        return key_of(name).public_key

    territories = tuple(
        Territory(
            name=prefix.capitalize(),
            prefix=prefix,
            currencies=(GenesisCurrency(code),),
            peer=f"127.0.0.1:{4000 + index}",
            http=http[index] if http else f"127.0.0.1:{5000 + index}",
            voting_key=public(f"{prefix} voting{salt}"),
            authority_der=b"\x30" + bytes([index]),
            signing_keys=(public(f"{prefix} staff"), public(f"{prefix} staff 2")),
            signing_threshold=1,
            recovery_key=public(f"{prefix} recovery"),
            issuer_keys=(public(f"{prefix} issuer 0"), public(f"{prefix} issuer 1")),
            issuer_threshold=2,
            node_key=public(f"{prefix} node"),
            cometbft_key=public(f"{prefix} cometbft{salt}"),
        )
        for index, (prefix, code) in enumerate(
            [("arden", "ARD"), ("brume", "BRU"), ("cassis", "CAS"), ("dune", "DUN")]
        )
    )
    return Genesis(1, time_ms, True, Parameters(), territories)
