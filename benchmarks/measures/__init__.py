"""One figure each of `docs/performance.md`, of a network of its own; `Form` says how long."""
