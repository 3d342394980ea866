"""Messages and hints about the life of a network, in French."""

LIFE_MESSAGES: dict[str, tuple[str, str]] = {
    "observers_max": (
        "ce nœud n'admet pas plus d'observateurs",
        "retirez-en un : democite node peers remove PREFIX --data DIR",
    ),
    "observer_unknown": (
        "aucun observateur de ce nom n'est admis",
        "« democite node peers list --data DIR » les montre",
    ),
}
