"""Who is told what happens with peers."""

from typing import Protocol

from node.peers.frames import Frame


class PeerHandler(Protocol):
    """Who is told about peers."""

    def peer_connected(self, peer_key: bytes) -> None:
        """Said hello; frames may be sent."""

    def peer_disconnected(self, peer_key: bytes) -> None:
        """Gone, until `peer_connected` again."""

    def peer_frame(self, peer_key: bytes, frame: Frame) -> None:
        """A frame; raise Refused to close this connection."""
