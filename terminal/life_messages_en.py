"""Messages and hints about the life of a network, in English."""

LIFE_MESSAGES: dict[str, tuple[str, str]] = {
    "observers_max": (
        "this node admits no more observers",
        "dismiss one: democite node peers remove PREFIX --data DIR",
    ),
    "observer_unknown": (
        "no observer of this name is admitted",
        "'democite node peers list --data DIR' shows them",
    ),
}
