"""The life of a network: catching up, snapshots, restarts, idleness."""
