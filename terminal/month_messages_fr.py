"""What the month refuses, in French: files, payrolls, consents, bulletins, programmes."""

MONTH_MESSAGES: dict[str, tuple[str, str]] = {
    "file_column_unknown": (
        "le fichier a une colonne de trop ou en double",
        "gardez exactement la première ligne du modèle",
    ),
    "file_row_malformed": (
        "cette ligne n'est pas lisible",
        "comptez ses points-virgules et ses guillemets",
    ),
    "file_too_large": ("ce fichier est trop grand", "faites-en plusieurs"),
    "file_empty": ("ce fichier est vide", "commencez par la première ligne du modèle"),
    "cell_empty": ("cette case est vide", "remplissez-la"),
    "cell_too_long": ("cette case est trop longue", "raccourcissez-la"),
    "date_malformed": (
        "cette date n'est pas écrite comme il faut",
        "écrivez par exemple 2026-05-31",
    ),
    "period_malformed": (
        "cette période n'est pas écrite comme il faut",
        "écrivez par exemple 2026-05",
    ),
    "period_out_of_range": ("ce mois n'existe pas", "vérifiez la période"),
    "period_mixed": (
        "un fichier de paie porte sur un seul mois",
        "faites un fichier par période",
    ),
    "count_malformed": ("ce nombre n'est pas écrit en chiffres", "écrivez un nombre entier"),
    "consent_malformed": ("l'accord n'est pas lisible", "écrivez oui ou non"),
    "consent_stale": (
        "un accord plus récent est déjà inscrit",
        "mettez l'appareil à l'heure et recommencez",
    ),
    "person_unknown": ("cette personne n'est pas inscrite", "inscrivez-la d'abord"),
    "programme_unknown": ("ce programme n'existe pas", "importez d'abord les programmes"),
    "level_unknown": ("ce niveau n'existe pas", "importez d'abord les niveaux"),
    "minutes_out_of_range": (
        "cette durée n'est pas possible",
        "une activité dure de 1 à 1440 minutes",
    ),
    "gross_total_invalid": (
        "le total brut de cette paie n'est pas celui que la règle demande",
        "à partir de dix lignes, et seulement alors, arrondi à la centaine supérieure",
    ),
    "bulletins_already_credited": ("ces bulletins sont déjà crédités", "il n'y a rien à faire"),
    "operation_differs": (
        "le nœud fait signer autre chose que ce qu'il annonce",
        "ne signez pas et signalez-le",
    ),
    "operations_pending_max": (
        "trop d'opérations attendent une signature",
        "signez ou laissez expirer celles qui attendent",
    ),
    "payroll_differs": (
        "le nœud propose une autre paie que celle du fichier",
        "rien n'est signé ; signalez-le à la mairie",
    ),
    "disclosure_malformed": (
        "ce fichier n'est pas une ligne communiquée",
        "demandez-le de nouveau à qui l'a fait",
    ),
    "disclosure_invalid": (
        "cette ligne n'est pas celle que porte le registre",
        "n'en croyez rien et demandez d'où elle vient",
    ),
}
