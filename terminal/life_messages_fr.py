"""Messages and hints about the life of a network, in French."""

LIFE_MESSAGES: dict[str, tuple[str, str]] = {
    "observers_max": (
        "ce nœud n'admet pas plus d'observateurs",
        "retirez-en un : democite node peers remove PREFIX --data DIR",
    ),
    "keystore_twice": (
        "la même clé est nommée deux fois",
        "chaque signature est d'une autre personne : nommez son fichier",
    ),
    "key_pending": (
        "une nouvelle clé est déjà prête, et attend",
        "faites-la voter ou mettre sur le compte ; --again la jette et en fait une autre",
    ),
    "node_key_unknown": (
        "le compte du territoire ne nomme pas la clé de ce nœud",
        "préparez-en une : democite node keys renew signing, puis office keys replace",
    ),
    "observer_unknown": (
        "aucun observateur de ce nom n'est admis",
        "« democite node peers list --data DIR » les montre",
    ),
    "data_of_older_version": (
        "ces données viennent d'une version plus ancienne de Démocité",
        "démarrez le nœud : il en garde une copie et les met à jour",
    ),
    "snapshot_wrong": (
        "ce qu'un pair a envoyé n'est pas l'instantané dont le réseau est convenu",
        "rien à faire : d'autres membres sont interrogés",
    ),
    "rule_version_unknown": (
        "cette version de Démocité ne connaît pas ces règles du réseau",
        "mettez le programme à jour, puis recommencez : rien n'est perdu entre-temps",
    ),
    "history_differs": (
        "l'histoire que racontent les membres n'est pas celle de --checkpoint",
        "ne démarrez rien ; appelez plusieurs mairies : quelqu'un imite le réseau, ou le point de "
        "contrôle est mal recopié",
    ),
    "history_unconfirmed": (
        "ce que ce nœud connaît est si ancien que la parole des clés d'alors ne suffit plus",
        "il attend que d'autres fondateurs répondent ; ou lancez-le avec --checkpoint "
        "EPOQUE:EMPREINTE, comme le montre 'democite network status' chez un membre ; cette "
        "machine est-elle à l'heure ?",
    ),
    "territory_not_joined": (
        "ce territoire n'a pas encore rejoint le réseau",
        "un membre le propose : democite network propose add CARTE",
    ),
    "retention_too_short": (
        "les blocs doivent être gardés plus longtemps",
        "les remboursements et les recherches en ont besoin ; plus de jours, ou « all »",
    ),
    "retention_malformed": (
        "la durée de garde des blocs est un nombre de jours, ou « all »",
        "democite node keep --days N --data DIR",
    ),
    "block_pruned": (
        "cela était dans un bloc que les nœuds interrogés ne gardent plus",
        "demandez à un nœud qui garde tous les blocs : --node URL",
    ),
}
