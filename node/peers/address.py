"""Where another node is, and who must be there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """One other node: its authority, and where it listens. `is_observer`: it has no vote."""

    voting_key: bytes
    authority_der: bytes
    host: str
    port: int
    is_observer: bool = False
