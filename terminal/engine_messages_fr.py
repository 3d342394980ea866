"""Messages and hints about consensus engines and their proofs, in French."""

ENGINE_MESSAGES: dict[str, tuple[str, str]] = {
    "trust_insufficient": (
        "trop peu des validateurs connus auparavant ont signé ce bloc",
        "suivez les blocs intermédiaires, depuis le nœud de n'importe quel territoire",
    ),
    "trust_level_invalid": (
        "la part des validateurs connus qui doivent avoir signé va d'un tiers à tous",
        "donnez une fraction entre 1/3 et 1",
    ),
    "header_time_ahead": (
        "ce bloc est en avance sur l'horloge de cette machine",
        "mettez cette machine à l'heure ; si elle l'est, ne croyez pas ce bloc",
    ),
    "engine_unknown": ("ce moteur de consensus n'existe pas", "choisissez simplex ou cometbft"),
    "engine_unavailable": (
        "cette version ne fait pas tourner ce moteur",
        "mettez le programme à jour",
    ),
    "peer_of_other_engine": (
        "ce pair fait tourner un autre moteur",
        "comparez les fichiers GENESIS.engine",
    ),
    "engine_differs": (
        "les blocs de ce réseau sont ordonnés par l'autre moteur",
        "ne le croyez pas ; comparez le fichier GENESIS.engine, essayez un autre nœud",
    ),
}
