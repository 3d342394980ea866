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
    "person_erased": (
        "cette personne a été effacée du registre de la mairie",
        "son code ne se reprend pas : donnez-en un autre",
    ),
    "record_in_use": (
        "cette fiche a déjà servi, elle ne change plus",
        "voyez où elle en est ; seul autre chose demande un autre code",
    ),
    "account_linked": (
        "ce compte ou ce code est déjà rattaché autrement",
        "vérifiez l'adresse et le code",
    ),
    "employer_unknown": ("cet employeur n'est pas enregistré", "enregistrez-le d'abord"),
    "service_unknown": ("ce service n'est pas enregistré", "enregistrez-le d'abord"),
    "erasure_pending": (
        "cette personne figure dans un envoi qui n'est pas terminé",
        "attendez qu'il soit définitif ou abandonné, puis recommencez",
    ),
    "activity_unknown": ("cette activité n'existe pas", "relisez la liste des activités"),
    "batch_unknown": ("ce lot de bulletins n'existe pas", "relisez la liste des opérations"),
    "bulletins_differ": (
        "ces bulletins ne disent plus ce que dit le registre de la mairie",
        "ne les signez pas : laissez-les expirer et établissez-les de nouveau",
    ),
    "operation_unknown": ("cette opération n'existe pas", "relisez la liste des opérations"),
    "confirmation_missing": (
        "personne ne peut répondre avant la signature",
        "ajoutez --yes pour signer ce qui vient d'être montré",
    ),
    "registry_missing": (
        "ce nœud a déjà tourné et son registre privé a disparu",
        "restaurez une sauvegarde : democite node backup restore",
    ),
    "registry_behind_ledger": (
        "le registre commun a crédité des bulletins que ce fichier privé ne connaît pas",
        "restaurez une sauvegarde plus récente, ou demandez de l'aide : rien n'a été préparé",
    ),
    "operation_settled": ("cette opération n'attend plus de signature", "regardez où elle en est"),
    "payroll_unknown": ("cette paie n'attend pas de signature", "présentez le fichier de nouveau"),
    "payroll_empty": (
        "aucune ligne de cette paie ne verse de part locale",
        "il n'y a rien à payer ici",
    ),
    "registry_unreadable": (
        "le registre de la mairie ne peut pas être lu",
        "restaurez-le depuis une sauvegarde (democite node backup restore)",
    ),
    "registry_of_other_territory": (
        "ce registre est celui d'un autre territoire",
        "vérifiez le dossier ou la sauvegarde",
    ),
    "registry_exists": (
        "il y a déjà un registre dans ce dossier",
        "mettez-le de côté d'abord, il n'est jamais écrasé",
    ),
    "backup_malformed": (
        "ce fichier n'est pas une sauvegarde entière",
        "prenez-en une autre copie",
    ),
    "operation_released": (
        "cette opération n'a plus d'effet",
        "refaites-la : rien n'a été crédité",
    ),
    "programme_not_open": (
        "ce programme n'est pas ouvert",
        "ouvrez-le : democite office programme open",
    ),
    "request_too_large": ("cette demande est trop grande", "faites-en plusieurs plus petites"),
}
