"""Messages and hints about powers, in French."""

POWER_MESSAGES: dict[str, tuple[str, str]] = {
    "threshold_invalid": (
        "le nombre de signatures exigé n'est pas possible avec ces clés",
        "choisissez un seuil entre 1 et le nombre de clés",
    ),
    "account_frozen": ("ce compte est gelé", "adressez-vous à la mairie"),
    "key_blocked": (
        "cette clé est bloquée",
        "prenez une autre clé du compte, la clé sur papier, ou adressez-vous à la mairie",
    ),
    "key_blocked_already": (
        "cette clé est déjà bloquée",
        "il n'y a rien de plus à faire",
    ),
    "key_exists": (
        "cette clé est déjà sur le compte",
        "créez une nouvelle clé",
    ),
    "key_retired": (
        "cette clé a été sur le compte et n'y revient jamais",
        "créez une nouvelle clé",
    ),
    "key_set_changed": (
        "les clés du compte ont changé entre-temps",
        "regardez-les et signez de nouveau",
    ),
    "keys_invalid": (
        "les clés du compte ne peuvent pas changer ainsi",
        "voir « democite wallet devices list »",
    ),
    "change_must_wait": (
        "ce changement doit attendre",
        "faites-en une demande, ou signez avec le seuil ou la clé sur papier",
    ),
    "power_missing": (
        "ces signatures n'ont pas ce pouvoir",
        "voir la table des pouvoirs dans docs/protocol.md",
    ),
    "request_unknown": (
        "aucune demande de ce genre n'est ouverte",
        "voir « democite wallet requests »",
    ),
    "request_stopped": (
        "la demande a été refusée par un veto",
        "son auteur peut insister une fois",
    ),
    "request_agreed": (
        "trois signatures ont approuvé la demande",
        "seule la clé sur papier peut encore l'arrêter",
    ),
    "request_not_stopped": (
        "aucun premier veto n'a arrêté la demande",
        "voir « democite wallet requests »",
    ),
    "request_not_disputed": (
        "la demande n'a pas reçu deux vetos",
        "trois signatures ne décident qu'après deux vetos",
    ),
    "request_differs": (
        "la demande n'est pas celle que ces signatures visent",
        "relisez-la avec « office account requests », puis décidez de nouveau",
    ),
    "request_not_due": (
        "la demande n'est pas encore échue",
        "revenez à la date que montre « requests »",
    ),
    "request_fallen": (
        "qui a fait la demande est bloqué ou parti",
        "faites-en une nouvelle",
    ),
    "reason_unknown": (
        "ce motif de gel est inconnu",
        "de 1 à 5, voir docs/protocol.md",
    ),
    "account_not_frozen": (
        "le compte n'est pas gelé",
        "il n'y a rien à faire",
    ),
    "territory_unknown": (
        "ce territoire est inconnu",
        "les territoires du réseau : democite network status",
    ),
    "words_invalid": (
        "ce ne sont pas les douze mots d'une clé sur papier",
        "vérifiez chaque mot ; en français ou en anglais, comme ils ont été montrés",
    ),
}
